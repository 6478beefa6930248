"""An adversarial patch: a square of any content, here made anew for each image and for one place in it.

Brown et al. 2017, arXiv:1712.09665, train one patch for all images. Such a patch depends on the images that it was
trained on, and so would each verdict on its batch-mates. A patch of an image's own, at a drawn place as in LaVAN
(Karmon et al. 2018, arXiv:1801.02608), depends on the image alone, and does at least what a universal one of that size
does there: an image that resists it resists that one too, as far as the ascent finds what there is.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from ..errors import UsageError
from .ascent import ascend
from .attack import ATTACKS, Perturbed
from .goal import Goal
from .losses import cross_entropy
from .victim import Victim


def patch(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    area: float = 0.05,
    steps: int = 100,
    step_size: float = 8 / 255,
) -> Perturbed:
    """Cover a drawn place of each image with a square, and ascend the cross-entropy by the sign of its slope.

    area: the square's share of the image; 0.05 is 50 × 50 pixels of 224 × 224, as in ImageNet-Patch (Pintor et al.
    2023, arXiv:2203.04412). Pixels within it start uniform and keep to [0,1] alone. Raises UsageError for an area that
    is not above 0 and at most 1.
    """
    if not 0 < area <= 1:
        raise UsageError(f"area {area} of attack patch is no share of an image: above 0 and at most 1")
    inside = torch.zeros_like(images[:, :1], dtype=torch.bool)
    start = images.clone()
    height, width = (max(1, round(area**0.5 * side)) for side in images.shape[-2:])
    for i, generator in enumerate(generators):
        top, left = (
            int(torch.randint(whole - part + 1, (), generator=generator))
            for whole, part in zip(images.shape[-2:], (height, width), strict=True)
        )
        square = (slice(top, top + height), slice(left, left + width))
        inside[i, :, *square] = True
        start[i, :, *square] = torch.rand(images.shape[1], height, width, generator=generator).to(images.device)

    def move(_step: int, rows: Tensor, iterate: Tensor, gradient: Tensor) -> Tensor:
        return torch.where(inside[rows], (iterate + step_size * gradient.sign()).clamp_(0, 1), iterate)

    found = ascend(victim, start, goal, cross_entropy, steps, move)
    return Perturbed(found.images, found.forward, found.backward)


ATTACKS.add("patch", patch)
