"""ImageNet-V2: a second validation set, in three selections of 10,000 photographs.

Recht et al. 2019, arXiv:1902.10811; the archives of modestyachts/ImageNetV2. Folders are named by class number without
leading zeros: sorted as strings they give wrong labels (issues 4 and 10 there). The label is the number.
"""

from functools import partial
from pathlib import PurePath

from ..class_folders import descend, read_classes
from ..classes import Classes
from ..dataset import Collection, Dataset, whole
from ..errors import DataError
from ..labels import IMAGENET
from ..sources import Entries, Tree
from ..tables.rows import Rows
from .adapter import Adapter, Data

SELECTIONS = {"matched-frequency": "matched-frequency", "threshold-0.7": "threshold", "top-images": "top-images"}
UNNAMED = "selection"  # when nothing tells which of the three it is
LAYOUT = "class folders (class number)"


def label_of(folder: str) -> int | None:
    """Return the class index that a folder is named by: `7`, also padded as `0007`."""
    return int(folder) if folder.isascii() and folder.isdecimal() and int(folder) < len(IMAGENET.names) else None


CLASSES = Classes(label_of, IMAGENET.codes, "ImageNet-V2 has class folders named 0 to 999", english=True)


def read_imagenet_v2(data: Data) -> Collection:
    """Read one selection, or each of those that lie side by side; the parts are named as the paper names them.

    Raises DataError.
    """
    if isinstance(data, Rows):
        return _named(whole(read_classes(data, ADAPTER.name, CLASSES)), _selection(str(data.place)))
    tree = descend(data, lambda entries: _is_selection(entries) or any(map(_selection, entries.folders)))
    entries = tree.entries()
    if _is_selection(entries):
        return _named(whole(read_classes(tree, ADAPTER.name, CLASSES, LAYOUT)), _selection(str(tree.place)))
    found = {name: folder for folder in entries.folders if (name := _selection(folder))}
    if not found:
        raise DataError(f"{tree.place} has neither class folders nor selections in it. {CLASSES.what}; check the path")
    openers = {name: partial(_read_selection, tree, found[name]) for name in SELECTIONS if name in found}
    return Collection(ADAPTER.name, openers, LAYOUT, str(tree.place))


def _read_selection(tree: Tree, folder: str) -> Dataset:
    return read_classes(descend(tree.below(folder), _is_selection), ADAPTER.name, CLASSES, LAYOUT)


def _is_selection(entries: Entries) -> bool:
    return any(label_of(folder) is not None for folder in entries.folders)


def _selection(place: str) -> str | None:
    """Tell from a path which selection it is: the last of its names that fits one alone says; None when none does."""
    parts = PurePath(place.lower()).parts[::-1]
    fitting = ([name for name, mark in SELECTIONS.items() if mark in part] for part in parts)
    return next((names[0] for names in fitting if len(names) == 1), None)


def _named(collection: Collection, name: str | None) -> Collection:
    (opener,) = collection.openers.values()
    return Collection(collection.name, {name or UNNAMED: opener}, collection.layout, collection.path)


ADAPTER = Adapter(
    "imagenet-v2",
    read_imagenet_v2,
    space="imagenet",
    images=dict.fromkeys((*SELECTIONS, UNNAMED), 10_000),
    classes=1000,
    folders=("imagenetv2", "ImageNetV2"),
    unnamed=UNNAMED,
    no_training=True,
)
