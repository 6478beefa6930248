"""What attacks without a gradient share: try one candidate after the other, and keep the worst."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from .attack import Perturbed
from .goal import Goal
from .losses import cross_entropy
from .victim import Victim

Trial = Callable[[Tensor], Tensor]  # which of the images, int64 [A] → a candidate for each of them [A,3,H,W]


def worst_of(trials: Iterable[Trial], victim: Victim, images: Tensor, goal: Goal) -> Perturbed:
    """Return for each of the images [B,3,H,W] the first candidate at its goal, failing that the one of highest loss."""
    worst, forward = images.clone(), torch.zeros_like(goal.labels)
    highest = torch.full((len(images),), -torch.inf, device=images.device)
    rows = torch.arange(len(images), device=images.device)
    for trial in trials:
        if not len(rows):
            break
        candidates = trial(rows)
        logits = victim(candidates)
        forward[rows] += 1
        reached, losses = goal[rows].reached(logits), cross_entropy(logits, goal[rows])
        better = reached | (losses > highest[rows])
        worst[rows[better]], highest[rows[better]] = candidates[better], losses[better]
        rows = rows[~reached]
    return Perturbed(worst, forward, torch.zeros_like(forward))
