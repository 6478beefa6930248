"""Pixelation, by Pillow on a CPU, its box filter reproduced to the last bit on other devices."""

import functools

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .corruption import Draw, at, quantise, register
from .jpeg import picture_of

PIXELATE = (0.6, 0.5, 0.4, 0.3, 0.25)  # side, relative to the image


def box_reads(size: int, small: int) -> tuple[Tensor, Tensor]:
    """Tell which of `size` pixels each of `small` ones is the mean of.

    Pillow takes whole pixels, those with their centre in the box, all with the same weight. Where a centre lies on a
    box's edge, rounding decides: so the operations are Pillow's own, in its order.
    Returns positions, int64 [most pixels in a box, small] with `size` for none, and the number of pixels, [small].
    """
    scale = size / small
    centre = ((torch.arange(small, dtype=torch.float64) + 0.5) * scale)[:, None]
    pixel = torch.arange(size)
    offset = (pixel - centre + 0.5) * (1 / scale)
    inside = (offset > -0.5) & (offset <= 0.5)
    inside &= (pixel >= (centre - scale / 2 + 0.5).floor()) & (pixel < (centre + scale / 2 + 0.5).floor())
    count = inside.sum(1)
    first = inside.to(torch.int8).argmax(1)
    reads = first + torch.arange(int(count.max()))[:, None]
    return torch.where(reads < first + count, reads, size), count


@functools.cache
def _tables(size: int, scale: float, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `box_reads` does, the count as a column, and the box that each of `size` pixels lies in."""
    small = int(size * scale)
    reads, count = box_reads(size, small)
    box = ((torch.arange(size, dtype=torch.float64) + 0.5) * (small / size)).long()
    return reads.to(device), count.float()[:, None].to(device), box.to(device)


def pixelate(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Average over boxes, first across, then down, rounding each time."""
    scale = at(PIXELATE, severity)
    return _by_pillow(images, scale) if images.device.type == "cpu" else by_rows(images, scale)


def _by_pillow(images: Tensor, scale: float) -> Tensor:
    height, width = images.shape[2:]
    columns, rows = (_tables(size, scale, images.device)[2].numpy() for size in (width, height))
    pixelated = np.empty(images.shape, np.uint8)
    for planes, target in zip(images.numpy(), pixelated, strict=True):
        boxes = np.moveaxis(np.asarray(_shrink(picture_of(planes), scale)), -1, 0)
        np.ascontiguousarray(boxes)[:, :, columns].take(rows, 1, out=target, mode="clip")
    return torch.from_numpy(pixelated)


def _shrink(picture: Image.Image, scale: float) -> Image.Image:
    small = int(picture.width * scale), int(picture.height * scale)
    across, down = (whole // part for whole, part in zip(picture.size, small, strict=True))
    if (small[0] * across, small[1] * down) == picture.size:  # the same, faster
        return picture.reduce((across, 1)).reduce((1, down))
    return picture.resize(small, Image.Resampling.BOX)


def by_rows(images: Tensor, scale: float) -> Tensor:
    """Do on any device what Pillow does on the CPU: uint8 [B,3,H,W] → uint8 [B,3,H,W]."""
    return _coarsen(_coarsen(images.transpose(2, 3), scale).transpose(2, 3), scale)


def _coarsen(planes: Tensor, scale: float) -> Tensor:
    """Give all rows of a box their mean, rounded half up: uint8 [B,C,H,W], in any order in memory, to the same.

    Whole rows are fast to copy, columns are not.
    """
    batch, channels, height, width = planes.shape
    reads, count, box = _tables(height, scale, planes.device)
    rows = planes.new_zeros((batch, channels, height + 1, width))  # the last one for boxes that want less pixels
    rows[:, :, :height] = planes
    total = rows.index_select(2, reads[0]).float()
    for read in reads[1:]:
        total.add_(rows.index_select(2, read))
    return quantise(total.div_(count).add_(0.5)).index_select(2, box)


register("pixelate", pixelate, one_by_one=True)
