"""Each corruption against an independent computation with NumPy, SciPy, scikit-image, OpenCV and Pillow.

Severities are spelled out again, so that a slip in a table of the product shows. Photographs are real: truncation to
8 bits makes flat and saturated regions the hard part.
"""

import importlib.util
import io
import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage, stats
from skimage.color import hsv2rgb, rgb2hsv
from skimage.filters import gaussian

import datasets
from robustness.corruptions import CORRUPTIONS, apply_jpeg
from robustness.corruptions.elastic import displacement, inverse_affine
from robustness.corruptions.frost import PHOTOGRAPHS, frost_photograph
from robustness.corruptions.glass import source_index
from robustness.corruptions.noise import photon_tables
from robustness.corruptions.plasma import plasma
from robustness.corruptions.spatter import spatter_mask
from robustness.corruptions.weather import snow_layer
from robustness.corruptions.zoom import zoom_crop

SEVERITIES = (1, 2, 3, 4, 5)
SIZE = 224
each_severity = pytest.mark.parametrize("severity", SEVERITIES)


def package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


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


def truncated(levels: np.ndarray) -> np.ndarray:
    return np.clip(levels, 0, 255).astype(np.uint8)


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


def ref_gaussian_blur(x: np.ndarray, severity: int) -> np.ndarray:
    return gaussian(x / 255.0, sigma=[1, 2, 3, 4, 6][severity - 1], channel_axis=-1) * 255


def ref_defocus_blur(x: np.ndarray, severity: int) -> np.ndarray:
    radius, alias = [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)][severity - 1]
    line = np.arange(-max(8, radius), max(8, radius) + 1)
    disk = (line[:, None] ** 2 + line**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), ksize=(3, 3) if radius <= 8 else (5, 5), sigmaX=alias)
    return np.stack([cv2.filter2D(x[..., c] / 255.0, -1, kernel) for c in range(3)], axis=-1) * 255


def clipped_zoom(image: np.ndarray, factor: float) -> np.ndarray:
    side = int(np.ceil(SIZE / factor))
    top = (SIZE - side) // 2
    crop = image[top : top + side, top : top + side]
    grown = ndimage.zoom(crop, (factor, factor, 1), order=1)
    trim = (grown.shape[0] - SIZE) // 2
    return grown[trim : trim + SIZE, trim : trim + SIZE]


def ref_zoom_blur(x: np.ndarray, severity: int) -> np.ndarray:
    end, step = [(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)][severity - 1]
    factors = np.arange(1, end, step)
    pixels = (x / 255.0).astype(np.float32)
    out = np.zeros_like(pixels)
    for factor in factors:
        out += clipped_zoom(pixels, factor)
    return (pixels + out) / (len(factors) + 1) * 255


def ref_contrast(x: np.ndarray, severity: int) -> np.ndarray:
    mean = (x / 255.0).mean(axis=(0, 1), keepdims=True)
    return ((x / 255.0 - mean) * [0.4, 0.3, 0.2, 0.1, 0.05][severity - 1] + mean) * 255


def ref_brightness(x: np.ndarray, severity: int) -> np.ndarray:
    hsv = rgb2hsv(x / 255.0)
    hsv[..., 2] = np.clip(hsv[..., 2] + [0.1, 0.2, 0.3, 0.4, 0.5][severity - 1], 0, 1)
    return hsv2rgb(hsv) * 255


def ref_saturate(x: np.ndarray, severity: int) -> np.ndarray:
    gain, offset = [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)][severity - 1]
    hsv = rgb2hsv(x / 255.0)
    hsv[..., 1] = np.clip(hsv[..., 1] * gain + offset, 0, 1)
    return hsv2rgb(hsv) * 255


def ref_pixelate(x: np.ndarray, severity: int) -> np.ndarray:
    height, width = x.shape[:2]
    scale = [0.6, 0.5, 0.4, 0.3, 0.25][severity - 1]
    small = Image.fromarray(x).resize((int(width * scale), int(height * scale)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BOX))


def pillow_jpeg(x: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(x).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def ref_jpeg_compression(x: np.ndarray, severity: int) -> np.ndarray:
    return pillow_jpeg(x, [25, 18, 15, 10, 7][severity - 1])


@each_severity
@pytest.mark.parametrize(
    ("name", "reference", "most", "mean"),
    [
        ("gaussian_blur", ref_gaussian_blur, 1, 1e-4),
        ("defocus_blur", ref_defocus_blur, 1, 0.01),
        ("zoom_blur", ref_zoom_blur, 1, 0.01),
        ("brightness", ref_brightness, 1, 0.05),
        ("contrast", ref_contrast, 1, 1e-3),
        ("saturate", ref_saturate, 1, 1e-4),
        ("pixelate", ref_pixelate, 0, 0),
        ("jpeg_compression", ref_jpeg_compression, 0, 0),
    ],
)
def test_deterministic(
    pictures: np.ndarray,
    name: str,
    reference: Callable[[np.ndarray, int], np.ndarray],
    most: int,
    mean: float,
    severity: int,
) -> None:
    wanted = np.stack([truncated(reference(x, severity)) for x in pictures])
    assert_near(product(name, pictures, severity), wanted, most, mean)


@each_severity
@pytest.mark.parametrize(("height", "width"), [(32, 32), (97, 150), (256, 225)])
def test_pixelate_and_jpeg_are_exact_at_other_sizes(
    pictures: np.ndarray, height: int, width: int, severity: int
) -> None:
    x = np.asarray(Image.fromarray(pictures[1]).resize((width, height)))
    np.testing.assert_array_equal(product("pixelate", x[None], severity)[0], ref_pixelate(x, severity))
    np.testing.assert_array_equal(product("jpeg_compression", x[None], severity)[0], ref_jpeg_compression(x, severity))


def test_jpeg_of_the_archives(pictures: np.ndarray) -> None:
    wanted = np.stack([pillow_jpeg(x, 85) for x in pictures])
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


@each_severity
def test_glass_blur(pictures: np.ndarray, severity: int) -> None:
    """The reference's loop, word for word, on a part of a photograph."""
    sigma, delta, passes = [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)][severity - 1]
    x = pictures[2, 40:104, 60:140]
    height, width = x.shape[:2]
    rng = np.random.default_rng(severity)
    offsets = rng.integers(-delta, delta, size=(passes, 2, height - 2 * delta, width - 2 * delta))
    y = np.uint8(gaussian(x / 255.0, sigma=sigma, channel_axis=-1) * 255)
    for offset in offsets:
        for h in range(height - delta, delta, -1):
            for w in range(width - delta, delta, -1):
                dx, dy = offset[:, h - delta - 1, w - delta - 1]
                y[h, w], y[h + dy, w + dx] = y[h + dy, w + dx], y[h, w]
    wanted = truncated(gaussian(y / 255.0, sigma=sigma, channel_axis=-1) * 255)
    source = source_index(torch.from_numpy(offsets), delta, (height, width))
    np.testing.assert_array_equal(product("glass_blur", x[None], severity, source=source)[0], wanted)


def imagemagick_motion(x: np.ndarray, radius: int, sigma: float, angle: float) -> np.ndarray:
    """ImageMagick 6 at 16 bits: nearest-pixel steps, edges clamped, rounding to 16 bits, truncation to 8."""
    width = 2 * radius + 1
    kernel = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    rows, columns = np.indices(x.shape[:2])
    total = np.zeros(x.shape)
    for i in range(width):
        dy, dx = (int(np.ceil(i * f(np.deg2rad(angle)) - 0.5)) for f in (np.sin, np.cos))
        at = (rows + dy).clip(0, x.shape[0] - 1), (columns + dx).clip(0, x.shape[1] - 1)
        total += kernel[i] * x[at]
    return (np.floor(257 * total + 0.5) // 257).astype(np.uint8)


@each_severity
def test_motion_blur(pictures: np.ndarray, severity: int) -> None:
    radius, sigma = [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)][severity - 1]
    for angle in (-45.0, -17.3, 0.0, 31.7):
        wanted = np.stack([imagemagick_motion(x, radius, sigma, angle) for x in pictures[:2]])
        got = product("motion_blur", pictures[:2], severity, angle=torch.tensor(angle))
        assert_near(got, wanted, most=1, mean=1e-3)


# ---- weather -------------------------------------------------------------------------------------------------------


@each_severity
def test_snow(pictures: np.ndarray, severity: int) -> None:
    mean, deviation, zoom, threshold, radius, sigma, weight = [
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ][severity - 1]
    noise, angle = np.random.default_rng(severity).normal(size=(SIZE, SIZE)), -77.7
    layer = clipped_zoom((mean + deviation * noise)[..., None], zoom).squeeze(-1)
    layer[layer < threshold] = 0
    layer = imagemagick_motion((layer.clip(0, 1) * 255).astype(np.uint8), radius, sigma, angle)
    flakes = (layer / 255.0)[..., None]
    wanted = []
    for x in pictures.astype(np.float32) / 255:
        white = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None] * 1.5 + 0.5
        wanted.append(weight * x + (1 - weight) * np.maximum(x, white) + flakes + np.rot90(flakes, k=2))
    part = noise[zoom_crop(SIZE, zoom), zoom_crop(SIZE, zoom)].copy()
    got = snow_layer(torch.from_numpy(part), torch.tensor(angle), severity, (SIZE, SIZE))
    assert_near(got.numpy(), layer, most=1, mean=1e-3)
    assert_same_draw(product("snow", pictures, severity, layer=got), truncated(np.stack(wanted) * 255))


@pytest.mark.parametrize(("index", "name"), list(enumerate(PHOTOGRAPHS)))
def test_frost_photographs(index: int, name: str) -> None:
    wanted = cv2.imread(str(package("imagecorruptions") / "frost" / name))[..., ::-1]
    np.testing.assert_array_equal(frost_photograph(index, SIZE, SIZE).permute(1, 2, 0).numpy(), wanted)


@each_severity
def test_frost(pictures: np.ndarray, severity: int) -> None:
    image_weight, frost_weight = [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)][severity - 1]
    window = CORRUPTIONS["frost"].draw(severity, (SIZE, SIZE), torch.Generator().manual_seed(severity))["window"]
    wanted = truncated(image_weight * pictures + frost_weight * window.permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(product("frost", pictures, severity, window=window), wanted)


def diamond_square(draws: np.ndarray, size: int, decay: float) -> np.ndarray:
    """Cell by cell, in the reference's order of drawing."""
    cloud, draw = np.zeros((size, size)), iter(draws)
    step, w = size, 100.0
    while step >= 2:
        half = step // 2
        corners, middles = range(0, size, step), range(half, size, step)
        diagonal, straight = [(-1, -1), (-1, 1), (1, -1), (1, 1)], [(-1, 0), (1, 0), (0, -1), (0, 1)]
        for lines, places, reads in [
            (middles, middles, diagonal),
            (corners, middles, straight),
            (middles, corners, straight),
        ]:
            for y, x in itertools.product(lines, places):
                mean = sum(cloud[(y + half * dy) % size, (x + half * dx) % size] for dy, dx in reads) / 4
                cloud[y, x] = mean + w * (w * next(draw))
        step, w = half, w / decay
    cloud -= cloud.min()
    return cloud / cloud.max()


@each_severity
def test_fog(pictures: np.ndarray, severity: int) -> None:
    strength, decay = [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)][severity - 1]
    noise = np.random.default_rng(severity).uniform(-1, 1, 256 * 256 - 1)
    wanted = diamond_square(noise, 256, decay)[:SIZE, :SIZE]
    cloud = plasma(torch.from_numpy(noise).float(), 256, decay)[:SIZE, :SIZE]
    np.testing.assert_allclose(plasma(torch.from_numpy(noise), 256, decay)[:SIZE, :SIZE].numpy(), wanted, atol=1e-12)
    x = pictures / 255.0
    brightest = x.max(axis=(1, 2, 3), keepdims=True)
    wanted = truncated((x + strength * wanted[..., None]) * brightest / (brightest + strength) * 255)
    assert_near(product("fog", pictures, severity, cloud=cloud), wanted, most=1, mean=1e-3)


# ---- elastic, spatter ----------------------------------------------------------------------------------------------


@each_severity
def test_elastic_transform(pictures: np.ndarray, severity: int) -> None:
    alpha, sigma, reach = (
        [(488, 170.8, 24.4), (488, 19.52, 48.8)][severity - 1]
        if severity < 3
        else (
            [12.2, 17.08, 29.28][severity - 3],
            2.44,
            4.88,
        )
    )
    rng = np.random.default_rng(severity)
    jitter, noise = rng.uniform(-reach, reach, (3, 2)), rng.uniform(-1, 1, (2, SIZE, SIZE))
    points = np.float32([[186, 186], [186, 38], [38, 38]])
    affine = cv2.getAffineTransform(points, points + jitter.astype(np.float32))
    shift = [(gaussian(field, sigma, mode="reflect", truncate=3) * alpha).astype(np.float32) for field in noise]
    rows, columns = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    where = rows + shift[1], columns + shift[0]
    wanted = []
    for x in pictures.astype(np.float32) / 255:
        warped = cv2.warpAffine(x, affine, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT_101)
        wanted.append([ndimage.map_coordinates(warped[..., c], where, order=1, mode="reflect") for c in range(3)])
    field = displacement(torch.from_numpy(noise).float(), severity)
    np.testing.assert_allclose(field.numpy(), shift, atol=1e-4)
    draw = {"affine": inverse_affine(torch.from_numpy(jitter), (SIZE, SIZE)), "shift": field}
    assert_same_draw(
        product("elastic_transform", pictures, severity, **draw), truncated(np.moveaxis(wanted, 1, -1) * 255)
    )


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


def ref_water_mask(noise: np.ndarray, sigma: float, threshold: float, strength: float) -> np.ndarray:
    liquid = gaussian(0.65 + 0.3 * noise, sigma=sigma)
    liquid[liquid < threshold] = 0
    liquid = (liquid * 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5)
    _, distance = cv2.threshold(distance, 20, 20, cv2.THRESH_TRUNC)
    depth = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    relief = cv2.filter2D(depth, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    mask = liquid * cv2.blur(relief, (3, 3)).astype(np.float32)
    return mask / mask.max() * strength


@each_severity
def test_spatter(pictures: np.ndarray, severity: int) -> None:
    noise = np.random.default_rng(severity).normal(size=(SIZE, SIZE))
    x = pictures / 255.0
    if severity <= 3:
        mask = ref_water_mask(noise, *[(4, 0.69, 0.6), (3, 0.68, 0.6), (2, 0.68, 0.5)][severity - 1])
        wanted = x + mask[..., None] * np.array([175, 238, 238]) / 255
    else:
        mean, deviation = [(0.65, 0.3), (0.67, 0.4)][severity - 4]
        drops = (gaussian(mean + deviation * noise, sigma=1) > 0.65).astype(np.float32)
        mask = gaussian(drops, sigma=1.5)
        mask[mask < 0.8] = 0
        wanted = x * (1 - mask[..., None]) + mask[..., None] * (np.array([63, 42, 20], np.float32) / 255)
    got = spatter_mask(torch.from_numpy(noise), severity)
    np.testing.assert_allclose(got.numpy(), mask, atol=1e-5)
    assert_near(product("spatter", pictures, severity, mask=got), truncated(wanted * 255), most=1, mean=0.05)
