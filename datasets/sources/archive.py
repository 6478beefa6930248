"""Archives read in place: what a tar and a zip have in common once their members are known."""

import errno
import logging
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from ..errors import DataError, some
from .members import Member, Members
from .tree import Entries, is_image, relative

log = logging.getLogger(__name__)

LONGEST_NAME, DEEPEST = 4096, 64  # bytes of a member's path, as file systems have it, and folders above it
LARGEST = 256 * 2**20  # bytes of a member; the largest photographs of the benchmarks have a tenth of it


class Archive(Protocol):
    """An open archive. It is read from several threads at once."""

    @property
    def place(self) -> Path:
        """The file on disk."""
        ...

    @property
    def members(self) -> Members:
        """Its files."""
        ...

    def fetch(self, member: Member) -> bytes:
        """Return the content of one file. Raises OSError when that is impossible."""
        ...


@dataclass(frozen=True, slots=True)
class ArchiveTree:
    """The files below a folder of an archive; an id is a path relative to that folder. root: "" or the folder."""

    archive: Archive
    root: str = ""

    @property
    def place(self) -> Path:
        """The archive, or the path that goes on to the root inside it."""
        return self.archive.place / self.root

    def read(self, sample_id: str) -> bytes:
        """Return the file's bytes. Raises OSError (none of that name, too large, damaged); DataError as `has`."""
        member = self._member(sample_id)
        if member.size > LARGEST:
            raise OSError(errno.EFBIG, f"is {member.size} bytes long, and the limit is {LARGEST}", str(self.place))
        return self.archive.fetch(member)

    def size(self, sample_id: str) -> int:
        """Return the file's length in bytes. Raises OSError if there is none; DataError as `has`."""
        return self._member(sample_id).size

    def has(self, name: str) -> bool:
        """Say whether there is a file `name`. Raises DataError for a name that leaves the root."""
        return self._find(name) is not None

    def entries(self, folder: str = "") -> Entries:
        """List a folder, which is the root or lies below it. Raises DataError if there is no such folder."""
        path = self._path(folder) if folder else self.root
        found = self.archive.members.entries(path)
        if found is None:
            raise DataError(f"{self.archive.place} has no folder {path}")
        return found

    def below(self, folder: str) -> "ArchiveTree":
        """Return the tree whose root is `folder`."""
        return ArchiveTree(self.archive, self._path(folder))

    def _path(self, name: str) -> str:
        path = str(relative(name, self))
        return f"{self.root}/{path}" if self.root else path

    def _find(self, name: str) -> Member | None:
        return self.archive.members.find(self._path(name))

    def _member(self, name: str) -> Member:
        member = self._find(name)
        if member is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.place / name))
        return member


class OpenFile:
    """A file read at any offset and from any thread; it is closed when nothing refers to it any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DataError(f"{path} cannot be opened: {error.strerror}; check its permissions") from error
        weakref.finalize(self, os.close, self._descriptor)
        self._size = self.stat().st_size

    def stat(self) -> os.stat_result:
        """Return the file's status."""
        return os.fstat(self._descriptor)

    def pread(self, size: int, offset: int) -> bytes:
        """Return `size` bytes from `offset`. Raises OSError, also if there are fewer."""
        content = os.pread(self._descriptor, size, offset)
        if len(content) < size:
            never = offset + size > self._size  # asked for by a damaged header; else the file has shrunk since
            code = errno.EBADMSG if never else errno.EIO
            raise OSError(code, f"gives {len(content)} of {size} bytes at {offset}", str(self.path))
        return content


def inside(name: str, place: Path) -> str:
    """Normalise the name of a member of the archive at `place`; "" for the root itself, such as `./`.

    Raises DataError for a name that is absolute, leaves the root, or is longer or deeper than any on disk: each of its
    folders takes memory.
    """
    path = PurePosixPath(name)
    if len(name) > LONGEST_NAME or len(path.parts) > DEEPEST:
        raise DataError(
            f"{place} has a member {name[:40]!r}… of {len(name)} letters in {len(path.parts)} folders; such an archive "
            f"is broken or hostile. Get it from where it was published"
        )
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise DataError(
            f"{place} has a member named {name!r}, which would lie outside; such an archive is broken or hostile. "
            f"Get it from where it was published"
        )
    return "/".join(path.parts)


def refuse_odd(names: Sequence[str], place: Path) -> None:
    """Refuse images among the members that are no plain files. The others are left out, which the log says.

    Raises DataError.
    """
    images = [name for name in names if is_image(name)]
    if images:
        raise DataError(
            f"{place} has images that are links, sparse or devices: {some(images)}. They cannot be read in place; "
            f"unpack the archive and give the folder"
        )
    if names:
        log.warning("%s: members that are links, sparse or devices are left out: %s", place, some(names))
