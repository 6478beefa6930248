"""The layout that most data sets share: one folder a class, images directly inside; and tables, one row an image."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath

from .classes import Classes, codes_of_rows
from .dataset import Dataset, Sample
from .errors import DataError, some
from .sources import Entries, JoinedTree, Tree, joined_tree, unwrapped
from .tables.rows import Rows

log = logging.getLogger(__name__)

INSIDE = ("val", "validation", "test")
_CLOSED = re.compile(r"train|n\d{8}|\d{1,4}")


def descend(tree: Tree, arrived: Callable[[Entries], bool], inside: Sequence[str] = ()) -> Tree:
    """Step down to where the data lies.

    Archives wrap their content in a folder or two, and a data set is often given by the folder above it. arrived: says
    of a folder that this is the place. inside: names of folders to enter where there are several, the first choice
    first. Neither training images nor folders that look like a class are entered.
    """
    if isinstance(tree, JoinedTree):  # each archive may have a wrapper of its own
        tree = unwrapped(tree, lambda entries: arrived(entries) or any(map(_CLOSED.fullmatch, entries.folders)))
    while True:
        entries = tree.entries()
        known = [name for name in inside if name in entries.folders]
        only = [name for name in entries.folders if not _CLOSED.fullmatch(name)] if len(entries.folders) == 1 else []
        if arrived(entries) or entries.images or not (known or only):
            return tree
        tree = tree.below((known or only)[0])


def to_parts(tree: Tree, parts: Collection[str]) -> Tree:
    """Step down to the folder that holds folders of these names, of whatever parts are there.

    They may also lie in several folders side by side, as ImageNet-C's archives unpack; these are joined. Raises
    DataError when a part is in two of them.
    """
    tree = descend(tree, lambda entries: any(name in parts for name in entries.folders))
    folders = tree.entries().folders
    if any(name in parts for name in folders):
        return tree
    holders = {
        folder: found
        for folder in folders
        if not _CLOSED.fullmatch(folder) and (found := set(tree.entries(folder).folders).intersection(parts))
    }
    for one, other in combinations(holders, 2):
        if twice := sorted(holders[one] & holders[other]):
            raise DataError(f"{tree.place}: {one} and {other} both have {some(twice)}; give one of them")
    if not holders:
        return tree
    if left := [folder for folder in folders if folder not in holders]:
        log.warning("%s: left alone: %s", tree.place, some(left))
    return joined_tree(tree.place, {folder: tree.below(folder) for folder in holders})


def find_classes(
    data: Tree | Rows, name: str, classes: Classes, layout: str, inside: Sequence[str] = INSIDE
) -> Dataset:
    """Step down to the class folders and read them, or rows. Raises DataError as `read_classes`."""
    return read_classes(data if isinstance(data, Rows) else to_classes(data, classes, inside), name, classes, layout)


def to_classes(tree: Tree, classes: Classes, inside: Sequence[str] = INSIDE) -> Tree:
    """Step down to the folder that holds the class folders or, failing that, images."""
    return descend(tree, lambda entries: any(classes.label_of(name) is not None for name in entries.folders), inside)


def read_classes(data: Tree | Rows, name: str, classes: Classes, layout: str = "class folders") -> Dataset:
    """Read a data set of class folders, or of rows with a label each.

    data: a tree whose root holds the class folders. Raises DataError unless all folders are classes (or known others)
    with images directly inside, and all labels are classes.
    """
    if isinstance(data, Rows):
        codes = codes_of_rows(data, classes)
        samples = [Sample(row.sample_id, codes[row.label]) for row in data.rows]
        return Dataset(name, tuple(samples), data, data.layout, str(data.place))
    labels = label_folders(data.place, data.entries(), classes)
    samples, others = [], Counter[str]()
    for folder, label in labels.items():
        inside = data.entries(folder)
        if inside.folders:
            raise DataError(
                f"the class folder {data.place / folder} has folders in it: {some(inside.folders)}. Images must lie "
                f"directly in the class folders; move them up"
            )
        samples += [Sample(f"{folder}/{image}", label) for image in inside.images]
        others.update(PurePosixPath(name).suffix.lower() or "none" for name in inside.others)
    if not samples:
        raise DataError(
            f"{data.place} has class folders ({some([*labels])}) but not one image in them; unpack the images"
        )
    return Dataset(name, tuple(samples), data, layout, str(data.place), others=others)


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


def _explain_unknown(place: Path, folders: Sequence[str], classes: Classes) -> str:
    if all(folder.isdecimal() and int(folder) < 1000 for folder in folders):
        return (
            f"{place} has folders named by number: {some(folders)}. ImageNet-V2 is kept like that and has a suite of "
            f"its own, imagenet-v2. {classes.what}; give the folder of those"
        )
    return f"{place} has folders that are no classes: {some(folders)}. {classes.what}; give the folder of those"
