"""A file that is not whole yet: `FILE.part`, which is hashed as it grows and becomes FILE only if it is right.

Beside it, `FILE.part.json` says where the bytes come from, so that a later call can tell whether more of the same may
be appended. What turns out to be wrong is kept as `FILE.mismatch`.
"""

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ..errors import DataError

CHUNK = 1 << 18  # bytes
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part's bytes come from. validator: the server's name for this version of the file, if it has one."""

    address: str
    validator: str | None


def differences(
    size: int, digests: Mapping[str, str], expected: Mapping[str, str], right_size: int | None
) -> list[str]:
    """Name what is not as published; empty if all of it is."""
    wrong = [] if right_size in (None, size) else [f"{size} bytes instead of {right_size}"]
    return wrong + [
        f"{algorithm} {digests[algorithm]} instead of {digits}"
        for algorithm, digits in expected.items()
        if digests[algorithm] != digits
    ]


def verdict(published: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say what vouches for a file's content."""
    if published:
        return f"{' and '.join(published)} as published"
    return f"no checksum is published; note this one down: sha256 {found['sha256']}"


def digest(file: Path, algorithms: Collection[str]) -> dict[str, str]:
    """Hash a whole file; without algorithms, by SHA-256. Returns hexadecimal digits by algorithm."""
    hashes = _hashes(algorithms)
    with file.open("rb") as stream:
        _feed(stream, hashes)
    return {algorithm: hashed.hexdigest() for algorithm, hashed in hashes.items()}


class Part:
    """The part of `target`, open for appending; nobody else may have it open.

    algorithms: what to hash by, besides SHA-256 if there is none. size: bytes so far. Raises DataError if another
    process is fetching the same file, OSError if the disk does not play along.
    """

    def __init__(self, target: Path, algorithms: Collection[str]) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")
        self._algorithms = algorithms
        self._made_folder = not target.parent.exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self.path.open("a+b")
        try:
            self._claim()
            self._stream.seek(0)
            self._hashes = _hashes(algorithms)
            self.size = _feed(self._stream, self._hashes)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        if not self.size:
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
            if self._made_folder:  # an empty one would be taken for a data set
                with suppress(OSError):  # it is not empty
                    self.target.parent.rmdir()

    @property
    def origin(self) -> Origin | None:
        """Where the bytes come from; None where that is not on record."""
        try:
            origin = Origin(**json.loads(self._note.read_text()))
            return origin if origin.validator is None or _sendable(origin.validator) else None
        except (OSError, ValueError, TypeError, RecursionError):  # no note, or half of one: then it is not on record
            return None

    def restart(self) -> None:
        """Drop all bytes."""
        self._stream.truncate(0)
        self._hashes, self.size = _hashes(self._algorithms), 0

    def begin(self, origin: Origin) -> None:
        """Put on record where the bytes come from, before the first one."""
        self._note.write_text(json.dumps(asdict(origin)))

    def append(self, chunk: bytes) -> None:
        """Write `chunk` at the end."""
        self._stream.write(chunk)
        self.size += len(chunk)
        for hashed in self._hashes.values():
            hashed.update(chunk)

    @property
    def digests(self) -> dict[str, str]:
        """The hashes of the bytes so far, in hexadecimal digits by algorithm."""
        return {algorithm: hashed.hexdigest() for algorithm, hashed in self._hashes.items()}

    def keep(self) -> None:
        """Make it the file: on disk first, under its name then."""
        self._move(self.target)

    def set_aside(self) -> Path:
        """Keep it as `FILE.mismatch`, in the place of an earlier one, and return that path."""
        aside = mismatch(self.target)
        self._move(aside)
        return aside

    def _move(self, to: Path) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.path.replace(to)
        self._note.unlink(missing_ok=True)
        folder = os.open(to.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _claim(self) -> None:
        free = True
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            free = False
        except OSError as error:  # some network file systems have no locks; the checksum still guards the file
            log.info("%s cannot be locked (%s): let no other process fetch it now", self.path, error.strerror)
        if not free or not self.path.exists():  # renamed by its owner between our opening and our locking it
            raise DataError(f"{self.target} is being fetched by another process; wait for it, or stop it")


def mismatch(target: Path) -> Path:
    """Say where a file that is not as published is kept."""
    return target.with_name(target.name + ".mismatch")


def _sendable(validator: object) -> bool:
    """Say whether a header can hold it."""
    return isinstance(validator, str) and validator.isascii() and validator.isprintable()


def _hashes(algorithms: Collection[str]) -> dict[str, "hashlib._Hash"]:
    return {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms or ("sha256",)}


def _feed(stream: BinaryIO, hashes: Mapping[str, "hashlib._Hash"]) -> int:
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        for hashed in hashes.values():
            hashed.update(chunk)
    return size
