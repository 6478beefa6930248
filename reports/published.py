"""A run's figures beside published ones of the same weights: a gap beyond sampling error points at crop or weights.

`published_timm.csv`: top-1 and top-5 in per cent as measured by timm on ImageNet, ImageNet-A, -R (and ImageNet's images
of their classes), -Sketch and -V2, with its protocol. `published_papers.csv`: figures of papers and of RobustBench in
the units of `scores.csv`; `n`: the images they were measured on; the protocol is empty where the source states none.

Models are matched by where their weights came from: timm's repositories on the hub, which hold PiT's official weights
too, or torchvision. Nothing is matched for random weights, files, other repositories, or part of a data set.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from .results import Measurement, Results

TIMM = "timm's results, github.com/huggingface/pytorch-image-models"
# column of timm's table → suite, data set, condition, metric
_TIMM_COLUMNS = {
    "imagenet_top1": ("imagenet", "imagenet", "clean", "top1"),
    "imagenet_top5": ("imagenet", "imagenet", "clean", "top5"),
    "imagenet_a": ("imagenet-a", "imagenet-a", "clean", "top1"),
    "imagenet_a_companion": ("imagenet-a", "imagenet", "clean", "top1"),
    "imagenet_r": ("imagenet-r", "imagenet-r", "clean", "top1"),
    "imagenet_r_companion": ("imagenet-r", "imagenet", "clean", "top1"),
    "imagenet_sketch": ("imagenet-sketch", "imagenet-sketch", "clean", "top1"),
    "imagenet_v2": ("imagenet-v2", "imagenet-v2", "matched-frequency", "top1"),
}
# suite, data set → images of the whole set; 50,000 otherwise
_IMAGES = {
    ("imagenet-a", "imagenet-a"): 7_500,
    ("imagenet-a", "imagenet"): 10_000,
    ("imagenet-r", "imagenet-r"): 30_000,
    ("imagenet-r", "imagenet"): 10_000,
    ("imagenet-v2", "imagenet-v2"): 10_000,
}
_ALL = 50_000
_CROP_ROUNDING = 0.005  # sides are whole pixels
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Protocol:
    """How photographs become pictures: their side in pixels, its share of the resized short side, the filter."""

    input_size: int
    crop: float
    interpolation: str

    def __str__(self) -> str:
        return f"{self.input_size} pixels, crop {self.crop:.3g}, {self.interpolation}"

    def matches(self, other: "Protocol") -> bool:
        """Whether both make the same pictures, as far as rounding of sides tells."""
        near = abs(self.crop - other.crop) <= _CROP_ROUNDING
        return near and (self.input_size, self.interpolation) == (other.input_size, other.interpolation)


PUBLISHED_AT_224 = Protocol(224, 0.875, "bilinear")  # what benchmarks that publish crops, or resize to 256, come to


@dataclass(frozen=True, slots=True)
class Published:
    """One published figure. value: as in the scores. n: images it was measured on. protocol: None if not stated."""

    value: float
    n: int
    protocol: Protocol | None
    source: str


@dataclass(frozen=True, slots=True)
class Match:
    """A measured and a published figure of the same weights.

    gap: measured minus published. allowed: what sampling explains of it; None where that is not known. protocol: the
    run's own.
    """

    measured: Measurement
    published: Published
    gap: float
    allowed: float | None
    protocol: Protocol

    @property
    def same_protocol(self) -> bool:
        """Whether the published figure is known to be of pictures prepared in the same way."""
        return self.published.protocol is not None and self.protocol.matches(self.published.protocol)

    @property
    def flagged(self) -> bool:
        """Whether the gap is larger than sampling explains although weights and protocol are the same."""
        return self.same_protocol and self.allowed is not None and abs(self.gap) > self.allowed


def matches(results: Results) -> tuple[Match, ...]:
    """Find what of a run was published, in the order of its figures; nothing for a run on part of its data.

    Of several figures of one source, those by the run's own protocol, or else all.
    """
    identity = results.header["identity"]
    if identity.get("limit") is not None:
        return ()
    models = {model["name"]: model for model in identity["models"] if origin(model)}
    found: list[Match] = []
    for row in results.measurements:
        if row.model in models and row.value is not None and row.n == _IMAGES.get((row.suite, row.dataset), _ALL):
            found += _matches(row, models[row.model], identity)
    return tuple(found)


def origin(model: Mapping[str, Any]) -> str:
    """Name the published weights that a model of the header has: timm's full name, or torchvision's; "" for others."""
    source = str(model["source"])
    if model["random_weights"]:
        return ""
    if source.startswith("hub timm/"):
        return source.removeprefix("hub timm/")
    if source.startswith("torchvision "):
        return f"torchvision:{model['architecture']}.{source.removeprefix('torchvision ')}"
    return ""


def _matches(row: Measurement, model: Mapping[str, Any], identity: Mapping[str, Any]) -> list[Match]:
    protocol = _protocol(row.suite, model, identity)
    figures = _figures().get((origin(model), row.suite, row.dataset, row.condition, row.metric), ())
    if protocol is None or row.severity is not None:
        return []
    found = [_match(row, published, protocol) for published in figures]
    exact = {match.published.source for match in found if match.same_protocol}
    return [match for match in found if match.same_protocol or match.published.source not in exact]


def _match(row: Measurement, published: Published, protocol: Protocol) -> Match:
    gap = (row.value or 0.0) - published.value
    bound = row.low if gap > 0 else row.high
    allowed = None if bound is None or row.value is None else abs(row.value - bound)
    if allowed is not None and published.n < row.n:  # of a part of the images, so with an error of its own
        theirs = _Z * math.sqrt(published.value * (1 - published.value) / published.n)
        allowed = math.hypot(allowed, theirs)
    return Match(row, published, gap, allowed, protocol)


def _protocol(suite: str, model: Mapping[str, Any], identity: Mapping[str, Any]) -> Protocol | None:
    """Say how the pictures of a suite were made; None where that is unlike anything published."""
    view = identity.get("views", {}).get(suite, "model")
    if suite == "imagenet-c" and view != "stored-224" and not identity.get("jpeg"):
        return None
    if view in ("resize-256", "stored-224"):
        return PUBLISHED_AT_224
    own = model["preprocessing"]
    return (
        Protocol(own["input_size"], own["input_size"] / own["resize"], own["interpolation"])
        if view == "model"
        else None
    )


@cache
def _figures() -> dict[tuple[str, ...], list[Published]]:
    """Index the published figures by weights, suite, data set, condition and metric."""
    index: dict[tuple[str, ...], list[Published]] = {}
    for key, published in (*_timm(), *_papers()):
        index.setdefault(key, []).append(published)
    return index


def _timm() -> Iterator[tuple[tuple[str, ...], Published]]:
    for row in _read("published_timm.csv").to_dict("records"):
        protocol = Protocol(int(row["input_size"]), row["crop"], row["interpolation"])
        for column, subject in _TIMM_COLUMNS.items():
            if not math.isnan(row[column]):
                images = _IMAGES.get(subject[:2], _ALL)
                yield (row["model"], *subject), Published(row[column] / 100, images, protocol, TIMM)


def _papers() -> Iterator[tuple[tuple[str, ...], Published]]:
    for row in _read("published_papers.csv").to_dict("records"):
        stated = isinstance(row["interpolation"], str)
        protocol = Protocol(int(row["input_size"]), row["crop"], row["interpolation"]) if stated else None
        for dataset in ("imagenet", "imagenet-c") if row["suite"] == "imagenet-c" else (row["suite"],):
            key = (row["model"], row["suite"], dataset, row["condition"], row["metric"])
            yield key, Published(row["value"], int(row["n"]), protocol, row["source"])


def _read(name: str) -> pd.DataFrame:
    with (files(__package__) / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)
