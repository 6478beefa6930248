"""ImageNet-R: renditions of 200 of the classes: art, cartoons, toys, tattoos, graffiti.

Hendrycks et al. 2021, arXiv:2006.16241; imagenet-r.tar of hendrycks/imagenet-r.
"""

from ..dataset import Collection
from ..labels import IMAGENET_R
from .adapter import Adapter, Data
from .subset import read_subset, subset_classes

CLASSES = subset_classes(IMAGENET_R, "ImageNet-R")


def read_imagenet_r(data: Data) -> Collection:
    """Read ImageNet-R: class folders named by WordNet id, or rows. Raises DataError."""
    return read_subset(data, ADAPTER.name, CLASSES)


ADAPTER = Adapter("imagenet-r", read_imagenet_r, space="imagenet-r", images={"": 30_000}, classes=200)
