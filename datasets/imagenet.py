"""ImageNet-1k validation images, in any of the layouts in which people keep them.

Russakovsky et al. 2015, arXiv:1409.0575. Any number of its classes and images will do: a subset is a data set too.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from .dataset import Dataset, Sample
from .errors import DataError, some
from .label_files import LABEL_FILES, LABEL_FOLDERS, find_labels
from .labels import index_of_wnid
from .sources import Entries, Tree, open_tree

NAME = "imagenet"
_SPLITS = ("val", "validation")
_WANTED = "ImageNet-1k class folders are named by WordNet id, such as n01440764"


def open_imagenet(path: Path) -> Dataset:
    """Open ImageNet validation images.

    path: a folder of class folders named by WordNet id; or a flat folder of images with a label file in it, beside it
    or in its parent (LABEL_FILES); or a folder with one of these as `val` or `validation`. Sample ids are relative to
    the folder that holds the class folders or the flat images. Raises DataError.
    """
    tree = _split(open_tree(path))
    entries = tree.entries()
    samples, layout = _read_flat(tree, entries) if _is_flat(entries) else _read_class_folders(tree, entries)
    return Dataset(NAME, tuple(samples), tree, layout, str(tree.place))


def _split(tree: Tree) -> Tree:
    """Step down into `val` or `validation`, unless the class folders or images are here."""
    entries = tree.entries()
    here = entries.images or any(index_of_wnid(folder) is not None for folder in entries.folders)
    split = next((name for name in _SPLITS if name in entries.folders), None)
    return tree if here or split is None else tree.below(split)


def _is_flat(entries: Entries) -> bool:
    return bool(entries.images) and LABEL_FOLDERS.issuperset(entries.folders)


def _read_flat(tree: Tree, entries: Entries) -> tuple[list[Sample], str]:
    found = find_labels(tree.place)
    if found is None:
        raise DataError(
            f"{tree.place} holds {len(entries.images)} images without class folders ({some(entries.images)}), and no "
            f"label file. Sort them into class folders, or put one of these beside them: "
            f"{', '.join(kind.name for kind in LABEL_FILES)}"
        )
    file, labels = found
    unknown = [image for image in entries.images if PurePosixPath(image).stem not in labels]
    if unknown:
        raise DataError(
            f"{file} has no label for {len(unknown)} of {len(entries.images)} images in {tree.place}: {some(unknown)}. "
            f"Get the complete label file, or move those images away"
        )
    samples = [Sample(image, labels[PurePosixPath(image).stem]) for image in entries.images]
    return samples, f"flat folder, labels from {file.name}"


def _read_class_folders(tree: Tree, entries: Entries) -> tuple[list[Sample], str]:
    labels = _label_folders(tree.place, entries)
    samples = []
    for folder, label in labels.items():
        inside = tree.entries(folder)
        if inside.folders:
            raise DataError(
                f"the class folder {tree.place / folder} has folders in it: {some(inside.folders)}. Images must lie "
                f"directly in the class folders; move them up"
            )
        samples += [Sample(f"{folder}/{image}", label) for image in inside.images]
    if not samples:
        raise DataError(
            f"{tree.place} has class folders ({some([*labels])}) but not one image in them; unpack the images"
        )
    return samples, "class folders (wnid)"


def _label_folders(place: Path, entries: Entries) -> dict[str, int]:
    """Map every class folder to its class index. Raises DataError unless the folders are classes and nothing else."""
    labels = {folder: index for folder in entries.folders if (index := index_of_wnid(folder)) is not None}
    unknown = [folder for folder in entries.folders if folder not in labels]
    if not entries.folders and not entries.images:
        raise DataError(f"{place} is empty: neither class folders nor images. {_WANTED}; check the path")
    if labels and unknown:
        raise DataError(
            f"{place} has {len(labels)} ImageNet-1k class folders ({some([*labels])}) and others that are none: "
            f"{some(unknown)}. Move the others away"
        )
    if entries.images:
        raise DataError(f"{place} has images lying beside its folders: {some(entries.images)}. Move them away")
    if unknown:
        raise DataError(_explain_unknown(place, unknown))
    return labels


def _explain_unknown(place: Path, folders: Sequence[str]) -> str:
    if all(folder.isdecimal() and int(folder) < 1000 for folder in folders):
        return (
            f"{place} has folders named by number: {some(folders)}. ImageNet-V2 is kept like that and has a suite of "
            f"its own, imagenet-v2; for ImageNet give the folder whose class folders are named by WordNet id"
        )
    return f"{place} has folders that are no ImageNet-1k classes: {some(folders)}. {_WANTED}; give the folder of those"
