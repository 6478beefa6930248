"""Digital: brightness, contrast, saturation, JPEG compression."""

import functools

import torch
from torch import Tensor

from .colour import hsv_to_rgb, rgb_to_hsv
from .corruption import Draw, at, quantise, register
from .jpeg import apply_jpeg

BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)  # added to the value of HSV
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)  # what is left of the contrast
SATURATE = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))  # gain and offset of the saturation of HSV
JPEG = (25, 18, 15, 10, 7)  # quality


@functools.cache
def _brighter(severity: int, device: torch.device) -> Tensor:
    """Tabulate the brightened level for each pair (largest of the pixel's three levels, level), uint8 [256*256]."""
    levels = torch.arange(256, dtype=torch.float64).div_(255)
    value = levels[:, None]
    saturation = (value - levels).clamp_(min=0) / torch.where(value == 0, 1.0, value)
    brighter = (value + at(BRIGHTNESS, severity)).clamp_(max=1) * (1 - saturation)
    return quantise(brighter.mul_(255)).flatten().to(device)


def brightness(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Raise the value of HSV: hue and saturation stay, so all three levels grow in proportion."""
    pair = images.to(torch.int32).add_(images.amax(1, keepdim=True).to(torch.int32).mul_(256))
    return _brighter(severity, images.device).index_select(0, pair.view(-1)).view_as(images)


def contrast(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Pull each channel towards its mean over the image."""
    left = at(CONTRAST, severity)
    # Whole numbers add up exactly in any order.
    mean = images.sum(3, keepdim=True, dtype=torch.int32).sum(2, keepdim=True).double() / images[0, 0].numel()
    return quantise(images.float().mul_(left).add_((mean * (1 - left)).float()))


def saturate(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Change the saturation of HSV."""
    gain, offset = at(SATURATE, severity)
    hue, saturation, value = rgb_to_hsv(images.double().div_(255))
    return quantise(hsv_to_rgb(hue, saturation.mul_(gain).add_(offset).clamp_(0, 1), value).mul_(255))


def jpeg_compression(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Compress with JPEG."""
    return apply_jpeg(images, at(JPEG, severity))


register("brightness", brightness)
register("contrast", contrast)
register("saturate", saturate)
register("jpeg_compression", jpeg_compression, one_by_one=True)
