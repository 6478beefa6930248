"""Stylized-ImageNet: the validation images in the style of paintings, to be made by everybody who wants them.

Geirhos et al. 2019, arXiv:1811.12231; folder `val` of what rgeirhos/Stylized-ImageNet writes. Copies differ: compare
fingerprints before figures.
"""

from ..dataset import Collection
from ..labels import IMAGENET
from .adapter import Adapter, Data
from .subset import read_subset, subset_classes

CLASSES = subset_classes(IMAGENET, "Stylized-ImageNet")


def read_stylized_imagenet(data: Data) -> Collection:
    """Read Stylized-ImageNet: class folders named by WordNet id, or rows. Raises DataError."""
    return read_subset(data, ADAPTER.name, CLASSES)


ADAPTER = Adapter(
    "stylized-imagenet",
    read_stylized_imagenet,
    space="imagenet",
    images={"": 50_000},
    classes=1000,
    folders=("stylized-imagenet/val", "imagenet-style", "SIN/val"),
)
