"""ImageNet-C's corruptions computed a second time, from NumPy, SciPy, scikit-image, OpenCV and Pillow alone.

What tests and benchmarks hold the product against; it shares no line with it. Functions take the random numbers they
need, so that the product can be given the same. Pictures are [H,W,3]; what comes back is in grey levels, before it is
clipped and truncated. Severities are spelled out again, so that a slip in a table of the product shows.

The original: https://github.com/hendrycks/robustness, ImageNet-C/create_c/make_imagenet_c.py. The package
`imagecorruptions` has the same code for most of them.
"""

import importlib.util
import io
import itertools
import sys
import types
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from PIL import Image
from scipy import ndimage
from skimage.color import hsv2rgb, rgb2hsv
from skimage.filters import gaussian

SIZE = 224
Array = npt.NDArray[Any]
FROST = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")


def package(name: str) -> Path:
    """Find an installed package's folder without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{name} is not installed")
    return Path(spec.submodule_search_locations[0])


@cache
def imagecorruptions() -> types.ModuleType:
    """Import the package, with the names that NumPy 2, scikit-image and setuptools have since dropped."""
    np.float_ = np.float64  # type: ignore[attr-defined]
    folder, resources = package("imagecorruptions"), types.ModuleType("pkg_resources")
    resources.resource_filename = lambda _name, file: str(folder / file)  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.modules.setdefault("pkg_resources", resources)
        module = importlib.import_module("imagecorruptions")
    module.corruptions.gaussian = lambda *given, multichannel=False, **more: gaussian(
        *given, channel_axis=-1 if multichannel else None, **more
    )
    return module


def truncated(levels: Array) -> Array:
    """Clip to [0,255] and cast to uint8."""
    return np.clip(levels, 0, 255).astype(np.uint8)


# ---- deterministic: (picture, severity) → grey levels --------------------------------------------------------------


def gaussian_blur(x: Array, severity: int) -> Array:
    """Blur with a Gaussian."""
    return gaussian(x / 255.0, sigma=[1, 2, 3, 4, 6][severity - 1], channel_axis=-1) * 255


def defocus_blur(x: Array, severity: int) -> Array:
    """Correlate with a disk."""
    radius, alias = [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)][severity - 1]
    line = np.arange(-max(8, radius), max(8, radius) + 1)
    disk = (line[:, None] ** 2 + line**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), ksize=(3, 3) if radius <= 8 else (5, 5), sigmaX=alias)
    return np.stack([cv2.filter2D(x[..., c] / 255.0, -1, kernel) for c in range(3)], axis=-1) * 255


def clipped_zoom(image: Array, factor: float) -> Array:
    """Enlarge the centre."""
    side = int(np.ceil(SIZE / factor))
    top = (SIZE - side) // 2
    crop = image[top : top + side, top : top + side]
    grown = ndimage.zoom(crop, (factor, factor, 1), order=1)
    trim = (grown.shape[0] - SIZE) // 2
    return grown[trim : trim + SIZE, trim : trim + SIZE]


def zoom_blur(x: Array, severity: int) -> Array:
    """Average enlargements."""
    end, step = [(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)][severity - 1]
    factors = np.arange(1, end, step)
    pixels = (x / 255.0).astype(np.float32)
    out = np.zeros_like(pixels)
    for factor in factors:
        out += clipped_zoom(pixels, factor)
    return (pixels + out) / (len(factors) + 1) * 255


def contrast(x: Array, severity: int) -> Array:
    """Pull towards the mean."""
    mean = (x / 255.0).mean(axis=(0, 1), keepdims=True)
    return ((x / 255.0 - mean) * [0.4, 0.3, 0.2, 0.1, 0.05][severity - 1] + mean) * 255


def brightness(x: Array, severity: int) -> Array:
    """Raise the value of HSV."""
    hsv = rgb2hsv(x / 255.0)
    hsv[..., 2] = np.clip(hsv[..., 2] + [0.1, 0.2, 0.3, 0.4, 0.5][severity - 1], 0, 1)
    return hsv2rgb(hsv) * 255


def saturate(x: Array, severity: int) -> Array:
    """Change the saturation of HSV."""
    gain, offset = [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)][severity - 1]
    hsv = rgb2hsv(x / 255.0)
    hsv[..., 1] = np.clip(hsv[..., 1] * gain + offset, 0, 1)
    return hsv2rgb(hsv) * 255


def pixelate(x: Array, severity: int) -> Array:
    """Shrink and enlarge with Pillow."""
    height, width = x.shape[:2]
    scale = [0.6, 0.5, 0.4, 0.3, 0.25][severity - 1]
    small = Image.fromarray(x).resize((int(width * scale), int(height * scale)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BOX))


def pillow_jpeg(x: Array, quality: int) -> Array:
    """Save and load with Pillow."""
    file = io.BytesIO()
    Image.fromarray(x).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def jpeg_compression(x: Array, severity: int) -> Array:
    """Save and load with Pillow."""
    return pillow_jpeg(x, [25, 18, 15, 10, 7][severity - 1])


# ---- random: the draws come last -----------------------------------------------------------------------------------


def glass_parameters(severity: int) -> tuple[float, int, int]:
    """Return sigma, the largest shift and the number of passes."""
    return [(0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)][severity - 1]


def glass_places(delta: int, shape: tuple[int, int], offsets: Array) -> Array:
    """Run the original's loop over positions in place of colours: where does each pixel's value come from, [H*W]?

    The statement that looks like an exchange of two pixels copies one over the other, as it works on views.
    offsets: integers [passes, 2, H - 2 delta, W - 2 delta], dx and dy from the first inner pixel on.
    """
    height, width = shape
    places = list(range(height * width))
    for dx, dy in offsets:
        steps = dy.astype(int) * width + dx
        for h in range(height - delta, delta, -1):
            row = steps[h - delta - 1].tolist()
            for w in range(width - delta, delta, -1):
                here = h * width + w
                places[here] = places[here + row[w - delta - 1]]
    return np.array(places)


def glass_blur(x: Array, severity: int, offsets: Array) -> Array:
    """Blur, move pixels, blur."""
    sigma, delta, _ = glass_parameters(severity)
    soft = np.uint8(gaussian(x / 255.0, sigma=sigma, channel_axis=-1) * 255)
    moved = soft.reshape(-1, 3)[glass_places(delta, x.shape[:2], offsets)].reshape(x.shape)
    return gaussian(moved / 255.0, sigma=sigma, channel_axis=-1) * 255


def imagemagick_motion(x: Array, radius: int, sigma: float, angle: float) -> Array:
    """ImageMagick 6 at 16 bits: nearest-pixel steps, edges clamped, rounding to 16 bits, truncation to 8."""
    width = 2 * radius + 1
    kernel = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    rows, columns = (np.arange(size) for size in x.shape[:2])
    total = np.zeros(x.shape)
    for i in range(width):
        dy, dx = (int(np.ceil(i * f(np.deg2rad(angle)) - 0.5)) for f in (np.sin, np.cos))
        total += kernel[i] * x[(rows + dy).clip(0, rows[-1])][:, (columns + dx).clip(0, columns[-1])]
    return (np.floor(257 * total + 0.5) // 257).astype(np.uint8)


def motion_parameters(severity: int) -> tuple[int, int]:
    """Return radius and sigma."""
    return [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)][severity - 1]


def motion_blur(x: Array, severity: int, angle: float) -> Array:
    """Blur along a line."""
    return imagemagick_motion(x, *motion_parameters(severity), angle)


def snow_flakes(
    severity: int, noise: Array, angle: float, blur: Callable[[Array, int, float, float], Array] = imagemagick_motion
) -> Array:
    """Make the layer of snow, uint8 [H,W], of standard normal noise [H,W]."""
    mean, deviation, zoom, threshold, radius, sigma = [
        (0.1, 0.3, 3, 0.5, 10, 4),
        (0.2, 0.3, 2, 0.5, 12, 4),
        (0.55, 0.3, 4, 0.9, 12, 8),
        (0.55, 0.3, 4.5, 0.85, 12, 8),
        (0.55, 0.3, 2.5, 0.85, 12, 12),
    ][severity - 1]
    layer = clipped_zoom((mean + deviation * noise)[..., None], zoom).squeeze(-1)
    layer[layer < threshold] = 0
    return blur((layer.clip(0, 1) * 255).astype(np.uint8), radius, sigma, angle)


def snow(x: Array, severity: int, noise: Array, angle: float) -> Array:
    """Whiten, add flakes."""
    weight = [0.8, 0.7, 0.7, 0.65, 0.55][severity - 1]
    flakes = (snow_flakes(severity, noise, angle) / 255.0)[..., None]
    pixels = x.astype(np.float32) / 255
    white = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None] * 1.5 + 0.5
    return (weight * pixels + (1 - weight) * np.maximum(pixels, white) + flakes + np.rot90(flakes, k=2)) * 255


@cache
def frost_photograph(index: int) -> Array:
    """Read one of the five photographs of frost, uint8 [H,W,3]."""
    return cv2.imread(str(package("imagecorruptions") / "frost" / FROST[index]))[..., ::-1]


def frost(x: Array, severity: int, window: Array) -> Array:
    """Mix with a window of frost."""
    weights = [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)][severity - 1]
    return weights[0] * x + weights[1] * window


def diamond_square(draws: Array, size: int, decay: float) -> Array:
    """Make a cloud cell by cell, in the original's order of drawing."""
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


def elastic_parameters(severity: int) -> tuple[float, float, float]:
    """Return strength and sigma of the displacement, and the reach of the affine map."""
    return [(488, 170.8, 24.4), (488, 19.52, 48.8), *((alpha, 2.44, 4.88) for alpha in (12.2, 17.08, 29.28))][
        severity - 1
    ]


def elastic_shift(severity: int, noise: Array) -> Array:
    """Make the displacement, float32 [2,H,W] (x, y), of uniform noise [2,H,W] in [-1,1)."""
    alpha, sigma, _ = elastic_parameters(severity)
    return np.stack([gaussian(field, sigma, mode="reflect", truncate=3) * alpha for field in noise]).astype(np.float32)


def elastic_transform(x: Array, jitter: Array, shift: Array) -> Array:
    """Warp by an affine map, jitter [3,2] of three points in pixels, then by a displacement."""
    points = np.array([[186, 186], [186, 38], [38, 38]], np.float32)
    affine = cv2.getAffineTransform(points, points + jitter.astype(np.float32))
    rows, columns = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    where = rows + shift[1], columns + shift[0]
    pixels = x.astype(np.float32) / 255
    warped = cv2.warpAffine(pixels, affine, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT_101)
    channels = [ndimage.map_coordinates(warped[..., c], where, order=1, mode="reflect") for c in range(3)]
    return np.stack(channels, axis=-1) * 255


def water_mask(severity: int, noise: Array) -> Array:
    """Make drops of water (severities 1-3), float32 [H,W], of standard normal noise [H,W]."""
    sigma, threshold, strength = [(4, 0.69, 0.6), (3, 0.68, 0.6), (2, 0.68, 0.5)][severity - 1]
    liquid = gaussian(0.65 + 0.3 * noise, sigma=sigma)
    liquid[liquid < threshold] = 0
    liquid = (liquid * 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5)
    _, distance = cv2.threshold(distance, 20, 20, cv2.THRESH_TRUNC)
    depth = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    relief = cv2.filter2D(depth, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    mask = liquid * cv2.blur(relief, (3, 3)).astype(np.float32)
    return mask / mask.max() * strength


def mud_mask(severity: int, noise: Array) -> Array:
    """Make drops of mud (severities 4 and 5), [H,W], of standard normal noise [H,W]."""
    mean, deviation = [(0.65, 0.3), (0.67, 0.4)][severity - 4]
    mask = gaussian((gaussian(mean + deviation * noise, sigma=1) > 0.65).astype(np.float32), sigma=1.5)
    mask[mask < 0.8] = 0
    return mask


# ---- the whole benchmark, with draws of its own --------------------------------------------------------------------


def _draw_glass(x: Array, severity: int, random: Generator) -> Array:
    _, delta, passes = glass_parameters(severity)
    inner = [side - 2 * delta for side in x.shape[:2]]
    return glass_blur(x, severity, random.integers(-delta, delta, size=(passes, 2, *inner)))


def _draw_frost(x: Array, severity: int, random: Generator) -> Array:
    photograph = frost_photograph(int(random.integers(5)))
    row, column = (int(random.integers(room - SIZE)) for room in photograph.shape[:2])
    return frost(x, severity, photograph[row : row + SIZE, column : column + SIZE])


def _draw_elastic(x: Array, severity: int, random: Generator) -> Array:
    reach = elastic_parameters(severity)[2]
    shift = elastic_shift(severity, random.uniform(-1, 1, (2, SIZE, SIZE)))
    return elastic_transform(x, random.uniform(-reach, reach, (3, 2)), shift)


# The package differs from the original in these; its glass blur is the same but slow.
OWN: dict[str, Callable[[Array, int, Generator], Array]] = {
    "glass_blur": _draw_glass,
    "motion_blur": lambda x, severity, random: motion_blur(x, severity, random.uniform(-45, 45)),
    "snow": lambda x, severity, random: snow(x, severity, random.normal(size=(SIZE, SIZE)), random.uniform(-135, -45)),
    "frost": _draw_frost,
    "elastic_transform": _draw_elastic,
}


def original(x: Array, name: str, severity: int, random: Generator) -> Array:
    """Corrupt a picture as the original code does: uint8 [224,224,3] → uint8 [224,224,3].

    The four corruptions in which `imagecorruptions` differs from it, and glass blur, are computed here; for all others
    the package itself is run.
    """
    if name in OWN:
        return truncated(OWN[name](x, severity, random))
    np.random.seed(random.integers(2**32, dtype=np.uint32))
    found: Array = imagecorruptions().corrupt(x, severity, name)
    return found
