"""An adversarial image as a file would hold it: rounded to 256 levels without leaving the ball.

Cutting off instead of rounding moves a pixel by up to 1/255, out of a ball of radius 1/255. Rounding to the nearest
level may leave the ball too, and then goes towards the original, which lies on a level.
"""

import torch
from torch import Tensor

from .norms import NORMS

LEVELS = 255
SLACK = 1e-3  # of a level: what float rounding may take from a step of whole levels


def rounded_to_8_bits(adversarial: Tensor, images: Tensor, norm: str, eps: float | None) -> Tensor:
    """Round to levels of 1/255, nearest or, where that would be beyond eps, towards the original.

    adversarial: float [B,3,H,W] in [0,1]. images: the originals, on such levels. eps: radius in pixel units, None for
    an attack without one. Returns float [B,3,H,W]. In L-infinity each value is rounded by itself, otherwise each image.
    """
    nearest = (adversarial * LEVELS).round().div_(LEVELS)
    if eps is None:
        return nearest
    levels = (adversarial - images) * LEVELS
    inward = images + (levels + levels.sign() * SLACK).trunc().div_(LEVELS)
    if norm == "linf":
        return torch.where((nearest - images).abs() <= eps + SLACK / LEVELS, nearest, inward)
    kept = NORMS[norm].distance(nearest - images) <= eps
    return torch.where(kept.view(-1, 1, 1, 1), nearest, inward)
