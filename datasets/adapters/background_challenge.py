"""The Backgrounds Challenge: ImageNet-9 with foregrounds and backgrounds cut out, exchanged and mixed.

Xiao et al. 2021, arXiv:2006.09994; backgrounds_challenge_data.tar.gz of MadryLab/backgrounds_challenge, whose folder is
`bg_challenge`. Class folders are named by number and word, such as `00_dog`; each variation keeps them below `val`.
"""

import errno
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from tokenize import TokenError

import numpy as np
from PIL import Image

from ..class_folders import descend, read_classes, to_classes
from ..classes import Classes
from ..dataset import Collection, Dataset
from ..errors import DataError, some
from ..labels import IMAGENET_9
from ..sources import Tree
from ..tables.rows import Rows
from .adapter import Adapter, Data

VARIATIONS = ("original", "mixed_same", "mixed_rand", "mixed_next", "only_fg", "no_fg", "only_bg_b", "only_bg_t")
MASKS, CHALLENGE = "fg_mask", "challenge"
LAYOUT = "variation/val/class folders (00_dog …)"
# What NumPy raises for a damaged array: its header is read as Python.
_UNREADABLE = (ValueError, TypeError, EOFError, OverflowError, MemoryError, RecursionError, SyntaxError, TokenError)
_CLASS = re.compile(r"0(?P<label>[0-8])_[a-z ]+")


def label_of(folder: str) -> int | None:
    """Return the class 0-8 that a folder's name begins with."""
    match = _CLASS.fullmatch(folder)
    return int(match["label"]) if match else None


CLASSES = Classes(label_of, IMAGENET_9.codes, "ImageNet-9 has nine class folders, 00_dog to 08_fish")


def read_background_challenge(data: Data) -> Collection:
    """Read the variations that are there; a part is named as its folder. Raises DataError when there is none."""
    if isinstance(data, Rows):
        raise DataError(f"{data.place} is a table; {ADAPTER.name} is read from its folders or archive")
    tree = descend(data, lambda entries: bool(set(VARIATIONS) & set(entries.folders)))
    folders = tree.entries().folders
    found = [variation for variation in VARIATIONS if variation in folders]
    if not found:
        raise DataError(
            f"{tree.place} has none of the variations {some(VARIATIONS)}, but {some(folders) or 'nothing'}; "
            f"give the folder bg_challenge"
        )
    openers: dict[str, Callable[[], Dataset]] = {
        variation: partial(_read_variation, tree, variation) for variation in found
    }
    if {"original", MASKS, "only_bg_t"} <= set(folders):
        openers[CHALLENGE] = partial(_read_challenge, tree)
    return Collection(ADAPTER.name, openers, LAYOUT, str(tree.place))


def _read_variation(tree: Tree, variation: str) -> Dataset:
    return read_classes(to_classes(tree.below(variation), CLASSES), ADAPTER.name, CLASSES, LAYOUT)


@dataclass(frozen=True, slots=True)
class MaskSource:
    """The outlines of foregrounds, numpy arrays [H,W] of 0 and 1, as PNG files by the ids of the photographs."""

    tree: Tree

    def read(self, sample_id: str) -> bytes:
        """Return a PNG, 255 on the foreground and 0 beside it. Raises OSError for a mask that is missing or damaged."""
        try:
            with np.errstate(all="ignore"):  # of sides whose product is no number
                mask = np.lib.format.read_array(io.BytesIO(self.tree.read(_mask_of(sample_id))), allow_pickle=False)
        except _UNREADABLE as error:
            detail = str(error).partition("\n")[0]
            raise OSError(errno.EINVAL, f"its mask is no array of numpy's: {detail}") from error
        if mask.ndim != 2 or mask.size == 0 or mask.dtype.kind not in "buif":
            raise OSError(errno.EINVAL, f"its mask is {mask.dtype} {list(mask.shape)}, not one number a pixel")
        file = io.BytesIO()
        Image.fromarray((mask != 0).astype(np.uint8) * 255).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def size(self, sample_id: str) -> int:
        """Return the length of the array's file in bytes. Raises OSError."""
        return self.tree.size(_mask_of(sample_id))


def _mask_of(sample_id: str) -> str:
    return str(PurePosixPath(sample_id).with_suffix(".npy"))


def _read_challenge(tree: Tree) -> Dataset:
    """Read the photographs that have a mask, with the backgrounds to try them on."""
    photographs = _read_variation(tree, "original")
    place = to_classes(tree.below(MASKS), CLASSES)
    masked = tuple(sample for sample in photographs.samples if place.has(_mask_of(sample.sample_id)))
    if not masked:
        raise DataError(f"{place.place} has no mask of any photograph, such as {_mask_of('00_dog/x.JPEG')}")
    backgrounds = _read_variation(tree, "only_bg_t")
    return replace(photographs, samples=masked, masks=MaskSource(place), backgrounds=backgrounds)


ADAPTER = Adapter(
    "background-challenge",
    read_background_challenge,
    space="imagenet-9",
    images=dict.fromkeys((*VARIATIONS, CHALLENGE), 4_050),
    classes=9,
    folders=("bg_challenge", "backgrounds_challenge"),
)
