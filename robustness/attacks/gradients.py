"""One forward and one backward pass to the pixels."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..classifier import Classifier


def cross_entropy_gradient(classifier: Classifier, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits [B,K] and the gradient of each image's cross-entropy with respect to its pixels [B,3,H,W].

    The loss is summed: averaged, gradients would shrink with the batch.
    """
    pixels = images.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = classifier(pixels)
        loss = F.cross_entropy(logits, labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, pixels)
    return logits.detach(), gradient
