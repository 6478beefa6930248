"""Elastic transform: a random affine map, then a smooth random displacement of every pixel.

After Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks applied to visual document
analysis". Lengths are defined for 224×224 images; for other sizes they scale with the shorter side.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .filters import gaussian_kernel, mirrored_gaussian_matrix

# Strength and sigma of the displacement, largest shift of the affine map's three points, in pixels of a 224×224 image.
# The reference has them as multiples of 244, on purpose.
ELASTIC = (
    (244 * 2, 244 * 0.7, 244 * 0.1),
    (244 * 2, 244 * 0.08, 244 * 0.2),
    (244 * 0.05, 244 * 0.01, 244 * 0.02),
    (244 * 0.07, 244 * 0.01, 244 * 0.02),
    (244 * 0.12, 244 * 0.01, 244 * 0.02),
)
TRUNCATE = 3.0  # the displacement's filter, in sigma

# In grey levels. A flat region keeps its level in the reference's arithmetic; here it may come out a rounding error
# lower, and would then be truncated to the level below.
ROUNDING = 1e-3


def _lengths(severity: int, shape: Shape) -> tuple[float, float, float]:
    alpha, sigma, reach = at(ELASTIC, severity)
    scale = min(shape) / 224
    return alpha * scale, sigma * scale, reach * scale


def draw_elastic(severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `affine`, float64 [2,3], and `shift`, float32 [2,H,W]: see `inverse_affine` and `displacement`."""
    reach = _lengths(severity, shape)[2]
    jitter = (torch.rand((3, 2), dtype=torch.float64, generator=generator) * 2 - 1) * reach
    noise = torch.empty((2, *shape)).uniform_(-1, 1, generator=generator)
    return {"affine": inverse_affine(jitter, shape), "shift": displacement(noise, severity)}


def inverse_affine(jitter: Tensor, shape: Shape) -> Tensor:
    """Return the map from the output's pixels to the input's that undoes shifting three points by `jitter`.

    jitter: float64 [3,2], (x, y) in pixels, of the points to the lower right, upper right and upper left of the
    centre. Returns float64 [2,3]: (x, y) in the input = matrix @ (x, y, 1) of the output.
    """
    centre = torch.tensor([shape[1] // 2, shape[0] // 2], dtype=torch.float64)
    arm = min(shape) // 3
    points = centre + torch.tensor([[arm, arm], [arm, -arm], [-arm, -arm]], dtype=torch.float64)
    # The reference holds the shifted points in float32.
    shifted = torch.cat([(points + jitter).float().double(), torch.ones(3, 1, dtype=torch.float64)], dim=1)
    inverse: Tensor = torch.linalg.solve(shifted, points)
    return inverse.T


def displacement(noise: Tensor, severity: int) -> Tensor:
    """Smooth noise into a displacement field.

    noise: float32 [2,H,W], uniform in [-1,1), for x and y. Returns float32 [2,H,W] in pixels.

    Values are rounded to 24 binary places and weights to 28, so that all sums of their products are exact in float64:
    the order of summation, which depends on library, processor and number of threads, makes no difference.
    """
    height, width = noise.shape[1:]
    alpha, sigma, _ = _lengths(severity, (height, width))
    lines = noise.double().mul_(2.0**24).round_()
    across = torch.cat([lines[:, :, span] @ part.T for span, part in _filter(width, sigma)], dim=2).round_()
    down = torch.cat([part @ across[:, span] for span, part in _filter(height, sigma)], dim=1)
    return down.mul_(alpha * 2.0**-24).float()


@functools.cache
def _filter(size: int, sigma: float) -> list[tuple[slice, Tensor]]:
    """Cut the filter of a line into groups of outputs: for each, the inputs it needs and their weights."""
    matrix = torch.from_numpy(mirrored_gaussian_matrix(size, sigma, TRUNCATE)).mul_(2.0**28).round_().mul_(2.0**-28)
    radius = len(gaussian_kernel(sigma, TRUNCATE)) - 1
    step = max(radius, size // 4)
    spans = [(start, slice(max(start - radius, 0), start + step + radius)) for start in range(0, size, step)]
    return [(span, matrix[start : start + step, span]) for start, span in spans]


def elastic_transform(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Warp twice, interpolating bilinearly: the affine map, then the displacement.

    Outside, the image is mirrored: first without, then with its edge pixels repeated.
    """
    at(ELASTIC, severity)
    height, width = images.shape[2:]
    rows = torch.arange(height, dtype=torch.float64, device=images.device)[:, None]
    columns = torch.arange(width, dtype=torch.float64, device=images.device)
    x, y = (part[:, 0] * columns + part[:, 1] * rows + part[:, 2] for part in draw["affine"][..., None, None].unbind(1))
    warped = _sample(images.float(), x, y, repeat_edge=False)
    shift_x, shift_y = draw["shift"].unbind(1)
    return quantise(_sample(warped, columns + shift_x, rows + shift_y, repeat_edge=True).add_(ROUNDING))


def _sample(images: Tensor, x: Tensor, y: Tensor, repeat_edge: bool) -> Tensor:
    """Read images [B,3,H,W] at pixel positions [B,H,W], mirrored at the border with or without repeating the edge."""
    batch, _, height, width = images.shape
    grid = images.new_empty(batch, height, width, 2)
    for axis, (place, size) in enumerate(((x, width), (y, height))):
        # In float64; torch's own scale runs from -1 to 1.
        grid[..., axis] = (
            place.mul(2).add_(1).div_(size).sub_(1) if repeat_edge else place.mul(2).div_(size - 1).sub_(1)
        )
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=not repeat_edge)


register("elastic_transform", elastic_transform, draw_elastic)
