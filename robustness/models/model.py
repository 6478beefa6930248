"""What a spec resolves to, and what a report must say of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..classifier import Classifier, Preprocessing
from ..errors import UsageError

INTERPOLATIONS, CROPS = ("bilinear", "bicubic"), ("center", "squash")


@dataclass(frozen=True, slots=True)
class Weights:
    """Which numbers to put into an architecture: its own trained ones unless a file or random ones are asked for."""

    checkpoint: Path | None = None
    random: bool = False

    @property
    def pretrained(self) -> bool:
        """Whether the trained weights that come with the spec are meant."""
        return self.checkpoint is None and not self.random


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network as a loader hands it over, normalised pixels [B,3,H,W] → logits [B,K].

    source: where the weights come from, in words. file, revision: of the weights, as far as there are any.
    weights_sha256: empty for the hash of the state dict. differentiable: whether gradients reach the pixels.
    """

    module: nn.Module
    preprocessing: Preprocessing
    architecture: str
    source: str
    file: str = ""
    revision: str = ""
    weights_sha256: str = ""
    differentiable: bool = True


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model's numbers come from.

    weights_sha256: hash of the state dict's numbers, independent of the file format. classes: outputs of the network;
    label_space: whose they are. unanswered: ImageNet-1k classes that are not among them and count as wrong.
    """

    spec: str
    name: str
    architecture: str
    source: str
    file: str
    revision: str
    weights_sha256: str
    random_weights: bool
    parameters: int
    classes: int
    label_space: str
    unanswered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier over the 1000 classes of ImageNet-1k, with what a report must say about it."""

    classifier: Classifier
    preprocessing: Preprocessing
    provenance: Provenance
    differentiable: bool


@contextmanager
def reproducible() -> Iterator[None]:
    """Have torch's generator draw the same random weights each time; what it would have drawn comes afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def stated_preprocessing(facts: Mapping[str, Any], whose: str, how: str) -> Preprocessing:
    """Read the preprocessing that a model states about itself in timm's words.

    facts: `input_size` (pixels, or [3, H, W]), `crop_pct` or `resize` (pixels of the short side), `interpolation`,
    `mean`, `std` (three numbers, or one for all channels), and `crop_mode`, "center" if it is missing. whose, how: for
    the message, whose facts they are and how to state them. Raises UsageError naming what is missing or cannot be
    followed: preprocessing is never guessed.
    """
    missing = [name for name in ("input_size", "interpolation", "mean", "std") if facts.get(name) is None]
    if not (facts.get("crop_pct") or facts.get("resize")):
        missing.append("crop_pct")
    if missing:
        raise UsageError(f"{whose} does not state its {', '.join(missing)}; {how}")
    size = facts["input_size"]
    try:
        height, width = (size, size) if isinstance(size, int) else map(int, size[-2:])
        mean, std = (_three_numbers(facts[name], name, whose) for name in ("mean", "std"))
        if 0 in std:
            raise ValueError("std 0")
        resize = int(facts.get("resize") or height / facts["crop_pct"])  # floor, as timm does
    except (TypeError, ValueError, KeyError, ArithmeticError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{whose} states its preprocessing in other words: {str(error)[:200]!r}; {how}") from error
    mode: Any = facts.get("crop_mode") or "center"
    if height != width or facts["interpolation"] not in INTERPOLATIONS or mode not in CROPS:
        raise UsageError(
            f"{whose} wants {height}×{width} pixels, {facts['interpolation']}, {mode}; what can be followed is "
            f"a square, {' or '.join(INTERPOLATIONS)}, {' or '.join(CROPS)}"
        )
    return Preprocessing(int(height), resize, facts["interpolation"], mode, mean, std)


def _three_numbers(stated: Any, name: str, whose: str) -> tuple[float, float, float]:
    """Read a number a colour channel, or one for all: of Python, numpy or torch."""
    values = stated.tolist() if hasattr(stated, "tolist") else stated
    if isinstance(values, int | float):
        values = [values] * 3
    if len(values) != 3:
        raise UsageError(f"{whose} states {len(values)} numbers as {name}; it is one a colour channel")
    red, green, blue = map(float, values)
    return red, green, blue
