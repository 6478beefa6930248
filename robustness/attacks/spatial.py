"""Rotations and shifts: Engstrom et al. 2019, arXiv:1712.02779, with the exhaustive search that it calls strongest.

It moves pixels instead of changing them, so it has no norm and no radius.
"""

from collections.abc import Sequence
from functools import partial
from itertools import product
from math import cos, radians, sin

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from ..errors import UsageError
from .attack import ATTACKS, GRADIENT_FREE, Perturbed
from .goal import Goal
from .trials import worst_of
from .victim import Victim

Motion = tuple[float, float, float]  # degrees, share of the width, share of the height


def spatial(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    _generators: Sequence[Generator],
    *,
    angle: float = 30.0,
    shift: float = 0.1,
    angles: int = 31,
    shifts: int = 5,
) -> Perturbed:
    """Keep the worst of a grid of rotations up to `angle` degrees and shifts up to `shift` of the side, either way.

    angles, shifts: how many of them, evenly spaced; 31 × 5 × 5 = 775 in all as in the paper, and an image that resists
    costs as many forward passes. The largest motions come first, as they fool most. Needs no gradient. Raises
    UsageError for an empty grid, an angle beyond 180 and a shift beyond 1.
    """
    if min(angles, shifts) < 1 or not 0 <= angle <= 180 or not 0 <= shift <= 1:
        raise UsageError(
            f"spatial with {angles} angles up to {angle} and {shifts} shifts up to {shift} makes no sense: "
            "at least one of each, angles within 0 to 180 degrees, shifts within 0 to 1"
        )
    trials = [partial(_moved, images, motion) for motion in grid(angle, shift, angles, shifts)]
    return worst_of(trials, victim, images, goal)


def grid(angle: float, shift: float, angles: int, shifts: int) -> list[Motion]:
    """List all motions, the largest first: by the sum of their three parts, each in units of its maximum."""
    turns, ways = (
        torch.linspace(-1, 1, count, dtype=torch.float64).tolist() if count > 1 else [0.0] for count in (angles, shifts)
    )
    largest_first = sorted(product(turns, ways, ways), key=lambda parts: -sum(map(abs, parts)))
    return [(angle * turn, shift * right, shift * down) for turn, right, down in largest_first]


def move(images: Tensor, motion: Motion) -> Tensor:
    """Rotate images [B,3,H,W] about their centre, counter-clockwise, then shift them right and down.

    Bilinear; what comes from outside is black, as in the paper's code. A shift of 0.1 is a tenth of the side.
    """
    degrees, right, down = motion
    height, width = images.shape[-2:]
    cosine, sine = cos(radians(degrees)), sin(radians(degrees))
    # from a place in the result to its source, both in units of half the width and half the height
    back = torch.tensor([[cosine, -sine * height / width], [sine * width / height, cosine]])
    offset = back @ torch.tensor([[-2.0 * right], [-2.0 * down]])
    where = F.affine_grid(torch.cat([back, offset], 1)[None], [1, 1, height, width], align_corners=False)
    places = where.to(images).expand(len(images), -1, -1, -1)
    return F.grid_sample(images, places, mode="bilinear", padding_mode="zeros", align_corners=False).clamp_(0, 1)


def _moved(images: Tensor, motion: Motion, rows: Tensor) -> Tensor:
    return move(images[rows], motion)


ATTACKS.add("spatial", spatial)
GRADIENT_FREE.add("spatial")
