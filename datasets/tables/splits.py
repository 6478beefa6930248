"""Which files of a data set that comes in many are the validation images."""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from ..errors import DataError, some

log = logging.getLogger(__name__)

_SPLITS = {"val": "validation", "valid": "validation", "validation": "validation", "test": "test", "train": "train"}
_PREFERRED = ("validation", "test", "")
_NUMBERED = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<total>\d{5})[^/]*")
LEVELS = {".parquet": 2, ".tar": 1}  # folders above a file, at most, by its ending
_MOST_FOLDERS = 32  # of splits and configurations; a folder of more holds classes, and is not searched


def is_found(name: str, ending: str) -> bool:
    """Say whether `find_files` looks at a file of this path."""
    return name.endswith(ending) and name.count("/") <= LEVELS[ending] and "/." not in f"/{name}"


def find_files(path: Path, ending: str, levels: int | None = None) -> list[str]:
    """Name the files below `path` that end with `ending`, as paths relative to it, sorted; hidden ones are left out.

    Folders in it are searched, `levels` deep, by default as LEVELS has it, unless there are too many to be splits or
    configurations. Raises DataError for a folder that cannot be listed.
    """
    levels = LEVELS[ending] if levels is None else levels
    try:
        with os.scandir(path) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot list the folder {path}: {error.strerror}") from error
    files = [name for name, is_folder in found if name.endswith(ending) and not is_folder]
    folders = [name for name, is_folder in found if is_folder] if levels else []
    if len(folders) <= _MOST_FOLDERS:
        files += [f"{folder}/{file}" for folder in folders for file in find_files(path / folder, ending, levels - 1)]
    return files


def choose_split(names: Sequence[str], place: str, no_training: bool = False) -> tuple[str, list[str]]:
    """Choose the files of one split: validation, else test, else those of which none is told, and never training.

    names: relative paths; a split is named by a folder, or by a word of the file's name such as
    `validation-00000-of-00014.parquet` or `imagenet-val-000000.tar`. no_training: there are no training images of the
    data set, so a copy that has nothing but the split train is taken. Returns the split, "" if it has no name, and its
    files. Raises DataError when there is only training data, or the split lacks files by the numbers in their names.
    """
    splits: dict[str, list[str]] = {}
    for name in names:
        splits.setdefault(split_of(name), []).append(name)
    split = next((split for split in _PREFERRED if split in splits), None)
    if split is None and no_training:
        split = "train"
        log.warning("%s has one split, called train; there are no training images of this data set: used", place)
    if split is None:
        raise DataError(f"{place} has training data only ({some(names)}); get its validation or test split")
    if len(splits) > 1:
        log.info("%s has several splits: %s; used: %s", place, ", ".join(sorted(splits)), split or "the unnamed one")
    missing = list(_missing(splits[split]))
    if missing:
        raise DataError(f"{place} is not complete: it lacks {some(missing)}; fetch the rest")
    return split, splits[split]


def split_of(name: str) -> str:
    """Tell from a file's path which split it belongs to: "validation", "test" or "train"; "" if it does not say."""
    words = [word for part in PurePosixPath(name).parts[::-1] for word in re.split(r"[-_.]", part.lower())]
    return next((_SPLITS[word] for word in words if word in _SPLITS), "")


def _missing(names: Sequence[str]) -> Iterator[str]:
    groups: dict[tuple[str, str], set[int]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match:
            groups.setdefault((match["stem"], match["total"]), set()).add(int(match["number"]))
    for (stem, total), numbers in groups.items():
        yield from (f"{stem}-{number:05d}-of-{total}" for number in range(int(total)) if number not in numbers)
