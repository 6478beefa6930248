"""A zip read in place, from several threads at once."""

import errno
import lzma
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError
from .archive import LARGEST, ArchiveTree, OpenFile, inside, refuse_odd
from .members import Member, MemberList, Members

PUBLIC_PASSWORDS = (b"objectnetisatestset",)  # ObjectNet's, which its page states to keep the images from crawlers
_RATIO = 200  # of sizes without and with compression; photographs reach 1.1, pictures of one colour some tens
_ENCRYPTED = 0x1
LONGEST = 2**63 - 1  # bytes of a file, as disks count them; a header can state more
# What zipfile raises for damage, and for passwords (RuntimeError) and compressions (NotImplementedError) it cannot use.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    EOFError,
    struct.error,
    ValueError,
    OverflowError,
)
_LOCAL_HEADER = struct.Struct("<26xHH")  # the lengths of name and extra field, after which the content begins


class ZipArchive:
    """An open zip; a member's `offset` is its number.

    Plain members are read without zipfile, whose file object can serve one thread at a time; its lock is held for the
    rest: encrypted ones and unusual compressions. Raises DataError for an archive that is cut off or damaged, has
    members that cannot be read in place, or is encrypted with a password that is not public.
    """

    def __init__(self, path: Path) -> None:
        self._file = OpenFile(path)
        self.place = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, OSError) as error:
            raise DataError(f"{path} is cut off, damaged or no zip ({error}); fetch it again") from error
        self._lock = threading.Lock()
        self._infos = self._zip.infolist()
        self.members = _members(self._infos, path)
        self._unlock()

    def fetch(self, member: Member) -> bytes:
        """Return the content of one file. Raises OSError when that is impossible."""
        info = self._infos[member.offset]
        if info.file_size > _RATIO * info.compress_size + 2**20 or info.compress_size > LARGEST:
            raise self._error(f"holds {info.file_size} bytes in {info.compress_size}, which no photograph does", info)
        try:
            content = self._fetch(info)
        except _UNREADABLE as error:
            raise self._error(f"is damaged or cannot be read ({error})", info) from error
        if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
            raise self._error("is damaged: its checksum differs", info)
        return content

    def _fetch(self, info: zipfile.ZipInfo) -> bytes:
        if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with self._lock:
                return self._zip.read(info)
        lengths = _LOCAL_HEADER.unpack(self._file.pread(_LOCAL_HEADER.size, info.header_offset))
        content = self._file.pread(info.compress_size, info.header_offset + _LOCAL_HEADER.size + sum(lengths))
        if info.compress_type == zipfile.ZIP_STORED:
            return content
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, info.file_size or 1)

    def _unlock(self) -> None:
        """Find the public password that opens the smallest of the encrypted members."""
        encrypted = [
            info for info in self._infos if info.flag_bits & _ENCRYPTED and info.filename[-1:] not in ("", "/")
        ]
        smallest = min(encrypted, key=lambda info: info.file_size, default=None)
        if smallest is None:
            return
        for password in PUBLIC_PASSWORDS:
            self._zip.setpassword(password)
            try:
                self._zip.read(smallest)
            except (*_UNREADABLE, OSError):
                continue
            return
        raise DataError(f"{self.place} is encrypted and its password is not known here; unpack it and give the folder")

    def _error(self, what: str, info: zipfile.ZipInfo) -> OSError:
        return OSError(errno.EBADMSG, what, f"{self.place}/{info.filename}")


def open_zip(path: Path) -> ArchiveTree:
    """Open a zip; for encrypted members the passwords that publishers state are tried.

    Raises DataError as `ZipArchive`. Decryption is slow: to use one more than once, unpack it.
    """
    return ArchiveTree(ZipArchive(path))


def _members(infos: Sequence[zipfile.ZipInfo], path: Path) -> Members:
    """List the files. Some programs of Windows write backslashes for slashes; a name elsewhere may hold either."""
    windows = not any("/" in info.filename or info.create_system for info in infos)
    gathered, odd = MemberList(), []
    for number, info in enumerate(infos):
        written, mode = info.filename, info.external_attr >> 16
        if windows:
            written = written.replace("\\", "/")
        name = inside(written, path)
        if not name or written.endswith("/"):  # zipfile cannot tell of a member without a name
            gathered.add_folder(name)
        elif stat.S_ISLNK(mode):
            odd.append(name)
        elif info.file_size > LONGEST:
            raise DataError(f"{path} is damaged: {name} would have {info.file_size} bytes; fetch it again")
        else:
            gathered.add(name, number, info.file_size)
    refuse_odd(odd, path)
    return gathered.members()
