"""Projected gradient descent: Madry et al. 2018, arXiv:1706.06083; L2 steps as in its appendix, L1 steps sparse.

Every iterate counts: an image leaves the batch with the first one that fools the classifier (see `ascent`).
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from .ascent import Ascent, ascend, spread
from .attack import ATTACKS, Perturbed
from .goal import Goal
from .losses import cross_entropy
from .norms import NORMS
from .victim import Victim


def pgd(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    steps: int = 40,
    step_size: float = 0.0,
    restarts: int = 1,
) -> Perturbed:
    """Ascend the cross-entropy in the ball from `restarts` random starts, as long as an image is not at its goal.

    step_size: in pixel units, 0 for eps/4 in each norm. steps: of each restart.
    """
    ball, step = NORMS[norm], step_size or eps / 4

    def restart(rows: Tensor) -> Ascent:
        origin = images[rows]
        start = origin + ball.uniform(origin, eps, [generators[i] for i in rows.tolist()])

        def move(number: int, left: Tensor, iterate: Tensor, gradient: Tensor) -> Tensor:
            return ball.project(ball.ascend(iterate, gradient, step, spread(number, steps)), origin[left], eps)

        return ascend(victim, ball.project(start, origin, eps), goal[rows], cross_entropy, steps, move)

    adversarial, forward, backward = images.clone(), torch.zeros_like(goal.labels), torch.zeros_like(goal.labels)
    rows = torch.arange(len(images), device=images.device)  # the images that no iterate has fooled yet
    for number in range(restarts):
        if number and len(rows):  # the last iterate counts too; after the last restart the engine's judgement sees it
            forward[rows] += 1
            rows = rows[~goal[rows].reached(victim(adversarial[rows]))]
        if not len(rows):
            break
        found = restart(rows)
        adversarial[rows] = found.images
        forward[rows] += found.forward
        backward[rows] += found.backward
        rows = rows[found.unsettled]
    return Perturbed(adversarial, forward, backward)


ATTACKS.add("pgd", pgd)
