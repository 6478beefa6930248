"""A corruption is a pair of functions: one draws what is random, one applies it.

Because the two are apart, the same draw can be applied on any device and compared with a reference implementation
that is given the reference's own draws.

Definitions and parameters: Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations", arXiv:1903.12261, as its published code computes them for 224×224 images.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Generator, Tensor

from ..errors import UsageError
from ..registry import Registry
from .threads import each

T = TypeVar("T")
Shape = tuple[int, int]  # height, width of an image in pixels
Draw = Mapping[str, Tensor]  # named random tensors: of one image from `draw`, stacked along dim 0 for `apply`
DrawOne = Callable[[int, Shape, Generator], Draw]
Apply = Callable[[Tensor, int, Draw], Tensor]


@dataclass(frozen=True, slots=True)
class Corruption:
    """How pixels go wrong, at severities 1 (mild) to 5.

    draw(severity, shape, generator): the random tensors of one image on the CPU; empty for a deterministic corruption.
    apply(images, severity, draw): uint8 [B,3,H,W] → new uint8 [B,3,H,W] on the same device; deterministic, each image
    independent of its batch-mates. Both raise UsageError for a severity outside 1-5.
    """

    draw: DrawOne
    apply: Apply


CORRUPTIONS: Registry[Corruption] = Registry("corruption")


def no_draw(_severity: int, _shape: Shape, _generator: Generator) -> Draw:
    """Draw nothing: for deterministic corruptions."""
    return {}


def register(name: str, apply: Apply, draw: DrawOne = no_draw, one_by_one: bool = False) -> None:
    """Add a corruption to the registry; raises ValueError when `name` is taken.

    one_by_one: `apply` treats one image after the other by itself, so a batch is not cut up for it.
    """
    CORRUPTIONS.add(name, Corruption(draw, apply if one_by_one else _in_groups(apply)))


def at(row: Sequence[T], severity: int) -> T:
    """Pick the entry of `severity` from a row of five; raises UsageError outside 1-5."""
    if severity not in range(1, 6):
        raise UsageError(f"severity must be 1, 2, 3, 4 or 5, not {severity!r}")
    return row[severity - 1]


def quantise(levels: Tensor) -> Tensor:
    """Clip grey levels to [0,255] and truncate them to uint8, as the reference's cast does. Overwrites its argument."""
    # On a CPU two casts are vectorised where the direct one from float is not.
    return levels.clamp_(0, 255).to(torch.int16).to(torch.uint8)


def corrupt(images: Tensor, name: str, severity: int, generators: Sequence[Generator]) -> Tensor:
    """Draw and apply corruption `name`.

    images: uint8 [B,3,H,W], any device, sides of at least 32 pixels. severity: 1-5. generators: one per image, on the
    CPU. Returns uint8 [B,3,H,W] on the images' device. Raises UsageError for an unknown name, a severity outside 1-5
    or images of another kind.
    """
    corruption = CORRUPTIONS[name]
    _check(images, generators)
    images = images.contiguous()
    shape = (images.shape[-2], images.shape[-1])
    if corruption.draw is no_draw:
        return corruption.apply(images, severity, {})
    corrupted = torch.empty_like(images)
    # On a CPU a draw is applied while it is in the cache; a GPU is sent all draws at once.
    for group in _groups(images, 1 if images.device.type == "cpu" else len(images)):
        draw = functools.partial(corruption.draw, severity, shape)
        draws = each(draw, generators[group]) if len(generators[group]) > 1 else [draw(generators[group.start])]
        stacked = {key: _stack([draw[key] for draw in draws]).to(images.device) for key in draws[0]}
        corrupted[group] = corruption.apply(images[group], severity, stacked)
    return corrupted


def _stack(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(tuple(tensors)) if len(tensors) > 1 else tensors[0][None]  # a stack of one is a copy


def _in_groups(apply: Apply) -> Apply:
    """Apply to groups of a size that suits the device; the result is the same for every grouping."""

    @functools.wraps(apply)
    def grouped(images: Tensor, severity: int, draw: Draw) -> Tensor:
        # On a CPU the planes of one image stay in the cache, of a batch they do not. A GPU wants many at a time, but
        # not all: in float64 the longest computations hold 22 times as much as the batch in float32.
        step = 1 if images.device.type == "cpu" else -(-len(images) // 4)
        if len(images) == step:
            return apply(images, severity, draw)
        corrupted = torch.empty_like(images)
        for group in _groups(images, step):
            corrupted[group] = apply(images[group], severity, {key: value[group] for key, value in draw.items()})
        return corrupted

    return grouped


def _groups(images: Tensor, step: int) -> list[slice]:
    return [slice(start, start + step) for start in range(0, len(images), step)]


def _check(images: Tensor, generators: Sequence[Generator]) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < 32:
        kind = f"{images.dtype} {list(images.shape)}"
        raise UsageError(f"corruptions take uint8 images [B,3,H,W] with sides of at least 32 pixels, not {kind}")
    if not len(images) == len(generators) > 0:
        raise UsageError(f"one generator an image is needed; there are {len(generators)} for {len(images)} images")
