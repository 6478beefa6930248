"""A corruption is a pair of functions: one draws what is random, one applies it.

Because the two are apart, the same draw can be applied on any device and compared with a reference implementation
that is given the reference's own draws.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ..registry import Registry

Shape = tuple[int, int]  # height, width of an image in pixels
Draw = Mapping[str, Tensor]  # named random tensors: of one image from `draw`, stacked along dim 0 for `apply`


@dataclass(frozen=True, slots=True)
class Corruption:
    """How pixels go wrong, at severities 1 (mild) to 5.

    draw(severity, shape, generator): the random tensors of one image on the CPU; empty for a deterministic corruption.
    apply(images, severity, draw): uint8 [B,3,H,W] → new uint8 [B,3,H,W] on the same device; deterministic, each image
    independent of its batch-mates.
    """

    draw: Callable[[int, Shape, Generator], Draw]
    apply: Callable[[Tensor, int, Draw], Tensor]


CORRUPTIONS: Registry[Corruption] = Registry("corruption")


def no_draw(_severity: int, _shape: Shape, _generator: Generator) -> Draw:
    """Draw nothing: for deterministic corruptions."""
    return {}


def corrupt(images: Tensor, name: str, severity: int, generators: Sequence[Generator]) -> Tensor:
    """Draw and apply corruption `name`.

    images: uint8 [B,3,H,W], any device. severity: 1-5. generators: one per image, on the CPU.
    Returns uint8 [B,3,H,W] on the images' device. Raises UsageError for an unknown name.
    """
    corruption = CORRUPTIONS[name]
    shape = (images.shape[-2], images.shape[-1])
    draws = [corruption.draw(severity, shape, generator) for generator in generators]
    stacked = {key: torch.stack([draw[key] for draw in draws]).to(images.device) for key in draws[0]}
    return corruption.apply(images, severity, stacked)
