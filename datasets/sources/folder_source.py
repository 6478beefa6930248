"""Image files in a folder on disk."""

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError
from .tree import Entries, entries_of, is_content, relative


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Image files below a folder on disk; an id is a path relative to it.

    An id must not leave the root. A symbolic link below the root may: data sets are often put together of links.
    absent: by root, the ids that had no file, a link to nothing as a rule, when sizes were asked for; others had one.
    """

    root: Path
    absent: dict[Path, set[str]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def place(self) -> Path:
        """The folder itself."""
        return self.root

    def read(self, sample_id: str) -> bytes:
        """Return the file's bytes. Raises OSError, or DataError for an id that leaves the root.

        A file that was there when its size was asked for, and is no more, is an OSError of ESTALE.
        """
        path = self._locate(sample_id)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            if sample_id in self.absent.get(self.root, {sample_id}):
                raise
            raise OSError(errno.ESTALE, "it was there before and has gone", str(path)) from error

    def size(self, sample_id: str) -> int:
        """Return the file's length in bytes. Raises OSError, or DataError for an id that leaves the root."""
        absent = self.absent.setdefault(self.root, set())
        try:
            return self._locate(sample_id).stat().st_size
        except FileNotFoundError:
            absent.add(sample_id)
            raise

    def has(self, name: str) -> bool:
        """Say whether there is a file `name`. Raises DataError for a name that leaves the root."""
        return self._locate(name).is_file()

    def entries(self, folder: str = "") -> Entries:
        """List a folder, which is the root or lies below it. Raises DataError when that is impossible."""
        path = self._locate(folder) if folder else self.root
        try:
            with os.scandir(path) as found:
                seen = sorted((entry.name, entry.is_dir()) for entry in found if is_content(entry.name))
        except OSError as error:
            raise DataError(f"cannot list the folder {path}: {error.strerror}") from error
        folders = (name for name, is_folder in seen if is_folder)
        return entries_of(folders, (name for name, is_folder in seen if not is_folder))

    def below(self, folder: str) -> "FolderSource":
        """Return the source whose root is `folder`."""
        return FolderSource(self._locate(folder), self.absent)

    def _locate(self, sample_id: str) -> Path:
        return self.root / relative(sample_id, self)
