"""Fast gradient sign method: Goodfellow et al. 2015, arXiv:1412.6572."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from .attack import ATTACKS, Perturbed
from .goal import Goal
from .losses import cross_entropy
from .norms import NORMS
from .victim import Victim


def fgsm(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    _generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
) -> Perturbed:
    """Take one step of length eps along the steepest ascent of the cross-entropy, then clip to [0,1].

    In L1 that drives the values with the largest slopes to black or white, as many as eps pays for: the best against a
    linear classifier, and next to nothing against a network, whose slopes do not hold that far.
    """
    _, _, gradient = victim.gradient(images, cross_entropy, goal)
    ball = NORMS[norm]
    once = torch.ones_like(goal.labels)
    return Perturbed(ball.project(ball.ascend(images, gradient, eps, 0), images, eps), once, once)


ATTACKS.add("fgsm", fgsm)
