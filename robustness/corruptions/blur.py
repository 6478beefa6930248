"""Blur: defocus, frosted glass, motion, zoom, gaussian."""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from scipy.fft import next_fast_len
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .filters import gaussian_blur as blur_planes
from .glass import source_index
from .motion import motion_blur as blur_along
from .zoom import zoom_crop, zoom_turned

GAUSSIAN = (1, 2, 3, 4, 6)  # sigma, pixels
DEFOCUS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))  # radius, sigma of the alias filter, pixels
GLASS = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))  # sigma, largest shift, passes
MOTION = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))  # radius, sigma, pixels
ZOOM = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))  # numpy.arange(1, end, step)


def gaussian_blur(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Blur with a Gaussian."""
    return quantise(blur_planes(images.double().div_(255), at(GAUSSIAN, severity)).mul_(255))


def disk(radius: int, alias_sigma: float) -> Tensor:
    """Build the kernel of a lens out of focus: a disk with softened edge, float64 [side,side].

    The grid is 17 (radius up to 8) or 21 pixels wide. Softening mirrors at its border, which the disks of radius 8
    and 10 touch: their kernels sum to 1.013 and 1.011, as in the reference, and brighten a little.
    """
    half = max(8, radius)
    grid = torch.arange(-half, half + 1, dtype=torch.float64)
    binary = (grid[:, None] ** 2 + grid**2 <= radius**2).double()
    reach = 1 if radius <= 8 else 2
    line = torch.exp(-torch.arange(-reach, reach + 1, dtype=torch.float64).square() / (2 * alias_sigma**2))
    soft = torch.outer(line, line) / line.sum() ** 2
    padded = F.pad((binary / binary.sum())[None, None], (reach,) * 4, mode="reflect")
    return F.conv2d(padded, soft[None, None])[0, 0]


@functools.cache
def _disk_spectrum(severity: int, shape: Shape, device: torch.device) -> tuple[Tensor, int, Shape, float]:
    """Return the kernel's conjugate spectrum (for correlation), its half width, the transform's size, and a bias.

    The reference's kernel is float32. Where it should sum to 1 it falls short by some 1e-8, so that a flat region of
    level v comes out just below v and is truncated to v - 1; the bias keeps that apart from rounding errors.
    """
    kernel = disk(*at(DEFOCUS, severity))
    half = len(kernel) // 2
    size = next_fast_len(shape[0] + 2 * half, real=True), next_fast_len(shape[1] + 2 * half, real=True)
    bias = -5e-4 if kernel.sum() < 1.001 else 0.0
    return torch.fft.rfft2(kernel, s=size).conj().to(torch.complex64).to(device), half, size, bias


def defocus_blur(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Blur with a disk, the image mirrored at its border (edge pixels not repeated)."""
    height, width = images.shape[2:]
    spectrum, half, size, bias = _disk_spectrum(severity, (height, width), images.device)
    padded = F.pad(images.float(), (half,) * 4, mode="reflect")
    blurred = torch.fft.irfft2(torch.fft.rfft2(padded, s=size).mul_(spectrum), s=size)
    return quantise(blurred[..., :height, :width] + bias)


def draw_glass(severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `source`: int64 [H*W], where each pixel's value comes from, in raster order."""
    _, delta, passes = at(GLASS, severity)
    size = passes, 2, shape[0] - 2 * delta, shape[1] - 2 * delta
    offsets = torch.randint(-delta, delta, size, dtype=torch.int8, generator=generator)
    return {"source": source_index(offsets, delta, shape)}


def glass_blur(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Blur, let pixels change places, blur again."""
    sigma, _, _ = at(GLASS, severity)
    soft = quantise(blur_planes(images.double().div_(255), sigma).mul_(255)).flatten(2)
    moved = soft.gather(2, draw["source"][:, None].expand_as(soft)).view_as(images)
    return quantise(blur_planes(moved.double().div_(255), sigma).mul_(255))


def draw_motion(_severity: int, _shape: Shape, generator: Generator) -> Draw:
    """Draw `angle`: degrees, uniform in [-45,45), float64 []."""
    return {"angle": torch.rand((), dtype=torch.float64, generator=generator) * 90 - 45}


def motion_blur(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Blur along a line of random direction."""
    radius, sigma = at(MOTION, severity)
    return blur_along(images, radius, sigma, draw["angle"])


def zoom_factors(severity: int) -> list[float]:
    """Return the magnifications that are averaged; the first is 1."""
    end, step = at(ZOOM, severity)
    return [float(factor) for factor in np.arange(1, end, step)]


def zoom_blur(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Average the image and its enlargements about the centre; the image itself counts twice."""
    # On a CPU the reads and sums of one channel stay in the cache; those of three do not.
    channels = images.chunk(images.shape[1] if images.device.type == "cpu" else 1, dim=1)
    return torch.cat([_zoom_planes(planes, zoom_factors(severity)) for planes in channels], dim=1)


def _zoom_planes(planes: Tensor, factors: list[float]) -> Tensor:
    height, width = planes.shape[2:]
    planes = planes.float().div_(255)
    turned = planes.transpose(2, 3).contiguous()
    total = turned.clone()
    for factor in factors[1:]:
        crop = planes[:, :, zoom_crop(height, factor), zoom_crop(width, factor)]
        total.add_(zoom_turned(crop, factor, (height, width)))
    mean = total.add_(turned).div_(len(factors) + 1)
    return quantise(mean.mul_(255)).transpose(2, 3)


register("defocus_blur", defocus_blur)
register("glass_blur", glass_blur, draw_glass)
register("motion_blur", motion_blur, draw_motion)
register("zoom_blur", zoom_blur)
register("gaussian_blur", gaussian_blur)
