"""The index of a tar: built in one pass over its headers, kept on disk, and thrown away when the tar has changed."""

import hashlib
import io
import logging
import os
import re
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import platformdirs

from ..errors import DataError
from .archive import inside, refuse_odd
from .members import MemberList, Members

log = logging.getLogger(__name__)

_VERSION = 1
_LONGEST_HEADER = 2**20  # bytes; the name and the attributes of one member
# Longer than any name or number; tarfile searches such runs in a time that grows with their square (CVE-2024-6232).
_DIGITS = re.compile(rb"[0-9]{300}")
_PADDING = 2**20  # bytes of zeros after the last member; tar fills up to a multiple of at most so many
# What NumPy and zipfile raise for a damaged file; RuntimeError for flags that it makes look like encryption.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
_FETCH_AGAIN = "fetch it again, or unpack as much of it as can be had with `tar -x`"


class _Headers(io.BufferedReader):
    """What tarfile reads from. Headers are short: a length beyond reason means damage, not a need for memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        content = super().read(size)
        if _DIGITS.search(content):
            raise tarfile.ReadError("a number of hundreds of digits")
        return content


def index_of(path: Path, stat: os.stat_result) -> Members:
    """Return the members of the tar at `path`, from its index if there is one that fits, else by reading the tar.

    stat: the tar's status; an index made for another size or time is not used. The index is kept beside the tar as
    `NAME.index`, or in the user's cache directory where that is impossible. Raises DataError as `scan`.
    """
    stamp = np.array([_VERSION, stat.st_size, stat.st_mtime_ns], dtype=np.int64)
    places = _places(path)
    for place in places:
        members = _load(place, stamp)
        if members is not None:
            return members
    log.info("reading the headers of %s (%.1f GB) once for its index", path, stat.st_size / 1e9)
    members = scan(path.open("rb", buffering=0), path)
    _keep(members, stamp, places)
    return members


def scan(raw: io.RawIOBase, path: Path) -> Members:
    """Read the headers of a whole tar; `offset` is where a member's content begins.

    raw: seekable forwards; it is closed. path: for messages. Raises DataError for a tar that is cut off or damaged, a
    member that lies outside of it, and an image that is a link or sparse.
    """
    gathered, odd, count = MemberList(), [], 0
    try:
        with _Headers(raw) as headers, tarfile.open(fileobj=headers, mode="r:", encoding="utf-8") as tar:
            for count, member in enumerate(_members(tar), 1):  # noqa: B007 (it is told in the error)
                name = inside(member.name, path)
                if member.isdir():
                    gathered.add_folder(name)
                elif member.isreg() and not member.issparse():
                    gathered.add(name, member.offset_data, member.size)
                else:
                    odd.append(name)
            headers.seek(tar.offset)
            _check_end(headers.read(_LONGEST_HEADER), path, count, tar.offset)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:  # the last of headers of headers
        raise DataError(f"{path} is cut off or damaged after {count} members: {error}; {_FETCH_AGAIN}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read after {count} members: {error.strerror or error}") from error
    refuse_odd(odd, path)
    return gathered.members()


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members, without keeping them all as tarfile does. Raises ReadError if one does not lie further on."""
    last = -1
    while (member := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]  # typeshed leaves it out
        if member.size < 0 or member.offset_data <= last:
            raise tarfile.ReadError(f"{member.name!r} has an impossible size or place")
        last = member.offset_data
        yield member


def _check_end(rest: bytes, path: Path, count: int, end: int) -> None:
    """Tell an archive's end from a place where it breaks off: tarfile stops at either. rest: what follows `end`."""
    if len(rest) < tarfile.BLOCKSIZE:
        raise DataError(
            f"{path} is cut off: it ends after {count} members, at byte {end + len(rest)}, without the two blocks of "
            f"zeros that end a tar; {_FETCH_AGAIN}. (If it is whole all the same: truncate -s %512 FILE, then "
            f"truncate -s +1024 FILE)"
        )
    if any(rest[: tarfile.BLOCKSIZE]):
        raise DataError(f"{path} is damaged: after {count} members, at byte {end}, is no header; {_FETCH_AGAIN}")
    if rest.strip(b"\0"):
        raise DataError(f"{path} goes on after its end at byte {end}: several tars in one file; give them one by one")
    if len(rest) >= _PADDING:
        raise DataError(f"{path} is only zeros from byte {end} on: a download that was not completed; {_FETCH_AGAIN}")


def _places(path: Path) -> tuple[Path, Path]:
    """Return where an index may lie: beside the tar, or in the cache directory."""
    key = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]
    cache = Path(platformdirs.user_cache_dir("pit-robustness", appauthor=False))
    return path.with_name(f"{path.name}.index"), cache / f"{path.name}-{key}.index"


def _load(place: Path, stamp: np.ndarray) -> Members | None:
    """Read an index; None if there is none, it is another tar's or an older one's, or it is damaged."""
    try:
        with place.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # checks each array's CRC
            if not np.array_equal(arrays["stamp"], stamp):
                log.info("the index %s is not of the tar as it is now; it is made anew", place)
                return None
            return Members({name: arrays[name] for name in arrays.files})
    except FileNotFoundError:
        return None
    except _UNREADABLE as error:
        log.warning("the index %s cannot be used (%s); it is made anew", place, error)
        return None


def _keep(members: Members, stamp: np.ndarray, places: tuple[Path, ...]) -> None:
    """Write the index to the first place where that is possible; if there is none, the next run reads the tar again."""
    for place in places:
        try:
            _write(place, dict(members.arrays) | {"stamp": stamp})
        except OSError as error:
            log.info("the index cannot be kept as %s: %s", place, error.strerror)
        else:
            return


def _write(place: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write under another name and rename, so that an index is whole or absent."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # the stubs take any name for `allow_pickle`
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
