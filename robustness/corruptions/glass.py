"""Frosted glass: pixels change places within a small distance, one after the other.

The reference walks over the image backwards and lets every pixel take the value of a random neighbour, so a pixel may
receive a value that already moved in the same pass. Following such chains for all pixels at once, by doubling, gives
the same permutation-like map as the loop does.
"""

import torch
from torch import Tensor

from .corruption import Shape


def source_index(offsets: Tensor, delta: int, shape: Shape) -> Tensor:
    """Tell where each pixel's value comes from after all passes.

    offsets: integers [passes, 2, H - 2 delta, W - 2 delta] in [-delta, delta), dx and dy of the pixels in rows
    delta + 1 to H - delta and columns delta + 1 to W - delta; the other pixels never change.
    Returns int64 [H*W], positions in raster order.
    """
    here = torch.arange(shape[0] * shape[1], dtype=torch.int32)
    inner = slice(delta + 1, shape[0] - delta + 1), slice(delta + 1, shape[1] - delta + 1)
    source = here
    for dx, dy in offsets.to(torch.int32):
        read = here.clone()
        read.view(shape)[inner] += dy * shape[1] + dx
        source = source.index_select(0, _follow(read, here))
    return source.long()


def _follow(read: Tensor, here: Tensor) -> Tensor:
    """Resolve one backward pass in which each pixel reads `read`: further on, it finds what was already written."""
    end = torch.maximum(read, here)
    while not torch.equal(end, further := end.index_select(0, end)):
        end = further
    return read.index_select(0, end)
