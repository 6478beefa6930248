"""The files that tell the classes of ImageNet's validation images when these lie in one flat folder.

Four are in use: Kaggle's, Caffe's, TensorFlow's, and the one of the challenge's own development kit.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import DataError
from .labels import WNIDS, index_of_wnid

ToIndex = Callable[[str], int | None]  # what a label file says of an image → class index, None if it means no class
_DEVKIT = "ILSVRC2012_devkit_t12"
_DEVKIT_META = "meta.mat"
# In a process of its own: on some damaged files SciPy's reader ends the process that it runs in.
_READ_META = """
import json, sys
from scipy.io import loadmat
synsets = loadmat(sys.argv[1], squeeze_me=True)["synsets"]
pairs = zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)
json.dump({str(int(number)): str(wnid) for number, wnid in pairs}, sys.stdout)
"""
_PATIENCE = 60  # seconds; it takes half of one


@dataclass(frozen=True, slots=True)
class LabelFile:
    """One kind of label file.

    line: matches a line, with groups `label` and, unless lines follow the numbers of the images, `image`.
    folders: where it lies below the image folder or one of that folder's ancestors. levels: how many ancestors.
    """

    name: str
    line: re.Pattern[str]
    meaning: Callable[[Path], ToIndex]
    folders: tuple[str, ...] = ("",)
    levels: int = 1
    header: str | None = None


def _wnid(_file: Path) -> ToIndex:
    return index_of_wnid


def _index(_file: Path) -> ToIndex:
    return lambda label: int(label) if int(label) < len(WNIDS) else None


def _devkit_id(file: Path) -> ToIndex:
    """Read which WordNet id the challenge's own numbers 1-1000 stand for: they are in another order."""
    meta = file.with_name(_DEVKIT_META)
    if not meta.is_file():
        raise DataError(f"{file} needs the development kit's {_DEVKIT_META} beside it, which is not there")
    command = [sys.executable, "-c", _READ_META, str(meta)]
    try:
        wnids = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=_PATIENCE).stdout)  # noqa: S603
    except (subprocess.SubprocessError, ValueError) as error:
        raise DataError(
            f"{file} needs the development kit's {_DEVKIT_META}; SciPy cannot read the one beside it"
        ) from error
    return lambda label: index_of_wnid(wnids.get(str(int(label)), ""))


LABEL_FILES = (
    LabelFile(
        "LOC_val_solution.csv",
        re.compile(r"(?P<image>[^,]+),(?P<label>n\d{8})\b.*"),
        _wnid,
        levels=4,  # Kaggle keeps it above ILSVRC/Data/CLS-LOC/val
        header="ImageId,PredictionString",
    ),
    LabelFile("val.txt", re.compile(r"(?P<image>\S+)\s+(?P<label>\d{1,9})"), _index),
    LabelFile("imagenet_2012_validation_synset_labels.txt", re.compile(r"(?P<label>n\d{8})"), _wnid),
    LabelFile(
        "ILSVRC2012_validation_ground_truth.txt",
        re.compile(r"(?P<label>\d{1,9})"),
        _devkit_id,
        folders=("", "data", f"{_DEVKIT}/data"),
    ),
)

LABEL_FOLDERS = frozenset({"data", _DEVKIT})  # folders that may lie among flat images and hold labels
_TABLES = (".csv", ".txt", ".json")  # how files end in which people keep labels


def find_labels(folder: Path) -> tuple[Path, dict[str, int]] | None:
    """Find and read the label file of a flat folder of images.

    A folder in an archive counts as the archive, however deep it lies in it. Returns the file and {image name without
    extension: class index}, or None when there is no such file. Raises DataError for a file that does not say what it
    should.
    """
    places = _places(folder)
    for kind in LABEL_FILES:
        candidates = [place / below / kind.name for place in places[: kind.levels + 1] for below in kind.folders]
        file = next((candidate for candidate in candidates if candidate.is_file()), None)
        if file is not None:
            return file, _read(file, kind)
    return None


def unread_tables(folder: Path) -> tuple[str, ...]:
    """Name the files among and beside the images of a flat folder that may be meant as label files, for messages."""
    found = []
    for place in _places(folder)[:2]:
        with suppress(OSError):  # an archive, or a folder that may not be listed
            found += sorted(str(file) for file in place.iterdir() if _may_be_meant(file))
    return tuple(found)


def _may_be_meant(file: Path) -> bool:
    return file.suffix.lower() in _TABLES and not file.name.startswith(".") and file.is_file()


def _places(folder: Path) -> tuple[Path, ...]:
    """List a folder, or the archive that it lies in, and all folders above."""
    above = (folder, *folder.absolute().parents)
    archive = next((depth for depth, place in enumerate(above) if place.is_file()), 0)
    return above[archive:]


def _read(file: Path, kind: LabelFile) -> dict[str, int]:
    to_index = kind.meaning(file)
    labels: dict[str, int] = {}
    for number, text in enumerate(_lines(file), 1):
        if number == 1 and text == kind.header:
            continue
        match = kind.line.fullmatch(text)
        index = to_index(match["label"]) if match else None
        if match is None or index is None:
            raise DataError(f"{file}, line {number}: {text[:80]!r} is no label of an ImageNet-1k class")
        named = match.groupdict().get("image")
        labels[PurePosixPath(named).stem if named else f"ILSVRC2012_val_{number:08d}"] = index
    return labels


def _lines(file: Path) -> Sequence[str]:
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the label file {file}: {error}") from error
