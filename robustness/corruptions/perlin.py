"""Perlin noise: clouds of gradient noise, of ImageNet-C-bar (see `bar`).

Source: Perlin 1985, "An image synthesizer", in the variant of ImageNet-C-bar: gradients from a table of 256, found by
hashing the lattice point through a permutation, and joined by the curve t²(3 - 2t).
"""

import torch
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .fields import pixel_grid, size_of

PERLIN = (4.6, 5.2, 5.8, 7.6, 8.8)  # tenths of an opacity of one half: the benchmark's own numbers
TABLE = 256
OCTAVES = (1, 2, 4, 8, 16)


def lattice_spacing(shape: Shape) -> float:
    """Return the pixels between lattice points in the coarsest octave."""
    return 32 * min(shape) / 224


def draw_perlin(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `gradients`: float64 [2,rows,columns], see `lattice_gradients`."""
    components = torch.randint(-TABLE, TABLE, (TABLE, 2), generator=generator)
    swaps = torch.randint(TABLE, (TABLE,), generator=generator)
    return {"gradients": lattice_gradients(components, swaps, lattice_shape(shape))}


def lattice_shape(shape: Shape) -> Shape:
    """Count the lattice points, down and across, that the finest octave lays under an image."""
    rows, columns = (int((size - 1) / lattice_spacing(shape) * OCTAVES[-1]) + 2 for size in shape)
    return rows, columns


def lattice_gradients(components: Tensor, swaps: Tensor, shape: Shape) -> Tensor:
    """Look up the gradient at each lattice point.

    components: integers [256,2], uniform in [-256,256): the table's vectors, here given length 1; a zero vector stays,
    where the reference makes NaN of it. swaps: integers [256], uniform in [0,256): what each entry of the permutation,
    from the last to the first, is exchanged with. shape: as from `lattice_shape`. Returns float64 [2,*shape].
    """
    vectors = components.double()
    vectors = vectors / vectors.square().sum(1, keepdim=True).sqrt().clamp_(min=1)
    order = list(range(TABLE))
    for place, other in zip(reversed(range(TABLE)), swaps.tolist(), strict=True):
        order[place], order[other] = order[other], order[place]
    permutation = torch.tensor(order)
    hashed = permutation[torch.arange(shape[0]) % TABLE][:, None] + torch.arange(shape[1])
    return vectors[permutation[hashed % TABLE]].movedim(-1, 0)


def turbulence(gradients: Tensor, shape: Shape) -> Tensor:
    """Add up the absolute noise of all octaves, each weighted by the inverse of its frequency.

    gradients: float64 [B,2,rows,columns] as from `lattice_gradients`. shape: of the image.
    Returns float64 [B,H,W], not below 0.
    """
    rows, columns = (line / lattice_spacing(shape) for line in pixel_grid(shape, gradients.device))
    total = _noise(gradients, rows, columns).abs_()
    for frequency in OCTAVES[1:]:
        total += _noise(gradients, rows * frequency, columns * frequency).abs_().div_(frequency)
    return total


def _noise(gradients: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Make noise at rows [H,1] and columns [W], in lattice units. Returns float64 [B,H,W]."""
    down, across = rows.frac(), columns.frac()
    top, left = rows[:, 0].long(), columns.long()

    def slope(below: int, right: int) -> Tensor:
        """The linear function that the lattice point `below` and `right` of the pixel contributes."""
        corner = gradients.index_select(2, top + below).index_select(3, left + right)
        return corner[:, 0] * (down - below) + corner[:, 1] * (across - right)

    ease_down, ease_across = (part.square() * (3 - 2 * part) for part in (down, across))
    start = torch.lerp(slope(0, 0), slope(1, 0), ease_down)
    end = torch.lerp(slope(0, 1), slope(1, 1), ease_down)
    return torch.lerp(start, end, ease_across.expand_as(start)).mul_(1.5)


def perlin_noise(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Lay grey clouds over the image."""
    opacity = at(PERLIN, severity) * 0.5 / 10
    clouds = turbulence(draw["gradients"], size_of(images)).mul_(0.5).add_(0.5).clamp_(max=1)
    return quantise(clouds.mul_(255 * opacity)[:, None] + images.float().mul_(1 - opacity))


register("perlin_noise", perlin_noise, draw_perlin)
