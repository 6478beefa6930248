"""ImageNet-O: photographs of things that are none of the 1000 classes, to be told from ImageNet's own.

Hendrycks et al. 2021, arXiv:1907.07174; imagenet-o.tar of hendrycks/natural-adv-examples. Its folders are named by 200
ImageNet classes that the pictures resemble; these are not their labels: they have none.
"""

from dataclasses import replace

from ..dataset import NO_CLASS, Collection, whole
from ..labels import IMAGENET_O
from .adapter import Adapter, Data
from .subset import read_subset, subset_classes

CLASSES = subset_classes(IMAGENET_O, "ImageNet-O")


def read_imagenet_o(data: Data) -> Collection:
    """Read ImageNet-O: class folders named by WordNet id, or rows; all samples are of no class. Raises DataError."""
    dataset = read_subset(data, ADAPTER.name, CLASSES).open()
    return whole(replace(dataset, samples=tuple(replace(sample, label=NO_CLASS) for sample in dataset.samples)))


ADAPTER = Adapter("imagenet-o", read_imagenet_o, space="imagenet-o", images={"": 2_000}, classes=0)
