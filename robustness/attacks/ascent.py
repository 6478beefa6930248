"""What iterative attacks share: climb a loss step by step, and let each image go with its first success.

The work left is what the hard images need; the verdict is that of the attack which runs to its end and keeps its first
success.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .goal import Goal
from .losses import Loss
from .victim import Victim

# (number of the step from 0, which of the images are left int64 [A], iterates and gradients [A,3,H,W]) → next iterates
Move = Callable[[int, Tensor, Tensor, Tensor], Tensor]
SPREAD = 0.01  # Tramèr & Boneh 2019, arXiv:1904.13000: the 99th percentile of slopes


class Ascent(NamedTuple):
    """Where an ascent came.

    images: float [B,3,H,W], each the first iterate at its goal, or else the last one. forward, backward: passes that
    each image needed, int64 [B]: one of each a step, and no backward pass at its goal. unsettled: int64, the images of
    which no iterate is at its goal, but perhaps the last, which was not asked.
    """

    images: Tensor
    forward: Tensor
    backward: Tensor
    unsettled: Tensor


def ascend(victim: Victim, start: Tensor, goal: Goal, loss: Loss, steps: int, move: Move) -> Ascent:
    """Go `steps` steps from start [B,3,H,W], each of them chosen by `move` from the gradient of `loss`."""
    found, forward, backward = start.clone(), torch.zeros_like(goal.labels), torch.zeros_like(goal.labels)
    rows, iterate = torch.arange(len(start), device=start.device), start
    for step in range(steps):
        logits, _, gradient = victim.gradient(iterate, loss, goal[rows], goal[rows])
        reached = goal[rows].reached(logits)
        forward[rows] += 1
        backward[rows[~reached]] += 1
        if bool(reached.any()):
            found[rows[reached]] = iterate[reached]
            rows, iterate, gradient = rows[~reached], iterate[~reached], gradient[~reached]
        if not len(rows):
            break
        iterate = move(step, rows, iterate, gradient)
    found[rows] = iterate
    return Ascent(found, forward, backward, rows)


def spread(number: int, steps: int) -> float:
    """Return the share of an image's values among which step `number` of `steps`, from 0, is divided in L1.

    SLIDE's hundredth, which fools networks best; a step on few values leaves the neighbourhood in which the gradient
    holds. The last eighth of the steps, 5 of 40, moves as few values as can be: that is where the best change of a
    linear function lies, and 5 steps of eps/4 are enough to bring all of eps there.
    """
    return SPREAD if number < steps - steps // 8 else 0.0
