"""Occlusion: pixels set to black by their place, and patches dropped or shuffled.

Center and boundary occlusion: how much a classifier relies on the middle of the picture. The papers that report them
(for instance Heo et al. 2021, arXiv:2103.16302) do not publish their sizes: those below are this project's choice, and
figures made with them compare with each other only.

Patches: Naseer et al. 2021, "Intriguing Properties of Vision Transformers", arXiv:2105.10497. There every image of a
batch loses the same patches; here each image loses its own.
"""

import torch
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, register
from .fields import size_of

CENTRE = (1 / 7, 2 / 7, 3 / 7, 4 / 7, 5 / 7)  # side of the black square, of the shorter side
BOUNDARY = (6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7)  # side of the square that is left, of the shorter side
DROP = (0.1, 0.25, 0.5, 0.75, 0.9)  # share of the patches that turn black, rounded down
DROP_GRID = 14  # patches a side
SHUFFLE_GRID = (2, 4, 7, 8, 14)  # patches a side


def central_square(shape: Shape, fraction: float) -> tuple[slice, slice]:
    """Return the rows and columns of a centred square; a side of 224 pixels and sevenths give whole pixels."""
    side = round(fraction * min(shape))
    top, left = ((size - side) // 2 for size in shape)
    return slice(top, top + side), slice(left, left + side)


def center_occlusion(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Black out a square in the middle."""
    result = images.clone()
    result[(..., *central_square(size_of(images), at(CENTRE, severity)))] = 0
    return result


def boundary_occlusion(images: Tensor, severity: int, _draw: Draw) -> Tensor:
    """Black out everything but a square in the middle."""
    result = torch.zeros_like(images)
    kept = (..., *central_square(size_of(images), at(BOUNDARY, severity)))
    result[kept] = images[kept]
    return result


def draw_order(_severity: int, _shape: Shape, generator: Generator) -> Draw:
    """Draw `order`: int64 [196], the patches in the order in which they are dropped."""
    return {"order": torch.randperm(DROP_GRID**2, generator=generator)}


def patch_drop(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Black out patches of a grid of 14×14 over the whole image.

    Where a side is not a multiple of 14 pixels, patches differ by a pixel in size.
    """
    order = draw["order"]
    dropped = order[:, : int(at(DROP, severity) * order.shape[1])]
    kept = torch.ones_like(order, dtype=torch.bool).scatter_(1, dropped, False)
    row, column = (torch.arange(size, device=images.device) * DROP_GRID // size for size in size_of(images))
    return images * kept[:, row[:, None] * DROP_GRID + column][:, None]


def draw_places(severity: int, _shape: Shape, generator: Generator) -> Draw:
    """Draw `source`: int64 [patches], which patch each one becomes; all orders are equally likely."""
    return {"source": torch.randperm(at(SHUFFLE_GRID, severity) ** 2, generator=generator)}


def patch_shuffle(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Cut the image into a grid and exchange its patches at random.

    Where a side does not divide evenly, the largest centred part that does is shuffled, and the rim stays: less than
    half as many pixels wide as there are patches a side.
    """
    grid = at(SHUFFLE_GRID, severity)
    height, width = (size // grid for size in size_of(images))
    top, left = ((size % grid) // 2 for size in size_of(images))
    result = images.clone()
    part = result[..., top : top + grid * height, left : left + grid * width]
    patches = part.reshape(-1, 3, grid, height, grid, width).transpose(3, 4).flatten(2, 3)
    source = draw["source"][:, None, :, None, None].expand_as(patches)
    shuffled = patches.gather(2, source).view(-1, 3, grid, grid, height, width).transpose(3, 4)
    part.copy_(shuffled.reshape(part.shape))
    return result


register("center_occlusion", center_occlusion)
register("boundary_occlusion", boundary_occlusion)
register("patch_drop", patch_drop, draw_order)
register("patch_shuffle", patch_shuffle, draw_places)
