"""Fast gradient sign method: Goodfellow et al. 2015, arXiv:1412.6572."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from ..classifier import Classifier
from .attack import ATTACKS, Perturbed
from .gradients import cross_entropy_gradient
from .norms import NORMS


def fgsm(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    _generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
) -> Perturbed:
    """Take one step of length eps along the steepest ascent of the cross-entropy, then clip to [0,1]."""
    _, gradient = cross_entropy_gradient(classifier, images, labels)
    ball = NORMS[norm]
    adversarial = ball.project(images + eps * ball.steepest(gradient), images, eps)
    return Perturbed(adversarial, torch.ones_like(labels))


ATTACKS.add("fgsm", fgsm)
