"""The benchmark's "clipped zoom": a central crop enlarged to the whole image by bilinear interpolation.

Interpolation is written a + w (b - a), so that a flat region keeps its value exactly and truncation leaves it alone.
"""

import functools
import math

import torch
from torch import Tensor

from .corruption import Shape


def zoom_crop(size: int, factor: float) -> slice:
    """Return the central part of a side of `size` pixels that fills it when enlarged by `factor`."""
    crop = math.ceil(size / factor)
    start = (size - crop) // 2
    return slice(start, start + crop)


@functools.cache
def _zoom_reads(size: int, factor: float, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """For each of `size` outputs: the two positions in the crop that it lies between, and the second one's weight."""
    span = zoom_crop(size, factor)
    crop = span.stop - span.start
    grown = round(crop * factor)
    places = (torch.arange(size, dtype=torch.float64) + (grown - size) // 2) * ((crop - 1) / (grown - 1))
    low = places.floor().clamp_(max=crop - 1)
    first = low.long().to(device)
    return first, (first + 1).clamp_(max=crop - 1), (places - low)[:, None].to(device, dtype)


def zoom_turned(crop: Tensor, factor: float, shape: Shape) -> Tensor:
    """Enlarge the central crop of an image to its whole size; corners stay corners (align_corners).

    crop: float [B,C,h,w], h and w as `zoom_crop` gives them for `shape`. Returns float [B,C,W,H], height and width
    exchanged: whole rows are fast to copy, so columns are treated as rows, and sums of zooms need turning only once.
    """
    lines = _stretch(crop, shape[0], factor)
    return _stretch(lines.transpose(2, 3).contiguous(), shape[1], factor)


def _stretch(planes: Tensor, size: int, factor: float) -> Tensor:
    low, high, weight = _zoom_reads(size, factor, planes.device, planes.dtype)
    start = planes.index_select(2, low)
    return planes.index_select(2, high).sub_(start).mul_(weight).add_(start)
