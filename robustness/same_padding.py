"""SAME padding of a frozen network, done by the convolutions themselves.

TensorFlow pads a convolution of stride s so that n pixels give ⌈n/s⌉, which may take a row more behind than in front.
torch's convolutions pad evenly, so timm copies every picture into a larger one first. A kernel with rows and columns of
zeros in front sees the same through even padding.
"""

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional as F

from .input_shapes import input_shapes


def pad_in_kernels(module: nn.Module, images: Tensor) -> int:
    """Turn timm's `Conv2dSame` into plain convolutions with the same outputs and gradients; returns how many.

    module: in eval mode, to be called with images of the size of `images` [B,3,H,W] alone, with which it is called
    once. Convolutions are left as they are that meet several sizes, have dilation or hooks, or are not called.
    """
    layers = [part for part in module.modules() if type(part) is Conv2dSame and not part._forward_pre_hooks]
    if not layers:
        return 0
    sizes = {layer: {shape[-2:] for shape in shapes} for layer, shapes in input_shapes(module, layers, images).items()}
    chosen = {layer: size for layer, (size, *others) in sizes.items() if not others and layer.dilation == (1, 1)}
    for layer, size in chosen.items():
        _widen(layer, size)
    return len(chosen)


def _widen(layer: Conv2dSame, size: torch.Size) -> None:
    """Give a convolution that sees pictures of `size` even padding, and a kernel that makes up for it."""
    steps = zip(size, layer.kernel_size, layer.stride, strict=True)
    missing = [max((-(-length // stride) - 1) * stride + kernel - length, 0) for length, kernel, stride in steps]
    (top, left), (bottom, right) = [m // 2 for m in missing], [m - m // 2 for m in missing]
    kernel = F.pad(layer.weight, (right - left, 0, bottom - top, 0))
    form = torch.channels_last if layer.weight.is_contiguous(memory_format=torch.channels_last) else None
    layer.weight = nn.Parameter(kernel.contiguous(memory_format=form or torch.contiguous_format), requires_grad=False)
    layer.kernel_size, layer.padding = tuple(kernel.shape[-2:]), (bottom, right)
    layer.__class__ = nn.Conv2d
