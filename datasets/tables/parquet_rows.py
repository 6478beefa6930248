"""Folders of parquet files as the model hub publishes image data sets: a column of image files, a column of labels.

A parquet file can only be read a row group at a time, so in the random order of a data set's samples nearly every
image costs the reading of some hundred: 5 ms as the hub writes them, about three times the decoding. Row groups that
have been read are kept as long as they fit into CACHE; a data set that fits as a whole is read once.
"""

import errno
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import DataError
from .parquet_schema import Columns, find_columns
from .splits import choose_split, find_files
from .table import LabelledRow, unique_ids

log = logging.getLogger(__name__)

CACHE = 2**30  # bytes of row groups that are kept
_LARGEST_GROUP = 2**31  # bytes; a reader that needs more memory than this for one image is of no use
_LARGE_GROUP = 2**26
_REWRITE = "write the file anew with row_group_size=100"


@dataclass(frozen=True, slots=True)
class _File:
    """A parquet file. names: of its images as stored, None where there is none. groups: rows and bytes of each."""

    path: Path
    metadata: Any
    columns: Columns
    labels: tuple[int, ...] | tuple[str, ...]
    names: tuple[str | None, ...]
    groups: tuple[tuple[int, int], ...]


class ParquetRows:
    """The rows of parquet files. Read from several threads at once.

    An image's id is the file name stored with it, if all of these differ, else `file/row`. Raises DataError for files
    that are damaged or of which it is unclear what the columns are.
    """

    def __init__(self, place: Path, split: str, paths: Sequence[Path], cache: int = CACHE) -> None:
        self.place = place
        self.layout = f"parquet ({split})" if split else "parquet"
        self._files = tuple(_open(path) for path in paths)
        self.class_names, labels = _labels(self._files)
        numbered = [f"{file.path.stem}/{row:06d}" for file in self._files for row in range(len(file.labels))]
        ids = unique_ids([name for file in self._files for name in file.names], numbered)
        self.rows = tuple(map(LabelledRow, ids, labels))
        self._places = dict(zip(ids, _places(self._files), strict=True))
        if len(self._places) < len(ids):
            raise DataError(f"{place} has several files of the same name; give the folder of one configuration")
        self._cache = _Cache(cache)
        self._sizes: dict[tuple[int, int], Sequence[int]] = {}
        self._readers = _Readers()
        _advise(self._files, cache)

    def read(self, sample_id: str) -> bytes:
        """Return the image file. Raises OSError when its row cannot be read, or there is no such id."""
        file, group, row = self._place(sample_id)
        content: bytes | None = self._images(file, group)[row].as_py()
        if content is None:
            raise OSError(errno.ENODATA, "the row has no image", f"{self._files[file].path}/{sample_id}")
        return content

    def size(self, sample_id: str) -> int:
        """Return the image file's length in bytes; the first of a row group to be asked for costs reading it."""
        file, group, row = self._place(sample_id)
        if (file, group) not in self._sizes:
            lengths = pc.binary_length(self._images(file, group)).fill_null(0)
            self._sizes[file, group] = lengths.to_numpy()
        return int(self._sizes[file, group][row])

    def _place(self, sample_id: str) -> tuple[int, int, int]:
        place = self._places.get(sample_id)
        if place is None:
            raise FileNotFoundError(errno.ENOENT, "no such row", f"{self.place}/{sample_id}")
        return place

    def _images(self, file: int, group: int) -> Any:
        """Return the image column of a row group, a chunked array of binary."""
        images = self._cache.get((file, group))
        if images is None:
            path, columns = self._files[file].path, self._files[file].columns
            try:
                table = self._reader(file).read_row_group(group, columns=[columns.content], use_threads=False)
            except (pa.ArrowException, OSError, ValueError) as error:
                detail = str(error).partition("\n")[0]
                raise OSError(_code(error), f"cannot be read ({detail})", str(path)) from error
            images = table.column(columns.image)
            images = pc.struct_field(images, "bytes") if pa.types.is_struct(images.type) else images
            if len(images) != self._files[file].groups[group][0]:
                raise OSError(errno.EBADMSG, f"has {len(images)} images in a row group of another size", str(path))
            self._cache.put((file, group), images)
        return images

    def _reader(self, file: int) -> Any:
        opened = self._readers.opened
        if file not in opened:
            opened[file] = _reader(self._files[file].path, self._files[file].metadata)
        return opened[file]


class _Readers(threading.local):
    """This thread's open files: pyarrow does not say that several threads may share a reader."""

    def __init__(self) -> None:
        self.opened: dict[int, Any] = {}


class _Cache:
    """Row groups that were read last, as many as fit into `size` bytes, but at least one."""

    def __init__(self, size: int) -> None:
        self._size, self._used = size, 0
        self._kept: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple[int, int], images: Any) -> None:
        with self._lock:
            if key in self._kept:  # another thread was faster
                return
            self._kept[key] = images
            self._used += images.nbytes
            while self._used > self._size and len(self._kept) > 1:
                self._used -= self._kept.popitem(last=False)[1].nbytes


def open_parquet(path: Path, no_training: bool = False) -> ParquetRows | None:
    """Open a parquet file, or a folder that has some, also in folders of its own; None if there is none.

    no_training: as of `choose_split`. Raises DataError as `ParquetRows` and `choose_split`.
    """
    if path.suffix == ".parquet" and path.is_file():
        return ParquetRows(path, "", [path])
    names = find_files(path, ".parquet") if path.is_dir() else []
    if not names:
        return None
    split, chosen = choose_split(names, str(path), no_training)
    return ParquetRows(path, split, [path / name for name in chosen])


def _code(error: Exception) -> int:
    """Tell a file that has gone since it was opened, or its disk, from damage, for which Arrow gives no number."""
    code = error.errno if isinstance(error, OSError) else None
    return errno.ESTALE if code == errno.ENOENT else code or errno.EBADMSG


def _reader(path: Path, metadata: Any = None) -> Any:
    return pq.ParquetFile(path, metadata=metadata, memory_map=True, pre_buffer=False)


def _open(path: Path) -> _File:
    try:
        reader = _reader(path)
        columns = find_columns(reader.schema_arrow, path)
        table = reader.read(columns=[columns.label, *([columns.path] if columns.path else [])])
        labels = table.column(columns.label).to_pylist()
        images = table.column(columns.image) if columns.path else None
        names = [None] * len(labels) if images is None else pc.struct_field(images, "path").to_pylist()
        groups = [reader.metadata.row_group(number) for number in range(reader.num_row_groups)]
        measures = tuple((group.num_rows, group.total_byte_size) for group in groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())  # Arrow's words may be of several lines
        raise DataError(f"{path} is cut off, damaged or no parquet file ({reason}); fetch it again") from error
    if len(labels) != sum(rows for rows, _ in measures):
        raise DataError(f"{path} is damaged: it has {len(labels)} labels for another number of rows; fetch it again")
    if None in labels:
        raise DataError(f"{path}, row {labels.index(None)}: no label in the column {columns.label}")
    return _File(path, reader.metadata, columns, tuple(labels), tuple(names), measures)


def _labels(files: Sequence[_File]) -> tuple[tuple[str, ...] | None, list[int]]:
    """Return the names of the classes, None if there are none, and the label of every row, by its number among them."""
    first, *others = files
    for other in others:
        if (other.columns.class_names, other.columns.named) != (first.columns.class_names, first.columns.named):
            raise DataError(f"{first.path} and {other.path} have labels of different meaning; give one data set")
    labels: list[Any] = [label for file in files for label in file.labels]
    if not first.columns.named:
        return first.columns.class_names, labels
    number = {name: number for number, name in enumerate(sorted(set(labels)))}
    return tuple(number), [number[label] for label in labels]


def _places(files: Sequence[_File]) -> list[tuple[int, int, int]]:
    """Return file, row group and row in it of every row."""
    return [
        (number, group, row)
        for number, file in enumerate(files)
        for group, (rows, _) in enumerate(file.groups)
        for row in range(rows)
    ]


def _advise(files: Sequence[_File], cache: int) -> None:
    """Refuse row groups that do not fit into memory, and warn of those that make reading slow."""
    sizes = [(size, file.path) for file in files for _, size in file.groups]
    largest, place = max(sizes, key=lambda one: one[0], default=(0, None))
    if largest > _LARGEST_GROUP:
        raise DataError(f"{place} has {largest / 1e9:.1f} GB in one row group; {_REWRITE}")
    if largest > _LARGE_GROUP and sum(size for size, _ in sizes) > cache:
        log.warning("%s has row groups of up to %.0f MB, read for one image each; %s", place, largest / 1e6, _REWRITE)
