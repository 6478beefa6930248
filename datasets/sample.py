"""The bundled photographs: 20 images of ImageNet that the package `foolbox` carries, for a run without a data set."""

import importlib.util
import re
from pathlib import Path

from .dataset import Dataset, Sample
from .errors import DataError
from .sources import FolderSource

NAME = "imagenet-sample"
_PACKAGE = "foolbox"
_PHOTOGRAPH = re.compile(r"imagenet_\d+_(?P<label>\d+)\.jpg")


def open_sample() -> Dataset:
    """Open the bundled photographs; their labels are ImageNet-1k class indices.

    The package's files are read without importing it. Raises DataError when it is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"the sample images come with the package {_PACKAGE}; run: pip install -r requirements.txt")
    source = FolderSource(Path(spec.submodule_search_locations[0]) / "data")
    matches = (_PHOTOGRAPH.fullmatch(name) for name in source.entries().images)
    samples = tuple(Sample(match.string, int(match["label"])) for match in matches if match)
    if not samples:
        raise DataError(f"{source.root} has no photographs named imagenet_NN_LABEL.jpg; reinstall {_PACKAGE}")
    return Dataset(NAME, samples, source, "bundled photographs (label in the file name)", str(source.root))
