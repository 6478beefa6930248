"""Pixelation, with Pillow's box filter reproduced to the last bit on any device."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from .corruption import Draw, Shape, at, quantise, register

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
def _tables(shape: Shape, scale: float, device: torch.device) -> tuple[Tensor, ...]:
    """Positions to read: across within a padded plane, down within a padded column, back to full width and height."""
    height, width = shape
    short, narrow = int(height * scale), int(width * scale)
    columns, columns_count = box_reads(width, narrow)
    rows, rows_count = box_reads(height, short)
    across = (torch.arange(height)[:, None] * (width + 1) + columns[:, None]).flatten(1)
    widen = torch.arange(short)[:, None] * narrow + _nearest(width, narrow)
    tables = across, columns_count.float(), rows, rows_count.float()[:, None], widen.flatten(), _nearest(height, short)
    return tuple(table.to(device) for table in tables)


def _nearest(size: int, small: int) -> Tensor:
    return ((torch.arange(size, dtype=torch.float64) + 0.5) * (small / size)).long()


def pixelate(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Shrink by averaging boxes, first across, then down, rounding each time; enlarge by repeating pixels."""
    batch, _, height, width = images.shape
    tables = _tables((height, width), at(PIXELATE, severity), images.device)
    across, columns_count, rows, rows_count, widen, heighten = tables
    padded = F.pad(images, (0, 1)).float().view(3 * batch, -1)
    narrow = _sum(padded, 1, across).view(batch, 3, height, -1).div_(columns_count).add_(0.5).floor_()
    small = _sum(F.pad(narrow, (0, 0, 0, 1)), 2, rows).div_(rows_count).add_(0.5)
    wide = quantise(small.view(3 * batch, -1).index_select(1, widen))
    return wide.view(batch, 3, -1, width).index_select(2, heighten)


def _sum(values: Tensor, dim: int, reads: Tensor) -> Tensor:
    total = values.index_select(dim, reads[0])
    for read in reads[1:]:
        total.add_(values.index_select(dim, read))
    return total


register("pixelate", pixelate)
