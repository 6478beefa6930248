"""Motion blur as ImageMagick 6 computes it, for photographs and for falling snow."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .corruption import quantise

# ImageMagick rounds to 16 bits and truncates to 8: floor(floor(257 v + 1/2) / 257), which is floor(v + 1/514).
ROUNDING = 1 / 514


def motion_taps(radius: int, sigma: float, angle: float) -> dict[tuple[int, int], float]:
    """Map (dx, dy), to the right and down in pixels, to the weight of the pixel that lies there.

    The kernel is one-sided, 2 radius + 1 steps of a Gaussian of `sigma` in the direction `angle` (degrees), each step
    read at its nearest pixel; weights sum to 1.
    """
    weights = [math.exp(-(step**2) / (2 * sigma**2)) for step in range(2 * radius + 1)]
    across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    taps: dict[tuple[int, int], float] = {}
    for step, weight in enumerate(weights):
        place = math.ceil(step * across - 0.5), math.ceil(step * down - 0.5)
        taps[place] = taps.get(place, 0.0) + weight / sum(weights)
    return taps


def motion_blur(images: Tensor, radius: int, sigma: float, angles: Tensor) -> Tensor:
    """Blur each image in a direction of its own; pixels outside the image are its nearest edge pixels.

    images: uint8 [B,C,H,W]. angles: [B], degrees. Returns uint8 [B,C,H,W].
    """
    pairs = zip(images, angles.tolist(), strict=True)
    return torch.stack([_blur_one(image, motion_taps(radius, sigma, angle)) for image, angle in pairs])


def _blur_one(image: Tensor, taps: dict[tuple[int, int], float]) -> Tensor:
    height, width = image.shape[1:]
    left, right = -min(dx for dx, _ in taps), max(dx for dx, _ in taps)
    above, below = -min(dy for _, dy in taps), max(dy for _, dy in taps)
    padded = F.pad(image.float(), (left, right, above, below), mode="replicate")
    total = torch.full(image.shape, ROUNDING, device=image.device)
    for (dx, dy), weight in taps.items():
        x, y = left + dx, above + dy
        total.add_(padded[..., y : y + height, x : x + width], alpha=weight)
    return quantise(total)
