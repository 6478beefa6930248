"""Cue conflicts, edges and silhouettes: what a classifier goes by, in 16 categories.

Geirhos et al. 2019, arXiv:1811.12231; the image sets of rgeirhos/texture-vs-shape and bethgelab/model-vs-human. A cue
conflict `cat1-dog2.png` has the shape of a cat and the texture of a dog.
"""

import re
from dataclasses import replace
from functools import partial

from ..class_folders import find_classes
from ..classes import Classes
from ..dataset import Collection, Sample, whole
from ..errors import DataError
from ..labels import SIXTEEN
from .adapter import Adapter, Data

LABELS = dict(zip(SIXTEEN.names, SIXTEEN.codes, strict=True))
CLASSES = Classes(LABELS.get, SIXTEEN.codes, f"the 16 category folders are {', '.join(SIXTEEN.names)}")
LAYOUT = "category folders"
_CONFLICT = re.compile(r"(?P<shape>[a-z]+)\d+-(?P<texture>[a-z]+)\d+")


def read_categories(data: Data, name: str) -> Collection:
    """Read folders of the 16 categories, or rows. Raises DataError."""
    return whole(find_classes(data, name, CLASSES, LAYOUT))


def read_cue_conflict(data: Data) -> Collection:
    """Read cue conflicts; a file's name tells its texture. Raises DataError for names that do not."""
    dataset = read_categories(data, CUE_CONFLICT.name).open()
    return whole(replace(dataset, samples=tuple(_with_texture(sample, dataset.path) for sample in dataset.samples)))


def _with_texture(sample: Sample, path: str) -> Sample:
    name = sample.sample_id.rpartition("/")[2].rpartition(".")[0]
    match = _CONFLICT.fullmatch(name)
    if match is None or LABELS.get(match["shape"]) != sample.label or match["texture"] not in LABELS:
        raise DataError(
            f"{path}: {sample.sample_id} does not name the shape of its folder and a texture, as cat/cat1-dog2.png does"
        )
    return replace(sample, texture=LABELS[match["texture"]])


def _adapter(name: str, *folders: str) -> Adapter:
    return Adapter(name, partial(read_categories, name=name), "sixteen", {"": 160}, 16, folders, no_training=True)


CUE_CONFLICT = Adapter("cue-conflict", read_cue_conflict, "sixteen", {"": 1_280}, classes=16, no_training=True)
EDGES = _adapter("edges", "edge")
SILHOUETTES = _adapter("silhouettes", "silhouette", "filled-silhouettes")
