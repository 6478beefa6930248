"""AutoAttack, the standard version: Croce & Hein 2020, arXiv:2003.01690.

Four attacks without parameters to choose: Auto-PGD on the cross-entropy; on the targeted difference of logits ratio;
targeted FAB; and Square, which needs no gradient. Each sees only the images that those before it left standing.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Generator, Tensor

from .apgd import apgd_ce, apgd_t
from .attack import AT_THE_BOUNDARY, ATTACKS, HAS_NORMS, check_norm
from .fab import fab_t
from .goal import Goal
from .square import square
from .victim import Victim
from .worst_case import Found, perturbing, worst_case

PARTS: tuple[Callable[..., Found], ...] = (apgd_ce, apgd_t, fab_t, square)
SEEDS = 2**62


def autoattack(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
) -> Found:
    """Return the first image that one of the four finds within eps. Raises UsageError for norm l1 and under 4 classes.

    Each of the four draws from a generator of its own, so that it does the same whatever went before it.
    """
    check_norm("autoattack", norm)
    seeds = [torch.randint(SEEDS, (len(PARTS),), generator=generator).tolist() for generator in generators]

    def attempt(part: int, where: Tensor) -> Found:
        own = [torch.Generator().manual_seed(seeds[i][part]) for i in where.tolist()]
        return PARTS[part](victim, images[where], goal[where], own, norm=norm, eps=eps)

    return worst_case(images, [partial(attempt, part) for part in range(len(PARTS))])


ATTACKS.add("autoattack", perturbing(autoattack))
AT_THE_BOUNDARY.add("autoattack")
HAS_NORMS["autoattack"] = ("linf", "l2")
