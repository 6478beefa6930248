"""Tars read in place: members are found by an index, and read straight from the file or out of its compression."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from .archive import ArchiveTree, OpenFile
from .gzip_bytes import GzipBytes
from .members import Member, Members
from .tar_index import index_of, scan

log = logging.getLogger(__name__)

_GZIP = b"\x1f\x8b"


class _Bytes(Protocol):
    def pread(self, size: int, offset: int) -> bytes: ...


class TarArchive:
    """An open tar."""

    def __init__(self, place: Path, content: _Bytes, members: Members) -> None:
        self.place, self.members = place, members
        self._content = content

    def fetch(self, member: Member) -> bytes:
        """Return the content of one file. Raises OSError when that is impossible."""
        return self._content.pread(member.size, member.offset)


def open_tar(path: Path) -> ArchiveTree:
    """Open a tar, compressed or not: its first bytes tell, as the published names do not always.

    Raises DataError for one that is cut off, damaged, or has members that cannot be read in place.
    """
    file = OpenFile(path)
    begins = file.pread(min(len(_GZIP), file.stat().st_size), 0)
    return _compressed(path) if begins == _GZIP else _plain(path, file)


def _plain(path: Path, file: OpenFile) -> ArchiveTree:
    """Open a plain tar; the first time its headers are all read, some 30 seconds a million members."""
    return ArchiveTree(TarArchive(path, file, index_of(path, file.stat())))


def _compressed(path: Path) -> ArchiveTree:
    """Open a compressed tar, which is decompressed once, as a stream, to find its members: some 5 seconds a GB.

    Neither disk nor much memory is needed, so archives of any size and on any medium can be used at once. In exchange
    every image costs the decompression of what lies before it: 2 ms in archives of up to 4 GB, more in larger ones. The
    log says how to be rid of both.
    """
    stat = OpenFile(path).stat()
    return ArchiveTree(_decompressed_once(path, stat.st_size, stat.st_mtime_ns))


@lru_cache(maxsize=16)  # a run opens its data more than once, to see what is there and to read it
def _decompressed_once(path: Path, _size: int, _mtime: int) -> TarArchive:
    content = GzipBytes(path)
    log.warning(
        "%s (%.1f GB) is compressed as a whole: it is read once to find its images, and each of them takes longer to "
        "read. Better unpack the compression, not the tar, once and for all: gunzip -k FILE",
        path,
        content.compressed_size / 1e9,
    )
    return TarArchive(path, content, scan(content.forward(), path))
