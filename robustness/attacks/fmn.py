"""Fast minimum-norm attack: Pintor et al. 2021, arXiv:2102.12827, algorithm 1.

Normalised gradient steps within a ball that shrinks while the image in it is adversarial and grows while it is not.
All images take all steps, as each may still come nearer: `steps` forward and backward passes an image.
"""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from .attack import AT_THE_BOUNDARY, ATTACKS, Perturbed
from .boundary import linear_distance
from .goal import Goal
from .losses import margin
from .norms import NORMS, Norm, l2_steepest
from .victim import Victim

ALPHA = 1.0, 0.01  # L2 length of the first and the last step; these and the next as in the authors' code
GAMMA = 0.05, 0.001  # by what share of itself the radius changes, first and last
HALF = 0.5


def fmn(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    _generators: Sequence[Generator],
    *,
    norm: str = "linf",
    steps: int = 100,
) -> Perturbed:
    """Follow the boundary towards the image and return the nearest adversarial image on the way.

    Until an image is adversarial its radius is what a linear classifier would need, and gamma more, so that it gets
    beyond the boundary and not onto it.
    """
    ball, origin = NORMS[norm], images
    nearest, best = images.clone(), torch.full(goal.labels.shape, torch.inf, device=images.device)
    iterate, radius = images, torch.zeros_like(best)
    for step in range(steps):
        alpha, gamma = (_annealed(*ends, step / steps) for ends in (ALPHA, GAMMA))
        logits, margins, gradient = victim.gradient(iterate, margin, goal)
        reached, distance = goal.reached(logits), ball.distance(iterate - origin)
        closer = reached & (distance < best)
        nearest[closer], best = iterate[closer], torch.where(closer, distance, best)
        linear = (distance + linear_distance(margins, gradient, norm)) * (1 + gamma)
        grown = torch.where(best.isfinite(), radius * (1 + gamma), linear)
        radius = torch.where(reached, torch.minimum(radius * (1 - gamma), best), grown)
        radius = radius.clamp_max(ball.longest(origin[0].numel()))
        change = _projected(iterate - origin + alpha * l2_steepest(gradient), radius, ball)
        iterate = (origin + change).clamp_(0, 1)
    passes = torch.full_like(goal.labels, steps)
    return Perturbed(nearest, passes, passes)


def _annealed(first: float, last: float, progress: float) -> float:
    """Go from first to last along half a cosine, as progress goes from 0 to 1."""
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


def _projected(change: Tensor, radius: Tensor, ball: Norm) -> Tensor:
    """Project each image's change [B,3,H,W] onto the ball of its own radius [B].

    All are scaled to one radius around mid-grey, so large as the pixel range holds: no value of the ball leaves it.
    """
    scale = HALF / radius.clamp_min(torch.finfo(radius.dtype).tiny).view(-1, 1, 1, 1)
    grey = torch.full_like(change, HALF)
    return (ball.project(grey + change * scale, grey, HALF) - grey) / scale


ATTACKS.add("fmn", fmn)
AT_THE_BOUNDARY.add("fmn")
