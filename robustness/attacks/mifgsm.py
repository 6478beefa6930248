"""Momentum iterative fast gradient sign method: Dong et al. 2018, arXiv:1710.06081, algorithm 1 and equation 8."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from .ascent import ascend, spread
from .attack import ATTACKS, Perturbed
from .goal import Goal
from .losses import cross_entropy
from .norms import NORMS, TINY
from .victim import Victim


def mifgsm(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    _generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    steps: int = 10,
    step_size: float = 0.0,
    decay: float = 1.0,
) -> Perturbed:
    """Ascend along the sum of all gradients so far, each of L1 length 1, from the image itself.

    step_size: in pixel units, 0 for eps/steps as in the paper. decay: what a gradient's weight shrinks by at each step.
    The paper has L-infinity and L2; L1 takes the same momentum and PGD's steps.
    """
    ball, step, momentum = NORMS[norm], step_size or eps / steps, torch.zeros_like(images)

    def move(number: int, rows: Tensor, iterate: Tensor, gradient: Tensor) -> Tensor:
        length = NORMS["l1"].distance(gradient).clamp_min_(TINY).view(-1, 1, 1, 1)
        momentum[rows] = decay * momentum[rows] + gradient / length
        return ball.project(ball.ascend(iterate, momentum[rows], step, spread(number, steps)), images[rows], eps)

    found = ascend(victim, images, goal, cross_entropy, steps, move)
    return Perturbed(found.images, found.forward, found.backward)


ATTACKS.add("mifgsm", mifgsm)
