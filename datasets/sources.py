"""Where image files lie. A source serves bytes by id; a tree can also be listed, which adapters read layouts from."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from .dataset import Source
from .errors import DataError

IMAGE_EXTENSIONS = frozenset({".jpeg", ".jpg", ".png", ".webp", ".bmp"})


@dataclass(frozen=True, slots=True)
class Entries:
    """What lies in one folder: names of folders and of image files, each sorted."""

    folders: tuple[str, ...]
    images: tuple[str, ...]


class Tree(Source, Protocol):
    """A source whose ids are paths and can be listed folder by folder."""

    @property
    def place(self) -> Path:
        """The folder or archive on disk, for messages and for what lies beside it."""
        ...

    def entries(self, folder: str = "") -> Entries:
        """List a folder, leaving out hidden files, `__MACOSX` and files that are no images by their name."""
        ...

    def below(self, folder: str) -> "Tree":
        """Return the tree whose root is `folder`."""
        ...


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Image files below a folder on disk; an id is a path relative to it.

    An id must not leave the root. A symbolic link below the root may: data sets are often put together of links.
    """

    root: Path

    @property
    def place(self) -> Path:
        """The folder itself."""
        return self.root

    def read(self, sample_id: str) -> bytes:
        """Return the file's bytes. Raises OSError, or DataError for an id that leaves the root."""
        return self._locate(sample_id).read_bytes()

    def size(self, sample_id: str) -> int:
        """Return the file's length in bytes. Raises OSError, or DataError for an id that leaves the root."""
        return self._locate(sample_id).stat().st_size

    def entries(self, folder: str = "") -> Entries:
        """List a folder, which is the root or lies below it. Raises DataError when that is impossible."""
        path = self._locate(folder) if folder else self.root
        try:
            with os.scandir(path) as found:
                seen = sorted((entry.name, entry.is_dir()) for entry in found if _is_content(entry.name))
        except OSError as error:
            raise DataError(f"cannot list the folder {path}: {error.strerror}") from error
        folders = tuple(name for name, is_folder in seen if is_folder)
        return Entries(folders, tuple(name for name, is_folder in seen if not is_folder and _is_image(name)))

    def below(self, folder: str) -> "FolderSource":
        """Return the source whose root is `folder`."""
        return FolderSource(self._locate(folder))

    def _locate(self, sample_id: str) -> Path:
        path = PurePosixPath(sample_id)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in sample_id:
            raise DataError(f"{sample_id!r} is no path below {self.root}; ids are relative and never contain '..'")
        return self.root / path


def open_tree(path: Path) -> Tree:
    """Open a place on disk for listing. Raises DataError when nothing is there, or nothing that can be listed."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}; check the path and its permissions") from error
    if not stat.S_ISDIR(mode):
        raise DataError(f"{path} is a file; give the folder that holds the images")
    return FolderSource(path)


def _is_content(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS  # noqa: PTH122  (five times a Path's speed)
