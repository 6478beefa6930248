"""AutoAttack, the standard version: Croce & Hein 2020, arXiv:2003.01690.

Four attacks without parameters to choose: Auto-PGD on the cross-entropy; on the targeted difference of logits ratio;
targeted FAB; and Square, which needs no gradient. Each sees only the images that those before it left standing.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Generator, Tensor

from . import apgd, fab, square
from .attack import ATTACKS, Perturbed
from .goal import Goal
from .victim import Victim
from .worst_case import Found, worst_case

PARTS = (apgd.find_ce, apgd.find_t, fab.find, square.find)
SEEDS = 2**62


def autoattack(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
) -> Perturbed:
    """Return the first image that one of the four finds within eps. Raises UsageError for norm l1 and under 4 classes.

    Each of the four draws from a generator of its own, so that it does the same whatever went before it.
    """
    seeds = [torch.randint(SEEDS, (len(PARTS),), generator=generator).tolist() for generator in generators]

    def attempt(part: int, where: Tensor) -> Found:
        own = [torch.Generator().manual_seed(seeds[i][part]) for i in where.tolist()]
        return PARTS[part](victim, images[where], goal[where], own, norm, eps)

    return worst_case(images, [partial(attempt, part) for part in range(len(PARTS))]).perturbed


ATTACKS.add("autoattack", autoattack)
