"""Data sets of some of ImageNet's classes, in folders named by WordNet id."""

from ..class_folders import Classes, read_classes, to_classes
from ..dataset import Collection, whole
from ..labels import LabelSpace
from ..tables.rows import Rows
from .adapter import Data
from .imagenet import WNID_FOLDERS


def subset_classes(space: LabelSpace, title: str) -> Classes:
    """Describe the classes of a benchmark to whoever reads its folders."""
    labels = dict(zip(space.names, space.codes, strict=True))
    what = f"{title} has {len(labels)} class folders named by WordNet id, such as {space.names[0]}"
    return Classes(labels.get, space.codes, what)


def read_subset(data: Data, name: str, classes: Classes) -> Collection:
    """Read class folders, or rows, of these classes alone. Raises DataError."""
    place = data if isinstance(data, Rows) else to_classes(data, classes)
    return whole(read_classes(place, name, classes, WNID_FOLDERS))
