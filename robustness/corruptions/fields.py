"""What fields over an image are computed from: positions and random parameters, in float64."""

import torch
from torch import Generator, Tensor

from .corruption import Shape


def size_of(images: Tensor) -> Shape:
    """Return height and width."""
    return images.shape[2], images.shape[3]


def pixel_grid(shape: Shape, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the rows [H,1] and columns [W] of an image, float64."""
    rows, columns = (torch.arange(size, dtype=torch.float64, device=device) for size in shape)
    return rows[:, None], columns


def each(values: Tensor) -> tuple[Tensor, ...]:
    """Split parameters [B,n] into n tensors [B,1,1], to be combined with a pixel grid."""
    return values[..., None, None].unbind(1)


def uniform(low: float, high: float, generator: Generator, *size: int) -> Tensor:
    """Draw from [low, high), float64 of the given size."""
    return torch.rand(size, dtype=torch.float64, generator=generator) * (high - low) + low
