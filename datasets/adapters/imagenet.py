"""ImageNet-1k validation images, in any of the layouts in which people keep them.

Russakovsky et al. 2015, arXiv:1409.0575. Any number of its classes and images will do: a subset is a data set too.
"""

from pathlib import PurePosixPath

from ..class_folders import INSIDE, read_classes, to_classes
from ..classes import Classes
from ..dataset import Collection, Dataset, Sample, whole
from ..errors import DataError, some
from ..label_files import LABEL_FILES, LABEL_FOLDERS, find_labels, unread_tables
from ..labels import IMAGENET, index_of_wnid
from ..sources import Entries, Tree
from ..tables.rows import Rows
from .adapter import Adapter, Data

CLASSES = Classes(
    index_of_wnid,
    IMAGENET.codes,
    "ImageNet-1k class folders are named by WordNet id, such as n01440764",
    english=True,
)
KAGGLE = ("ILSVRC", "Data", "CLS-LOC")  # folders above its splits, each of which has others beside it
WNID_FOLDERS = "class folders (wnid)"


def read_imagenet(data: Data) -> Collection:
    """Read ImageNet validation images.

    data: class folders named by WordNet id; or images without folders, with a label file among them, beside them or
    above (LABEL_FILES); or either as `val` or `validation` below it, also in Kaggle's tree; or rows. Raises DataError.
    """
    if isinstance(data, Rows):
        return whole(read_classes(data, ADAPTER.name, CLASSES))
    tree = to_classes(data, CLASSES, (*INSIDE, *KAGGLE))
    entries = tree.entries()
    if entries.images and LABEL_FOLDERS.issuperset(entries.folders):
        return whole(_read_flat(tree, entries))
    return whole(read_classes(tree, ADAPTER.name, CLASSES, WNID_FOLDERS))


def _read_flat(tree: Tree, entries: Entries) -> Dataset:
    found = find_labels(tree.place)
    if found is None:
        unread = unread_tables(tree.place)
        known = f" of a known name; not read: {some(unread)}" if unread else ""
        raise DataError(
            f"{tree.place} holds {len(entries.images)} images without class folders ({some(entries.images)}), and no "
            f"label file{known}. Sort them into class folders, or put one of these beside them: "
            f"{', '.join(kind.name for kind in LABEL_FILES)}"
        )
    file, labels = found
    unknown = [image for image in entries.images if PurePosixPath(image).stem not in labels]
    if unknown:
        raise DataError(
            f"{file} has no label for {len(unknown)} of {len(entries.images)} images in {tree.place}: {some(unknown)}. "
            f"Get the complete label file, or move those images away"
        )
    samples = tuple(Sample(image, labels[PurePosixPath(image).stem]) for image in entries.images)
    return Dataset(ADAPTER.name, samples, tree, f"flat folder, labels from {file.name}", str(tree.place))


ADAPTER = Adapter(
    "imagenet",
    read_imagenet,
    space="imagenet",
    images={"": 50_000},
    classes=1000,
    folders=(
        "imagenet/val",
        "imagenet/validation",
        "imagenet",
        "ImageNet/val",
        "ImageNet",
        "imagenet-1k/val",
        "imagenet-1k",
        "imagenet1k/val",
        "ILSVRC2012/val",
        "ILSVRC2012",
        "ILSVRC2012_img_val",
        "ILSVRC/Data/CLS-LOC/val",
        "ILSVRC2012_img_val.tar",
    ),
)
