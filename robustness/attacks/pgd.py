"""Projected gradient descent: Madry et al. 2018, arXiv:1706.06083; L2 steps as in its appendix.

Every iterate counts: an image leaves the batch with the first iterate that fools the classifier, so the work left is
what the hard images need. The verdict is that of the attack which runs to its end and keeps its first success.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from ..classifier import Classifier
from .attack import ATTACKS, Perturbed
from .gradients import cross_entropy_gradient
from .norms import NORMS


def pgd(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    steps: int = 40,
    step_size: float = 0.0,
    restarts: int = 1,
) -> Perturbed:
    """Ascend the cross-entropy in the ball from `restarts` random starts, as long as an image is classified right.

    step_size: in pixel units, 0 for eps/4. steps: of each restart.
    """
    ball, step = NORMS[norm], step_size or eps / 4
    adversarial, queries = images.clone(), torch.zeros_like(labels)
    active = torch.arange(len(images), device=images.device)  # the images that no iterate has fooled yet
    for restarts_left in reversed(range(restarts)):
        origin, target = images[active], labels[active]
        start = ball.uniform(origin, eps, [generators[i] for i in active.tolist()])
        iterate = ball.project(origin + start, origin, eps)
        for _ in range(steps):
            logits, gradient = cross_entropy_gradient(classifier, iterate, target)
            queries[active] += 1
            adversarial[active] = iterate
            right = logits.argmax(1) == target
            active, origin, target, iterate, gradient = (
                values[right] for values in (active, origin, target, iterate, gradient)
            )
            if not len(active):
                return Perturbed(adversarial, queries)
            iterate = ball.project(iterate + step * ball.steepest(gradient), origin, eps)
        adversarial[active] = iterate
        if restarts_left:  # the last iterate counts too; after the last restart the engine's judgement sees it
            queries[active] += 1
            with torch.no_grad():
                active = active[classifier(iterate).argmax(1) == target]
            if not len(active):
                break
    return Perturbed(adversarial, queries)


ATTACKS.add("pgd", pgd)
