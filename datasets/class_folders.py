"""The layout that most data sets share: one folder a class, images directly inside; and tables, one row an image."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from .dataset import Dataset, Sample
from .errors import DataError, some
from .sources import Entries, JoinedTree, Tree, unwrapped
from .tables.rows import Rows

INSIDE = ("val", "validation", "test")
_CLOSED = re.compile(r"train|n\d{8}|\d{1,4}")


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a data set, by the names of its folders.

    label_of: folder name → label, None for what is no class. codes: the labels in the order of the integers that tables
    use. what: says of class folders how they are named, for messages. others: folder names that are known and left out,
    as they are no classes that a model could know.
    """

    label_of: Callable[[str], int | None]
    codes: Sequence[int]
    what: str
    others: Callable[[str], bool] = lambda _name: False


def descend(tree: Tree, arrived: Callable[[Entries], bool], inside: Collection[str] = ()) -> Tree:
    """Step down to where the data lies.

    Archives wrap their content in a folder or two, and a data set is often given by the folder above it. arrived: says
    of a folder that this is the place. inside: names of folders to enter where there are several. Neither training
    images nor folders that look like a class are entered.
    """
    if isinstance(tree, JoinedTree):  # each archive may have a wrapper of its own
        tree = unwrapped(tree, lambda entries: arrived(entries) or any(map(_CLOSED.fullmatch, entries.folders)))
    while True:
        entries = tree.entries()
        known = [name for name in entries.folders if name in inside]
        only = [name for name in entries.folders if not _CLOSED.fullmatch(name)] if len(entries.folders) == 1 else []
        if arrived(entries) or entries.images or not (known or only):
            return tree
        tree = tree.below((known or only)[0])


def find_classes(
    data: Tree | Rows, name: str, classes: Classes, layout: str, inside: Collection[str] = INSIDE
) -> Dataset:
    """Step down to the class folders and read them, or rows. Raises DataError as `read_classes`."""
    return read_classes(data if isinstance(data, Rows) else to_classes(data, classes, inside), name, classes, layout)


def to_classes(tree: Tree, classes: Classes, inside: Collection[str] = INSIDE) -> Tree:
    """Step down to the folder that holds the class folders or, failing that, images."""
    return descend(tree, lambda entries: any(classes.label_of(name) is not None for name in entries.folders), inside)


def read_classes(data: Tree | Rows, name: str, classes: Classes, layout: str = "class folders") -> Dataset:
    """Read a data set of class folders, or of rows with a label each.

    data: a tree whose root holds the class folders. Raises DataError unless all folders are classes (or known others)
    with images directly inside, and all labels are classes.
    """
    if isinstance(data, Rows):
        samples = [Sample(row.sample_id, label_of_row(data, row.label, classes)) for row in data.rows]
        return Dataset(name, tuple(samples), data, data.layout, str(data.place))
    labels = label_folders(data.place, data.entries(), classes)
    samples = []
    for folder, label in labels.items():
        inside = data.entries(folder)
        if inside.folders:
            raise DataError(
                f"the class folder {data.place / folder} has folders in it: {some(inside.folders)}. Images must lie "
                f"directly in the class folders; move them up"
            )
        samples += [Sample(f"{folder}/{image}", label) for image in inside.images]
    if not samples:
        raise DataError(
            f"{data.place} has class folders ({some([*labels])}) but not one image in them; unpack the images"
        )
    return Dataset(name, tuple(samples), data, layout, str(data.place))


def label_folders(place: Path, entries: Entries, classes: Classes) -> dict[str, int]:
    """Map every class folder to its label. Raises DataError unless the folders are classes and nothing else."""
    found = {folder: label for folder in entries.folders if (label := classes.label_of(folder)) is not None}
    unknown = [folder for folder in entries.folders if folder not in found and not classes.others(folder)]
    if not entries.folders and not entries.images:
        raise DataError(f"{place} is empty: neither class folders nor images. {classes.what}; check the path")
    if found and unknown:
        raise DataError(
            f"{place} has {len(found)} class folders ({some([*found])}) and others that are none: {some(unknown)}. "
            f"{classes.what}; move the others away, or give the data set that they belong to"
        )
    if entries.images:
        raise DataError(f"{place} has images lying beside its folders: {some(entries.images)}. Move them away")
    if not found:
        raise DataError(_explain_unknown(place, unknown, classes))
    return found


def label_of_row(rows: Rows, label: int, classes: Classes) -> int:
    """Translate the integer label of a row: by the name of its class where the table tells it, else by position.

    Raises DataError for a table of other classes.
    """
    names = rows.class_names
    if names is not None and len(names) != len(classes.codes):
        raise DataError(
            f"{rows.place} has {len(names)} classes ({some(names)}), not {len(classes.codes)}; {classes.what}"
        )
    if not 0 <= label < len(classes.codes):
        raise DataError(f"{rows.place} has the label {label}, but there are {len(classes.codes)} classes, from 0")
    named = classes.label_of(names[label]) if names is not None else None
    return classes.codes[label] if named is None else named


def _explain_unknown(place: Path, folders: Sequence[str], classes: Classes) -> str:
    if all(folder.isdecimal() and int(folder) < 1000 for folder in folders):
        return (
            f"{place} has folders named by number: {some(folders)}. ImageNet-V2 is kept like that and has a suite of "
            f"its own, imagenet-v2. {classes.what}; give the folder of those"
        )
    return f"{place} has folders that are no classes: {some(folders)}. {classes.what}; give the folder of those"
