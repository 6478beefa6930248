"""ImageNet-Sketch: some fifty drawings in black and white of each of the 1000 classes.

Wang et al. 2019, arXiv:1905.13549; ImageNet-Sketch.zip of HaohanWang/ImageNet-Sketch, with its folder `sketch`.
"""

from ..dataset import Collection
from ..labels import IMAGENET
from .adapter import Adapter, Data
from .subset import read_subset, subset_classes

CLASSES = subset_classes(IMAGENET, "ImageNet-Sketch")


def read_imagenet_sketch(data: Data) -> Collection:
    """Read ImageNet-Sketch: class folders named by WordNet id, or rows. Raises DataError."""
    return read_subset(data, ADAPTER.name, CLASSES)


ADAPTER = Adapter(
    "imagenet-sketch",
    read_imagenet_sketch,
    space="imagenet",
    images={"": 50_000},
    classes=1000,
    folders=("sketch", "ImageNet-Sketch", "imagenet_sketch"),
)
