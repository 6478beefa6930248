"""Images that come as a table: what every kind of table offers, and what its rows are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

from ..dataset import Source


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One row: the id under which `read` knows its image, and the integer that it is labelled with."""

    sample_id: str
    label: int


@runtime_checkable
class Rows(Source, Protocol):
    """A source of labelled images. What the labels mean is the adapter's business; `class_names` may help."""

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


def unique_ids(names: Sequence[str | None], otherwise: Sequence[str]) -> list[str]:
    """Return the names by which images are stored, if all have one that is a relative path and no two are the same.

    otherwise: what to return if not, one for each image.
    """
    if len(set(names)) == len(names) and all(name is not None and _is_relative(name) for name in names):
        return [name for name in names if name is not None]
    return list(otherwise)


def _is_relative(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts
