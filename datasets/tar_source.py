"""A tar read in place: its members are found by an index and read straight from the file."""

from pathlib import Path

from .archive import ArchiveTree, OpenFile
from .members import Member
from .tar_index import index_of


class TarArchive:
    """An open tar. Raises DataError as `index_of`, and for a file that cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._file = OpenFile(path)
        self.place = path
        self.members = index_of(path, self._file.stat())

    def fetch(self, member: Member) -> bytes:
        """Return the content of one file. Raises OSError when that is impossible."""
        return self._file.pread(member.size, member.offset)


def open_tar(path: Path) -> ArchiveTree:
    """Open a tar; the first time its headers are all read, some 30 seconds a million members.

    Raises DataError for one that is cut off, damaged, or has members that cannot be read in place.
    """
    return ArchiveTree(TarArchive(path))
