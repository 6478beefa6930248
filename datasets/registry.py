"""Which data sets can be opened by name, and where people usually keep them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from .dataset import Dataset
from .errors import DataError
from .imagenet import open_imagenet

OPENERS: dict[str, Callable[[Path], Dataset]] = {"imagenet": open_imagenet}

USUAL_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "imagenet": (
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
    ),
}


def open_dataset(name: str, path: Path) -> Dataset:
    """Open the data set `name` that lies at `path`. Raises DataError for data that is unusable or a name unknown."""
    if name not in OPENERS:
        raise DataError(f"unknown data set {name!r}; known: {', '.join(sorted(OPENERS))}")
    return OPENERS[name](path)


def find(name: str, root: Path) -> Path | None:
    """Look below `root` for the data set `name` under its usual folder names; None when it is not there."""
    places = (root / folder for folder in USUAL_FOLDERS.get(name, ()))
    return next((place for place in places if place.is_dir()), None)
