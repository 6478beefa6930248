"""Each corruption against an independent computation with NumPy, SciPy, scikit-image, OpenCV and Pillow.

Photographs are real: truncation to 8 bits makes flat and saturated regions the hard part.
"""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from skimage.filters import gaussian

import datasets
from benchmarks import reference_corruptions as reference
from benchmarks.reference_corruptions import SIZE, truncated
from robustness.corruptions import CORRUPTIONS, apply_jpeg
from robustness.corruptions.elastic import displacement, inverse_affine
from robustness.corruptions.frost import PHOTOGRAPHS, frost_photograph
from robustness.corruptions.glass import source_index
from robustness.corruptions.noise import photon_tables
from robustness.corruptions.plasma import plasma
from robustness.corruptions.spatter import spatter_mask
from robustness.corruptions.weather import snow_layer
from robustness.corruptions.zoom import zoom_crop

each_severity = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


@pytest.fixture(scope="module")
def pictures(photographs: datasets.Batch) -> np.ndarray:
    """Six photographs, uint8 [6,224,224,3]."""
    return np.moveaxis(photographs.views[0][:18:3].numpy(), 1, -1).copy()


def tensor(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pictures, -1, 1)))


def product(name: str, pictures: np.ndarray, severity: int, **draw: torch.Tensor) -> np.ndarray:
    """Apply to pictures [B,H,W,3], each with the same draw."""
    stacked = {key: torch.stack([value] * len(pictures)) for key, value in draw.items()}
    return np.moveaxis(CORRUPTIONS[name].apply(tensor(pictures), severity, stacked).numpy(), 1, -1)


def assert_near(got: np.ndarray, wanted: np.ndarray, most: int = 2, mean: float = 0.1) -> None:
    """The demand on deterministic corruptions."""
    error = np.abs(got.astype(int) - wanted)
    assert error.max() <= most and error.mean() <= mean, (error.max(), error.mean())


def assert_same_draw(got: np.ndarray, wanted: np.ndarray, share: float = 0.995) -> None:
    """The demand on random corruptions given the same draws: nearly all values within one level, and no bias."""
    error = got.astype(int) - wanted
    assert (np.abs(error) <= 1).mean() >= share and abs(error.mean()) <= 0.02, (
        (np.abs(error) <= 1).mean(),
        error.mean(),
    )


# ---- deterministic -------------------------------------------------------------------------------------------------


@each_severity
@pytest.mark.parametrize(
    ("name", "most", "mean"),
    [
        ("gaussian_blur", 1, 1e-4),
        ("defocus_blur", 1, 0.01),
        ("zoom_blur", 1, 0.01),
        ("brightness", 1, 0.05),
        ("contrast", 1, 1e-3),
        ("saturate", 1, 1e-4),
        ("pixelate", 0, 0),
        ("jpeg_compression", 0, 0),
    ],
)
def test_deterministic(pictures: np.ndarray, name: str, most: int, mean: float, severity: int) -> None:
    wanted = np.stack([truncated(getattr(reference, name)(x, severity)) for x in pictures])
    assert_near(product(name, pictures, severity), wanted, most, mean)


@each_severity
@pytest.mark.parametrize(("height", "width"), [(32, 32), (97, 150), (256, 225)])
def test_pixelate_and_jpeg_are_exact_at_other_sizes(
    pictures: np.ndarray, height: int, width: int, severity: int
) -> None:
    x = np.asarray(Image.fromarray(pictures[1]).resize((width, height)))
    np.testing.assert_array_equal(product("pixelate", x[None], severity)[0], reference.pixelate(x, severity))
    np.testing.assert_array_equal(
        product("jpeg_compression", x[None], severity)[0], reference.jpeg_compression(x, severity)
    )


@pytest.mark.parametrize("in_memory", [True, False])
def test_jpeg_of_the_archives(pictures: np.ndarray, in_memory: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not in_memory:
        monkeypatch.delattr("os.memfd_create", raising=False)
    wanted = np.stack([reference.pillow_jpeg(x, 85) for x in pictures])
    np.testing.assert_array_equal(np.moveaxis(apply_jpeg(tensor(pictures), 85).numpy(), 1, -1), wanted)


# ---- noise ---------------------------------------------------------------------------------------------------------


@each_severity
def test_normal_noise(pictures: np.ndarray, severity: int) -> None:
    noise = torch.randn((3, SIZE, SIZE), generator=torch.Generator().manual_seed(severity))
    z, x = noise.double().numpy().transpose(1, 2, 0), pictures / 255.0
    added = x + [0.08, 0.12, 0.18, 0.26, 0.38][severity - 1] * z
    scaled = x + x * ([0.15, 0.2, 0.35, 0.45, 0.6][severity - 1] * z)
    assert_near(product("gaussian_noise", pictures, severity, noise=noise), truncated(added * 255), 1, 1e-3)
    assert_near(product("speckle_noise", pictures, severity, noise=noise), truncated(scaled * 255), 1, 1e-3)


@each_severity
def test_impulse_noise(pictures: np.ndarray, severity: int) -> None:
    amount = [0.03, 0.06, 0.09, 0.17, 0.27][severity - 1]
    every_word = torch.arange(-(2**15), 2**15, dtype=torch.int16).repeat(3).view(3, 256, 256)
    grey = np.full((1, 256, 256, 3), 77, np.uint8)
    values, counts = np.unique(product("impulse_noise", grey, severity, word=every_word), return_counts=True)
    assert values.tolist() == [0, 77, 255]
    np.testing.assert_allclose(counts / counts.sum(), [amount / 2, 1 - amount, amount / 2], atol=2e-5)


@each_severity
def test_shot_noise_draws_from_the_poisson_law(severity: int) -> None:
    """The tables hold the law itself: compare its probabilities, not samples."""
    white = [60, 25, 12, 5, 3][severity - 1]
    bits, limits, outcomes = photon_tables(white, torch.device("cpu"))
    share = (limits.double() / 2.0 ** (32 - bits) + 0.5).view(256, -1).numpy()
    second, first = outcomes.view(256, -1, 2).unbind(-1)
    levels = truncated(np.arange(white + 1) / white * 255)
    for grey in (0, 1, 77, 128, 254, 255):
        chance = np.zeros(256)
        np.add.at(chance, first[grey], share[grey] / share.shape[1])
        np.add.at(chance, second[grey], (1 - share[grey]) / share.shape[1])
        law = stats.poisson(grey / 255 * white)
        np.testing.assert_allclose(chance[levels], [*law.pmf(np.arange(white)), law.sf(white - 1)], atol=1e-7)
        assert chance.sum() == pytest.approx(1)


def test_shot_noise_samples_follow_its_tables() -> None:
    grey = np.full((1, SIZE, SIZE, 3), 128, np.uint8)
    draw = CORRUPTIONS["shot_noise"].draw(3, (SIZE, SIZE), torch.Generator().manual_seed(0))
    values, counts = np.unique(product("shot_noise", grey, 3, **draw), return_counts=True)
    law = stats.poisson(128 / 255 * 12)
    chance = np.array([*law.pmf(np.arange(12)), law.sf(11)])
    assert values.tolist() == truncated(np.arange(13) / 12 * 255).tolist()
    assert stats.chisquare(counts, chance / chance.sum() * counts.sum()).pvalue > 1e-4


# ---- blur ----------------------------------------------------------------------------------------------------------


def glass_loop(y: np.ndarray, delta: int, offsets: np.ndarray) -> None:
    """The original's loop, word for word, in place."""
    for offset in offsets:
        for h in range(y.shape[0] - delta, delta, -1):
            for w in range(y.shape[1] - delta, delta, -1):
                dx, dy = offset[:, h - delta - 1, w - delta - 1]
                y[h, w], y[h + dy, w + dx] = y[h + dy, w + dx], y[h, w]


@each_severity
def test_glass_blur(pictures: np.ndarray, severity: int) -> None:
    """The loop over pixels, and the reference's loop over positions, on a part of a photograph."""
    sigma, delta, passes = reference.glass_parameters(severity)
    x = pictures[2, 40:104, 60:140]
    inner = [side - 2 * delta for side in x.shape[:2]]
    offsets = np.random.default_rng(severity).integers(-delta, delta, size=(passes, 2, *inner))
    y = np.uint8(gaussian(x / 255.0, sigma=sigma, channel_axis=-1) * 255)
    glass_loop(y, delta, offsets)
    wanted = truncated(gaussian(y / 255.0, sigma=sigma, channel_axis=-1) * 255)
    source = source_index(torch.from_numpy(offsets), delta, x.shape[:2])
    np.testing.assert_array_equal(product("glass_blur", x[None], severity, source=source)[0], wanted)
    np.testing.assert_array_equal(truncated(reference.glass_blur(x, severity, offsets)), wanted)


@each_severity
def test_motion_blur(pictures: np.ndarray, severity: int) -> None:
    for angle in (-45.0, -17.3, 0.0, 31.7):
        wanted = np.stack([reference.motion_blur(x, severity, angle) for x in pictures[:2]])
        got = product("motion_blur", pictures[:2], severity, angle=torch.tensor(angle))
        assert_near(got, wanted, most=1, mean=1e-3)


# ---- weather -------------------------------------------------------------------------------------------------------


@each_severity
def test_snow(pictures: np.ndarray, severity: int) -> None:
    zoom = [3, 2, 4, 4.5, 2.5][severity - 1]
    noise, angle = np.random.default_rng(severity).normal(size=(SIZE, SIZE)), -77.7
    part = noise[zoom_crop(SIZE, zoom), zoom_crop(SIZE, zoom)].copy()
    got = snow_layer(torch.from_numpy(part), torch.tensor(angle), severity, (SIZE, SIZE))
    assert_near(got.numpy(), reference.snow_flakes(severity, noise, angle), most=1, mean=1e-3)
    wanted = np.stack([truncated(reference.snow(x, severity, noise, angle)) for x in pictures])
    assert_same_draw(product("snow", pictures, severity, layer=got), wanted)


@pytest.mark.parametrize(("index", "name"), list(enumerate(PHOTOGRAPHS)))
def test_frost_photographs(index: int, name: str) -> None:
    assert reference.FROST[index] == name
    found = frost_photograph(index, SIZE, SIZE).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found, reference.frost_photograph(index))


@each_severity
def test_frost(pictures: np.ndarray, severity: int) -> None:
    window = CORRUPTIONS["frost"].draw(severity, (SIZE, SIZE), torch.Generator().manual_seed(severity))["window"]
    wanted = truncated(reference.frost(pictures, severity, window.permute(1, 2, 0).numpy()))
    np.testing.assert_array_equal(product("frost", pictures, severity, window=window), wanted)


@each_severity
def test_fog(pictures: np.ndarray, severity: int) -> None:
    strength, decay = [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)][severity - 1]
    noise = np.random.default_rng(severity).uniform(-1, 1, 256 * 256 - 1)
    wanted = reference.diamond_square(noise, 256, decay)[:SIZE, :SIZE]
    cloud = plasma(torch.from_numpy(noise).float(), 256, decay)[:SIZE, :SIZE]
    np.testing.assert_allclose(plasma(torch.from_numpy(noise), 256, decay)[:SIZE, :SIZE].numpy(), wanted, atol=1e-12)
    x = pictures / 255.0
    brightest = x.max(axis=(1, 2, 3), keepdims=True)
    wanted = truncated((x + strength * wanted[..., None]) * brightest / (brightest + strength) * 255)
    assert_near(product("fog", pictures, severity, cloud=cloud), wanted, most=1, mean=1e-3)


# ---- elastic, spatter ----------------------------------------------------------------------------------------------


@each_severity
def test_elastic_transform(pictures: np.ndarray, severity: int) -> None:
    reach = reference.elastic_parameters(severity)[2]
    rng = np.random.default_rng(severity)
    jitter, noise = rng.uniform(-reach, reach, (3, 2)), rng.uniform(-1, 1, (2, SIZE, SIZE))
    shift = reference.elastic_shift(severity, noise)
    wanted = np.stack([truncated(reference.elastic_transform(x, jitter, shift)) for x in pictures])
    field = displacement(torch.from_numpy(noise).float(), severity)
    np.testing.assert_allclose(field.numpy(), shift, atol=1e-4)
    draw = {"affine": inverse_affine(torch.from_numpy(jitter), (SIZE, SIZE)), "shift": field}
    assert_same_draw(product("elastic_transform", pictures, severity, **draw), wanted)


@each_severity
def test_elastic_sums_are_exact(severity: int) -> None:
    """Turned noise is added up in the opposite order, and must still give the turned field, bit for bit."""
    noise = torch.empty(2, SIZE, SIZE).uniform_(-1, 1, generator=torch.Generator().manual_seed(severity))
    turned = displacement(noise.flip(1, 2), severity).flip(1, 2)
    assert torch.equal(turned, displacement(noise, severity))


def test_frost_photographs_grow_for_larger_windows() -> None:
    _, height, width = frost_photograph(1, 400, 600).shape
    assert height > 400
    assert width > 600


@each_severity
def test_spatter(pictures: np.ndarray, severity: int) -> None:
    noise = np.random.default_rng(severity).normal(size=(SIZE, SIZE))
    x = pictures / 255.0
    if severity <= 3:
        mask = reference.water_mask(severity, noise)
        wanted = x + mask[..., None] * np.array([175, 238, 238]) / 255
    else:
        mask = reference.mud_mask(severity, noise)
        wanted = x * (1 - mask[..., None]) + mask[..., None] * (np.array([63, 42, 20], np.float32) / 255)
    got = spatter_mask(torch.from_numpy(noise), severity)
    np.testing.assert_allclose(got.numpy(), mask, atol=1e-5)
    assert_near(product("spatter", pictures, severity, mask=got), truncated(wanted * 255), most=1, mean=0.05)
