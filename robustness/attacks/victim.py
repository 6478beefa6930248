"""A classifier as attacks see it: asked for as many images as they like, worked through in batches of one size.

An attack drops the images that are fooled from its working set; batches are filled from what is left, so that all but
the last stay full. Lanes share each batch. Gradients go to the pixels alone.
"""

import torch
from torch import Tensor

from ..classifier import Classifier
from ..errors import RunError
from ..lanes import Lanes
from .goal import Goal
from .losses import Loss

WORTH_ANOTHER_PASS = 2 / 3  # share of a batch below which forward and backward of it cost less than backward of all


class Victim:
    """A classifier under attack.

    batch_size: images at a time. padded: whether the last batch is filled up with copies of its first image, so that
    all passes have one shape and rounding does not depend on how many images are left. lanes: threads for the passes.
    """

    def __init__(
        self, classifier: Classifier, batch_size: int = 128, *, padded: bool = False, lanes: Lanes | None = None
    ) -> None:
        self.classifier, self.batch_size, self.padded = classifier, batch_size, padded
        self.lanes = lanes or Lanes()

    def __call__(self, images: Tensor) -> Tensor:
        """Return logits [B,K] of images [B,3,H,W] in [0,1], without gradients."""
        return torch.cat(self.lanes.map(lambda piece: self._logits(images[piece]), self._pieces(images)))

    def gradient(
        self, images: Tensor, loss: Loss, aim: Goal, goal: Goal | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Ask for the slope of a loss, which is told the aim.

        Returns logits [B,K], losses [B] and the gradient of each image's loss with respect to its own pixels,
        [B,3,H,W]; where the goal is reached, if one is given, the gradient may be zero instead. Raises RunError for a
        classifier through which no gradient reaches the pixels.
        """
        found = self.lanes.map(
            lambda piece: self._gradient(images[piece], loss, aim[piece], goal and goal[piece]), self._pieces(images)
        )
        logits, losses, gradients = (torch.cat(parts) for parts in zip(*found, strict=True))
        return logits, losses, gradients

    def _pieces(self, images: Tensor) -> list[slice]:
        return self.lanes.slices(len(images), self.batch_size)

    def _logits(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            return self.classifier(self._filled(images))[: len(images)]

    def _gradient(self, images: Tensor, loss: Loss, aim: Goal, goal: Goal | None) -> tuple[Tensor, Tensor, Tensor]:
        """Work through one batch.

        Where few of it are left, another forward pass of these alone costs less than the backward pass of all.
        """
        pixels = images.detach().requires_grad_(True)
        with torch.enable_grad():
            logits = self.classifier(self._filled(pixels))[: len(images)]
            losses = loss(logits, aim)
        left = torch.ones_like(aim.labels, dtype=torch.bool) if goal is None else ~goal.reached(logits.detach())
        share = 1.0 if goal is None else float(left.float().mean())
        whole = share >= WORTH_ANOTHER_PASS or (share > 0 and self.padded)
        gradient = self._differentiated(losses, pixels) if whole else torch.zeros_like(images)
        logits, losses = logits.detach(), losses.detach()  # lets go of the graph
        if share and not whole:
            gradient[left] = self._gradient(images[left], loss, aim[left], None)[2]
        return logits, losses, gradient

    def _differentiated(self, losses: Tensor, pixels: Tensor) -> Tensor:
        if not losses.requires_grad:
            raise RunError("no gradient of the model reaches the pixels; attack it with one that needs none (square)")
        (gradient,) = torch.autograd.grad(losses, pixels, torch.ones_like(losses))
        return gradient

    def _filled(self, images: Tensor) -> Tensor:
        missing = self.lanes.share(self.batch_size) - len(images)
        return (
            images if missing <= 0 or not self.padded else torch.cat([images, images[:1].expand(missing, -1, -1, -1)])
        )
