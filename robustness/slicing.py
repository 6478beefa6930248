"""Blocks of a frozen network that widen what they are given, worked through a few images at a time.

An inverted residual block (Sandler et al., CVPR 2018, arXiv:1801.04381) makes six channels of each and ends with few
again. Of a whole batch the wide ones leave the cache before they are read; of a few images they do not.
"""

from typing import cast

import torch
from timm.models._efficientnet_blocks import InvertedResidual
from torch import Tensor, nn

from .input_shapes import input_shapes

SLICE = 10_000_000  # bytes of the widest activation, of all images of a slice


class SlicedInvertedResidual(InvertedResidual):  # type: ignore[misc]
    """A block that takes at most so many images at once, unless a gradient is wanted."""

    images_at_once: int

    def forward(self, images: Tensor) -> Tensor:
        """Return what the block returns."""
        slices = 1 if torch.is_grad_enabled() and images.requires_grad else -(-len(images) // self.images_at_once)
        if slices < 2:
            whole: Tensor = super().forward(images)
            return whole
        return torch.cat([super(SlicedInvertedResidual, self).forward(some) for some in images.chunk(slices)])


def slice_blocks(module: nn.Module, images: Tensor) -> int:
    """Have the wide blocks of `module`, frozen and in eval mode, take slices; returns how many such blocks there are.

    `module` is changed, and called once with `images` [B,3,H,W], of the size that it will be called with.
    """
    blocks = [part for part in module.modules() if type(part) is InvertedResidual]
    if not blocks:
        return 0
    inside = {part: block for block in blocks for part in block.modules()}
    widest: dict[nn.Module, int] = {}
    for part, shapes in input_shapes(module, inside, images).items():
        sizes = (shape.numel() // len(images) * images.element_size() for shape in shapes)
        widest[inside[part]] = max(widest.get(inside[part], 0), *sizes)
    chosen = {block: size for block, size in widest.items() if size > SLICE // 10}
    for block, size in chosen.items():
        block.__class__ = SlicedInvertedResidual
        cast(SlicedInvertedResidual, block).images_at_once = max(SLICE // size, 1)
    return len(chosen)
