"""ImageNet-A: photographs of 200 of the classes that fooled a ResNet-50.

Hendrycks et al. 2021, arXiv:1907.07174; imagenet-a.tar of hendrycks/natural-adv-examples.
"""

from ..dataset import Collection
from ..labels import IMAGENET_A
from .adapter import Adapter, Data
from .subset import read_subset, subset_classes

CLASSES = subset_classes(IMAGENET_A, "ImageNet-A")


def read_imagenet_a(data: Data) -> Collection:
    """Read ImageNet-A: class folders named by WordNet id, or rows. Raises DataError."""
    return read_subset(data, ADAPTER.name, CLASSES)


ADAPTER = Adapter("imagenet-a", read_imagenet_a, space="imagenet-a", images={"": 7_500}, classes=200)
