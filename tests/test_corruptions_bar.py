"""ImageNet-C-bar's corruptions against its formulas in NumPy, given the same draws, and the laws of the draws.

Severities are spelled out as the benchmark's own list has them.
"""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

import datasets
from robustness.corruptions import BAR, CORRUPTIONS
from robustness.corruptions.perlin import lattice_gradients, lattice_shape
from robustness.corruptions.spectrum import blue, brownish, coloured_noise

SIZE = 224
Y, X = np.mgrid[:SIZE, :SIZE]
LEVELS = {
    "caustic_refraction": (2.35, 3.2, 4.9, 6.6, 9.15),
    "inverse_sparkles": (1, 2, 4, 9, 10),
    "sparkles": (1, 2, 3, 5, 6),
    "perlin_noise": (4.6, 5.2, 5.8, 7.6, 8.8),
    "blue_noise_sample": (0.8, 1.6, 2.4, 4, 5.6),
    "plasma_noise": (4.75, 7, 8.5, 9.25, 10),
    "checkerboard_cutout": (2, 3, 4, 5, 6),
    "cocentric_sine_waves": (3, 5, 8, 9, 10),
    "single_frequency_greyscale": (1, 1.5, 2, 4.5, 5),
    "brownish_noise": (1, 2, 3, 4, 5),
}
each_severity = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


def test_the_benchmark_is_complete() -> None:
    assert tuple(LEVELS) == BAR


@pytest.fixture(scope="module")
def picture(photographs: datasets.Batch) -> np.ndarray:
    """A photograph with white, black and flat regions, uint8 [224,224,3]."""
    return np.moveaxis(photographs.views[0][7].numpy(), 0, -1).copy()


def check(name: str, severity: int, picture: np.ndarray, wanted: np.ndarray, **draw: np.ndarray | torch.Tensor) -> None:
    """Demand the reference's levels but for a few that rounding moves by one."""
    stacked = {key: torch.as_tensor(value)[None] for key, value in draw.items()}
    image = torch.from_numpy(np.moveaxis(picture, -1, 0).copy())[None]
    got = np.moveaxis(CORRUPTIONS[name].apply(image, severity, stacked)[0].numpy(), 0, -1)
    error = np.abs(got.astype(int) - np.clip(wanted, 0, 255).astype(np.uint8))
    assert error.max() <= 1 and (error > 0).mean() < 1e-3, (error.max(), (error > 0).mean())


@each_severity
def test_single_frequency_greyscale(picture: np.ndarray, severity: int) -> None:
    right, down, phase = wave = np.random.default_rng(severity).uniform(-3, 3, 3)
    intensity = LEVELS["single_frequency_greyscale"][severity - 1] * 19.6
    wanted = picture + intensity * np.sin(X * right + Y * down + phase)[..., None]
    check("single_frequency_greyscale", severity, picture, wanted, wave=wave)


@each_severity
def test_cocentric_sine_waves(picture: np.ndarray, severity: int) -> None:
    x0, y0, petals, height, width = rings = np.array([30.3, 170.2, 7.7, 11.1, 18.3])
    angle = np.arctan2(X - x0, Y - y0) * petals
    ramp = (np.hypot(X - x0, Y - y0) + np.sin(angle) * height) % width / width - 0.5
    wanted = picture + LEVELS["cocentric_sine_waves"][severity - 1] * 12.8 * ramp[..., None]
    check("cocentric_sine_waves", severity, picture, wanted, rings=rings)


@each_severity
@pytest.mark.parametrize("iterations", [4, 5, 6])
def test_plasma_noise(picture: np.ndarray, severity: int, iterations: int) -> None:
    time, sharpness, scale = 11.3, 0.77, 21.5
    x, y = X / scale, Y / scale
    for i in range(iterations):
        first = np.cos(y * 1.93**i + time / 1.15**i) / (2.25 - sharpness) ** i
        second = np.sin(x * 1.93**i + time / 1.15**i) / (2.25 - sharpness) ** i
        x, y = x + first - 0.3 * second, y + second + 0.3 * first
    colours = np.stack([np.sin(x - time), np.sin((x + y + np.sin(time)) / 2), np.sin(y + time)], axis=-1)
    intensity = LEVELS["plasma_noise"][severity - 1] * 6.4
    wanted = (1 - intensity / 255) * picture + intensity * colours
    check("plasma_noise", severity, picture, wanted, plasma=np.array([time, iterations, sharpness, scale]))


@each_severity
@pytest.mark.parametrize("angle", [0.3, 2.0, 3.7, 5.9])
def test_checkerboard_cutout(picture: np.ndarray, severity: int, angle: float) -> None:
    side, fraction = 24.4, LEVELS["checkerboard_cutout"][severity - 1] / 10
    lot = np.random.default_rng(severity).uniform(size=(36, 36))
    along = (np.cos(angle) * Y + np.sin(angle) * X) / side
    across = (-np.sin(angle) * Y + np.cos(angle) * X) / side
    drawn = (lot < fraction)[along.astype(int), across.astype(int)]  # towards zero; negative ones from the end
    covered = ((along % 2).astype(int) == (across % 2).astype(int)) & drawn
    wanted = np.where(covered[..., None], 128, picture)
    check("checkerboard_cutout", severity, picture, wanted, board=np.array([angle, side]), lot=lot)


def ref_star(centre: np.ndarray, lengths: np.ndarray, power: float) -> np.ndarray:
    dy, dx = Y - centre[0], X - centre[1]
    turn = (np.arctan2(dx, dy) + np.pi) / (2 * np.pi) * len(lengths)
    first = turn.astype(int)
    part = turn - first
    ends = lengths[first % len(lengths)], lengths[(first + 1) % len(lengths)]
    reach = (1 - part) * ends[0] + part * ends[1]
    return np.clip((reach**2 / (dx**2 + dy**2 + 1e-4)) ** power * (1 - (part - 0.5) ** 2), 0, 1)[..., None]


@each_severity
def test_sparkles(picture: np.ndarray, severity: int) -> None:
    rng = np.random.default_rng(severity)
    radius = LEVELS["sparkles"][severity - 1] * 0.01 * SIZE
    centre, rays = rng.uniform(0, SIZE, (5, 2)), np.array([50, 77, 120, 198, 199])
    lengths = rng.normal(radius, radius / 4, (5, 199))
    wanted = picture.astype(float)
    for c, count, length in zip(centre, rays, lengths, strict=True):
        wanted += ref_star(c, np.maximum(length[:count], 1), 1) * (255 - wanted)
    check("sparkles", severity, picture, wanted, centre=centre, rays=rays, lengths=lengths)


@each_severity
def test_inverse_sparkles(picture: np.ndarray, severity: int) -> None:
    rng = np.random.default_rng(severity)
    centre, lengths = rng.uniform(56, 168, 2), rng.normal(56, 14, 199)
    star = ref_star(centre, lengths[:61], LEVELS["inverse_sparkles"][severity - 1] * 0.13)
    draw = {"centre": centre[None], "rays": np.array([61]), "lengths": lengths[None]}
    check("inverse_sparkles", severity, picture, star * picture + (1 - star) * 255 + 1e-9, **draw)


def ref_perlin(rows: np.ndarray, columns: np.ndarray, table: np.ndarray, order: np.ndarray) -> np.ndarray:
    i, j = np.floor(rows).astype(int), np.floor(columns).astype(int)
    total = np.zeros(rows.shape)
    for a in (0, 1):
        for b in (0, 1):
            gradient = table[order[(order[(i + a) % 256] + j + b) % 256]]
            down, right = rows - i - a, columns - j - b
            weight = np.prod([1 - 3 * d**2 + 2 * abs(d) ** 3 for d in (down, right)], axis=0)
            total += weight * (gradient[..., 0] * down + gradient[..., 1] * right)
    return 1.5 * total


@each_severity
def test_perlin_noise(picture: np.ndarray, severity: int) -> None:
    rng = np.random.default_rng(severity)
    components, swaps = rng.integers(-256, 256, (256, 2)), rng.integers(0, 256, 256)
    table, order = components / np.linalg.norm(components, axis=1, keepdims=True), np.arange(256)
    for i, j in zip(range(255, -1, -1), swaps, strict=True):
        order[[i, j]] = order[[j, i]]
    clouds = sum(abs(ref_perlin(f * Y / 32, f * X / 32, table, order)) / f for f in (1, 2, 4, 8, 16))
    alpha = LEVELS["perlin_noise"][severity - 1] * 0.05
    wanted = (1 - alpha) * picture + 255 * alpha * np.clip(clouds / 2 + 0.5, 0, 1)[..., None]
    grid = lattice_shape((SIZE, SIZE))
    gradients = lattice_gradients(torch.from_numpy(components), torch.from_numpy(swaps), grid)
    check("perlin_noise", severity, picture, wanted, gradients=gradients)


def test_a_zero_gradient_stays_zero() -> None:
    components = torch.tensor([3, 4]).repeat(256, 1)
    components[0] = 0
    lengths = lattice_gradients(components, torch.arange(255, -1, -1), (300, 2)).square().sum(0)
    assert set(lengths[:, 0].tolist()) == {0.0, 1.0}


def ref_coloured(phases: np.ndarray, falling: bool) -> np.ndarray:
    """As the reference has it: the left half of the phases drawn, the right half turned by 180 degrees."""
    radius = np.hypot(Y - SIZE / 2, X - SIZE / 2)
    power = 1 / (radius**2 + 1) if falling else radius
    noise = np.fft.ifft2(np.fft.fftshift(power * np.exp(1j * np.hstack([phases, phases[::-1, ::-1]])))).real
    return noise / noise.std()


@each_severity
def test_blue_and_brownish_noise(picture: np.ndarray, severity: int) -> None:
    phases = np.random.default_rng(severity).uniform(0, 2 * np.pi, (3, SIZE, SIZE // 2))
    halves = [torch.from_numpy(np.hstack([p, p[::-1, ::-1]]).flatten()[: SIZE**2 // 2]) for p in phases]
    kept = ref_coloured(phases[0], falling=False) > LEVELS["blue_noise_sample"][severity - 1] * 0.3 - 2.5
    noise = coloured_noise(halves[0], (SIZE, SIZE), blue)
    check("blue_noise_sample", severity, picture, picture * kept[..., None], noise=noise[None])
    smooth = np.stack([ref_coloured(p, falling=True) for p in phases], axis=-1)
    noise = torch.stack([coloured_noise(half, (SIZE, SIZE), brownish) for half in halves])
    wanted = picture + LEVELS["brownish_noise"][severity - 1] * 6.4 * smooth
    check("brownish_noise", severity, picture, wanted, noise=noise)


@pytest.mark.parametrize("shape", [(32, 32), (33, 33), (97, 150), (64, 45)])
def test_noise_of_any_shape_has_unit_deviation(shape: tuple[int, int]) -> None:
    for name in ("blue_noise_sample", "brownish_noise"):
        noise = CORRUPTIONS[name].draw(1, shape, torch.Generator().manual_seed(0))["noise"]
        assert noise.shape[1:] == shape
        torch.testing.assert_close(noise.std((1, 2), correction=0), torch.ones(len(noise)))


def ref_caustics(time: float, period: float) -> np.ndarray:
    p = np.stack([Y, X]) / period % 1 * 6.28318530718 - 250
    i, light = p, 1.0
    for t in (time * (1 - 3.5 / n) for n in (1, 2, 3, 4, 5)):
        i = p + np.stack([np.cos(t - i[0]) + np.sin(t + i[1]), np.sin(t - i[1]) + np.cos(t + i[0])])
        light = light + 200 / np.hypot(p[0] / np.sin(i[0] + t), p[1] / np.cos(i[1] + t))
    return ndimage.gaussian_filter(np.minimum(abs(1.17 - (light / 5) ** 1.4) ** 8, 1), 1)


@each_severity
def test_caustic_refraction(picture: np.ndarray, severity: int) -> None:
    """Snell's law in angles, where the product has it in closed form."""
    level, water = LEVELS["caustic_refraction"][severity - 1], np.array([1.37, 199.9])
    wide = np.pad(ref_caustics(*water), 1)
    slope = np.stack([wide[2:, 1:-1] - wide[:-2, 1:-1], wide[1:-1, 2:] - wide[1:-1, :-2]])
    steepness = np.maximum(np.hypot(*slope), 1e-300)
    angle = np.arctan(steepness)
    turned = np.sin(angle - np.arcsin(np.sin(angle) / 4)) * (np.cos(angle) < 0.999)
    where = np.stack([Y, X]) + np.round(slope / steepness * turned * level * 0.05 * SIZE, 3)
    unit = picture.astype(np.float32) / np.float32(255)
    bent = [ndimage.map_coordinates(unit[..., c], where, order=1, mode="grid-constant") for c in range(3)]
    lit = np.stack(bent, axis=-1) + ((slope[0] - slope[1]) * level * 0.2).astype(np.float32)[..., None]
    check("caustic_refraction", severity, picture, np.clip(lit, 0, 1).astype(np.float64) * 255, water=water)


def sampled(name: str, key: str, severity: int = 5, count: int = 400) -> np.ndarray:
    draws = (CORRUPTIONS[name].draw(severity, (SIZE, SIZE), torch.Generator().manual_seed(i)) for i in range(count))
    return torch.stack([draw[key].double() for draw in draws]).numpy()


@pytest.mark.parametrize(
    ("name", "key", "place", "low", "high"),
    [
        ("single_frequency_greyscale", "wave", (2,), 0, 2 * math.pi),
        ("cocentric_sine_waves", "rings", (0,), 0, SIZE),
        ("cocentric_sine_waves", "rings", (1,), 0, SIZE),
        ("cocentric_sine_waves", "rings", (2,), 0, 10),
        ("cocentric_sine_waves", "rings", (3,), 0, 22.4),
        ("cocentric_sine_waves", "rings", (4,), 0, 22.4),
        ("plasma_noise", "plasma", (0,), 0, 6 * math.pi),
        ("plasma_noise", "plasma", (2,), 0.5, 1),
        ("plasma_noise", "plasma", (3,), 16.8, 44.8),
        ("checkerboard_cutout", "board", (0,), 0, 2 * math.pi),
        ("checkerboard_cutout", "board", (1,), 22.4, 56),
        ("caustic_refraction", "water", (0,), 0.5, 2),
        ("caustic_refraction", "water", (1,), 168, 280),
        ("sparkles", "centre", (4, 1), 0, SIZE),
        ("inverse_sparkles", "centre", (0, 0), 56, 168),
    ],
)
def test_uniform_draws(name: str, key: str, place: tuple[int, ...], low: float, high: float) -> None:
    values = sampled(name, key)[(slice(None), *place)]
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-4


def test_other_draws() -> None:
    waves = np.abs(sampled("single_frequency_greyscale", "wave")[:, :2])
    assert stats.kstest(waves.max(axis=1), stats.uniform(0, math.pi).cdf).pvalue > 1e-4
    assert stats.kstest(waves.min(axis=1) / waves.max(axis=1), stats.uniform().cdf).pvalue > 1e-4
    assert abs((waves[:, 0] > waves[:, 1]).mean() - 0.5) < 0.1
    assert np.unique(sampled("plasma_noise", "plasma")[:, 1]).tolist() == [4, 5, 6]
    rays = sampled("sparkles", "rays")
    assert (rays.min(), rays.max()) == (50, 199)
    lengths = sampled("sparkles", "lengths", severity=5, count=20) / (0.06 * SIZE)
    assert stats.kstest(lengths.flatten(), stats.norm(1, 0.25).cdf).pvalue > 1e-4
