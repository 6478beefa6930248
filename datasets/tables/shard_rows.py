"""Webdataset shards: tars in which an image `key.jpg` has its label beside it, as `key.cls` or in `key.json`."""

import errno
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from ..errors import DataError, some
from ..sources.archive import ArchiveTree
from ..sources.tar_source import open_tar
from ..sources.tree import Tree
from .splits import choose_split, find_files, split_of
from .table import LabelledRow, unique_ids

_LABEL_KEYS = ("label", "cls", "class", "class_id", "class_label", "target")


class ShardRows:
    """The images of webdataset shards, read in place.

    An image's id is its name in the shard, if all of these differ, else `shard/name`. Raises DataError for shards that
    cannot be read, and for images without an integer label.
    """

    class_names: tuple[str, ...] | None = None

    def __init__(self, place: Path, split: str, shards: Sequence[ArchiveTree]) -> None:
        self.place = place
        self.layout = f"webdataset shards ({split})" if split else "webdataset shards"
        places = [(shard, name) for shard in shards for name in _images(shard)]
        labels = [_label(shard, name) for shard, name in places]
        ids = unique_ids([name for _, name in places], [f"{shard.place.stem}/{name}" for shard, name in places])
        self.rows = tuple(map(LabelledRow, ids, labels))
        self._places = dict(zip(ids, places, strict=True))
        if len(self._places) < len(ids):
            raise DataError(f"{place} has several shards of the same name; give the folder of one data set")

    def read(self, sample_id: str) -> bytes:
        """Return the image file. Raises OSError when it cannot be read, or there is no such id."""
        shard, name = self._place(sample_id)
        return shard.read(name)

    def size(self, sample_id: str) -> int:
        """Return the image file's length in bytes. Raises OSError when there is no such id."""
        shard, name = self._place(sample_id)
        return shard.size(name)

    def _place(self, sample_id: str) -> tuple[ArchiveTree, str]:
        place = self._places.get(sample_id)
        if place is None:
            raise FileNotFoundError(errno.ENOENT, "no such image", f"{self.place}/{sample_id}")
        return place


def open_shards(path: Path, no_training: bool = False) -> ShardRows | None:
    """Open a shard or a folder of shards; None if it is something else, such as a tar of class folders.

    The first image of the first tar tells, of one that is not for training if there is any: in a shard it has its
    label beside it. no_training: as of `choose_split`. Raises DataError as `ShardRows`.
    """
    if path.suffix == ".tar" and path.is_file():
        shard = open_tar(path)
        return ShardRows(path, "", [shard]) if _is_shard(shard) else None
    names = find_files(path, ".tar") if path.is_dir() else []
    first = min(names, key=lambda name: split_of(name) == "train", default=None)  # training tars take long to open
    if first is None or not _is_shard(open_tar(path / first)):
        return None
    split, chosen = choose_split(names, str(path), no_training)
    return ShardRows(path, split, [open_tar(path / name) for name in chosen])


def _is_shard(tree: Tree) -> bool:
    return any(_label_file(tree, name) for name in islice(_images(tree), 1))


def _images(tree: Tree, folder: str = "") -> Iterator[str]:
    """Name all images below a folder; `key.mask.png` is not one, but something else that belongs to `key.jpg`."""
    entries, prefix = tree.entries(folder), f"{folder}/" if folder else ""
    yield from (prefix + name for name in entries.images if name.count(".") == 1)
    for name in entries.folders:
        yield from _images(tree, prefix + name)


def _label_file(tree: Tree, image: str) -> str | None:
    key = image.rpartition(".")[0]
    return next((name for name in (f"{key}.cls", f"{key}.json") if tree.has(name)), None)


def _label(tree: Tree, image: str) -> int:
    file = _label_file(tree, image)
    if file is None:
        raise DataError(f"{tree.place}: {image} has no label beside it, neither .cls nor .json, as others have")
    try:
        label = json.loads(tree.read(file))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{tree.place}: {file} holds no label ({str(error)[:200]})") from error
    except OSError as error:
        raise DataError(f"{tree.place}: {file} cannot be read: {error.strerror or error}") from error
    if isinstance(label, dict):
        label = next((label[key] for key in _LABEL_KEYS if key in label), None)
    if not isinstance(label, int) or isinstance(label, bool):
        raise DataError(f"{tree.place}: {file} holds no integer label; looked for: {some(_LABEL_KEYS, 9)}")
    return label
