"""Data sets of ImageNet's classes, or some of them, in folders named by WordNet id.

ImageNet-A (photographs that fooled a ResNet-50) and ImageNet-O (things of none of the 1000 classes): Hendrycks et al.
2021, arXiv:1907.07174; the tars of hendrycks/natural-adv-examples. ImageNet-R (art, cartoons, toys, tattoos, graffiti):
Hendrycks et al. 2021, arXiv:2006.16241; imagenet-r.tar of hendrycks/imagenet-r. ImageNet-Sketch (some fifty drawings a
class): Wang et al. 2019, arXiv:1905.13549; ImageNet-Sketch.zip of HaohanWang/ImageNet-Sketch, with its folder `sketch`.
Stylized-ImageNet (the validation images in the style of paintings): Geirhos et al. 2019, arXiv:1811.12231; folder `val`
of what rgeirhos/Stylized-ImageNet writes, so copies differ: compare fingerprints before figures.
"""

from dataclasses import replace
from functools import partial

from ..class_folders import find_classes
from ..classes import Classes
from ..dataset import NO_CLASS, Collection, whole
from ..labels import SPACES, LabelSpace
from .adapter import Adapter, Data
from .imagenet import WNID_FOLDERS


def read_wnid_folders(data: Data, name: str, title: str, space: LabelSpace) -> Collection:
    """Read class folders of these classes alone, or rows. title: what its authors call it. Raises DataError."""
    labels = dict(zip(space.names, space.codes, strict=True))
    what = f"{title} has {len(labels)} class folders named by WordNet id, such as {space.names[0]}"
    return whole(find_classes(data, name, Classes(labels.get, space.codes, what, english=True), WNID_FOLDERS))


def read_imagenet_o(data: Data) -> Collection:
    """Read ImageNet-O; its folders tell which classes the pictures resemble, and they are of none. Raises DataError."""
    dataset = read_wnid_folders(data, IMAGENET_O.name, "ImageNet-O", IMAGENET_O.labels).open()
    return whole(replace(dataset, samples=tuple(replace(sample, label=NO_CLASS) for sample in dataset.samples)))


def _adapter(
    name: str, title: str, images: int, *folders: str, space: str = "imagenet", no_training: bool = True
) -> Adapter:
    read = partial(read_wnid_folders, name=name, title=title, space=SPACES[space])
    return Adapter(name, read, space, {"": images}, len(SPACES[space].names), folders, no_training=no_training)


IMAGENET_A = _adapter("imagenet-a", "ImageNet-A", 7_500, space="imagenet-a")
IMAGENET_O = Adapter("imagenet-o", read_imagenet_o, "imagenet-o", {"": 2_000}, classes=0, no_training=True)
IMAGENET_R = _adapter("imagenet-r", "ImageNet-R", 30_000, space="imagenet-r")
IMAGENET_SKETCH = _adapter("imagenet-sketch", "ImageNet-Sketch", 50_000, "sketch", "ImageNet-Sketch", "imagenet_sketch")
STYLIZED_IMAGENET = _adapter(
    "stylized-imagenet",
    "Stylized-ImageNet",
    50_000,
    *("stylized-imagenet/val", "imagenet-style", "SIN/val"),
    no_training=False,  # networks are trained on the rest of it
)
