"""The Backgrounds Challenge: ImageNet-9 with foregrounds and backgrounds cut out, exchanged and mixed.

Xiao et al. 2021, arXiv:2006.09994; backgrounds_challenge_data.tar.gz of MadryLab/backgrounds_challenge, whose folder is
`bg_challenge`. Class folders are named by number and word, such as `00_dog`; each variation keeps them below `val`.
"""

import re
from functools import partial

from ..class_folders import Classes, descend, read_classes, to_classes
from ..dataset import Collection, Dataset
from ..errors import DataError, some
from ..labels import IMAGENET_9
from ..rows import Rows
from ..sources import Tree
from .adapter import Adapter, Data

VARIATIONS = ("original", "mixed_same", "mixed_rand", "mixed_next", "only_fg", "no_fg", "only_bg_b", "only_bg_t")
LAYOUT = "variation/val/class folders (00_dog …)"
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
    openers = {variation: partial(_read_variation, tree, variation) for variation in found}
    return Collection(ADAPTER.name, openers, LAYOUT, str(tree.place))


def _read_variation(tree: Tree, variation: str) -> Dataset:
    return read_classes(to_classes(tree.below(variation), CLASSES), ADAPTER.name, CLASSES, LAYOUT)


ADAPTER = Adapter(
    "background-challenge",
    read_background_challenge,
    space="imagenet-9",
    images=dict.fromkeys(VARIATIONS, 4_050),
    classes=9,
    folders=("bg_challenge", "backgrounds_challenge"),
)
