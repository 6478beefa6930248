"""Projected gradient descent: Madry et al. 2018, arXiv:1706.06083; L2 steps as in its appendix.

Every iterate counts: an image leaves the batch with the first iterate that fools the classifier, so the work left is
what the hard images need. The verdict is that of the attack which runs to its end and keeps its first success.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

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

    step_size: in pixel units, 0 for eps/4. steps: of each restart.
    """
    ball, step = NORMS[norm], step_size or eps / 4
    adversarial, forward, backward = images.clone(), torch.zeros_like(goal.labels), torch.zeros_like(goal.labels)
    active = torch.arange(len(images), device=images.device)  # the images that no iterate has fooled yet
    for restarts_left in reversed(range(restarts)):
        if not len(active):
            break
        origin, start = images[active], [generators[i] for i in active.tolist()]
        iterate = ball.project(origin + ball.uniform(origin, eps, start), origin, eps)
        for _ in range(steps):
            logits, _, gradient = victim.gradient(iterate, cross_entropy, goal[active])
            forward[active] += 1
            backward[active] += 1
            adversarial[active] = iterate
            left = ~goal[active].reached(logits)
            active, origin, iterate, gradient = active[left], origin[left], iterate[left], gradient[left]
            if not len(active):
                return Perturbed(adversarial, forward, backward)
            iterate = ball.project(iterate + step * ball.steepest(gradient), origin, eps)
        adversarial[active] = iterate
        if restarts_left:  # the last iterate counts too; after the last restart the engine's judgement sees it
            forward[active] += 1
            active = active[~goal[active].reached(victim(iterate))]
    return Perturbed(adversarial, forward, backward)


ATTACKS.add("pgd", pgd)
