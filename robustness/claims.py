"""Who does what when several processes work in one run's folder: a claim is a small file beside the part it is for.

Its name begins with a dot, so that whoever reads the folder of parts does not stumble over what the dead left behind.

No process talks to another. Creating a file exclusively succeeds for one process alone, on local disks, on NFS since
version 3 and on Lustre. The living touch their claims; one that has not been touched for LEASE seconds, by the file
system's own clock, is a dead process's and may be taken over. Claims save work, they do not guard it: two processes
that do the same part, as where a file system keeps none of these promises, write the same bytes, each whole.
"""

import json
import logging
import os
import socket
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from .errors import RunError
from .header import now
from .whole_files import refused, unseen

LEASE = 60.0  # seconds without a sign of life after which a claim's process counts as dead
BEATS = 6  # signs of life in that time
SUFFIX = ".claim"
LARGEST_PID = 2**31  # what a pid_t holds

log = logging.getLogger(__name__)


class Claiming(Protocol):
    """Says whether a part is this process's to do."""

    def take(self, name: str) -> bool:
        """Claim a part; False when another living process has it."""

    def release(self, name: str) -> None:
        """Give a claim back, or do nothing if there is none."""

    def holder(self, name: str) -> "Holder | None":
        """Say which other living process has a part."""


class Unshared:
    """The claims of a process that is alone in its folder: everything is its own."""

    def take(self, name: str) -> bool:  # noqa: ARG002
        """Say yes."""
        return True

    def release(self, name: str) -> None:
        """Do nothing."""

    def holder(self, name: str) -> "Holder | None":  # noqa: ARG002
        """Say nobody."""
        return None


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that has a claim, and since when, as ISO 8601 by its own clock.

    numbers: what `pid` is unique in; containers may have a host's name in common and count their processes apart.
    """

    host: str
    pid: int
    since: str
    numbers: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


class Claims:
    """The claims of this process in one folder, kept alive while the context lasts and given back at its end.

    lease: seconds after which a claim without a sign of life may be taken over.
    """

    def __init__(self, folder: Path, lease: float = LEASE) -> None:
        self.folder, self.lease = folder, lease
        self._me = Holder(socket.gethostname(), os.getpid(), now(), _numbers())
        self._held: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="claims", daemon=True)

    def __enter__(self) -> "Claims":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for name in tuple(self._held):
            self.release(name)
        self._bury()

    def take(self, name: str) -> bool:
        """Claim `name`, or take it over from a dead process; False when a living one has it.

        Raises RunError when the folder cannot be written.
        """
        path = self._path(name)
        for last in (False, True):
            try:
                self._make(path)
            except FileExistsError:
                seen = _read(path)
                if last or self.holder(name) or not _removed(path, seen):
                    return False
                log.info("%s: its process is gone, going on without it", path)
            else:
                self._held.add(name)
                return True
        return False

    def release(self, name: str) -> None:
        """Give a claim back, unless another process has taken it over meanwhile."""
        self._held.discard(name)
        if _read(self._path(name)) == self._me:
            self._path(name).unlink(missing_ok=True)

    def holder(self, name: str) -> Holder | None:
        """Say which other living process has the claim. Raises RunError when the folder cannot be written."""
        path = self._path(name)
        try:
            touched = path.stat().st_mtime
        except FileNotFoundError:
            return None
        holder = _read(path) or Holder("an unknown host", 0, "just now")
        here = (holder.host, holder.numbers) == (self._me.host, self._me.numbers)
        gone = here and not _runs(holder.pid)
        # a clock that was set back makes claims seem to come from the future
        silent = abs(_file_time(self.folder) - touched) > self.lease
        return None if holder == self._me or gone or silent else holder

    def others(self) -> list[Holder]:
        """List the other living processes that have claims in the folder."""
        return [holder for name in self._names() if (holder := self.holder(name))]

    def _names(self) -> list[str]:
        return [path.name[1:].removesuffix(SUFFIX) for path in self.folder.glob(f".*{SUFFIX}")]

    def _path(self, name: str) -> Path:
        return self.folder / f".{name}{SUFFIX}"

    def _bury(self) -> None:
        """Remove the claims of the dead."""
        try:
            for name in self._names():
                seen = _read(self._path(name))
                if not self.holder(name):
                    _removed(self._path(name), seen)
        except (RunError, OSError) as error:  # on a full disk nobody can tell who is dead, and it may stay so
            log.info("the claims of dead processes stay in %s: %s", self.folder, error)

    def _make(self, path: Path) -> None:
        """Write a claim. Raises FileExistsError when there is one, and RunError when the folder cannot be written."""
        try:
            with path.open("xb", buffering=0) as file:
                file.write(json.dumps(asdict(self._me)).encode())
        except FileExistsError:
            raise
        except OSError as error:  # on a full disk; an empty claim would look like a process that is just starting
            path.unlink(missing_ok=True)
            raise refused(path, error) from error

    def _live(self) -> None:
        while not self._over.wait(self.lease / BEATS):
            for name in tuple(self._held):
                try:
                    os.utime(self._path(name))
                except OSError as error:  # taken over, or the disk is away for a while: nothing is lost by it
                    log.info("no sign of life for %s: %s", name, error)


def _read(path: Path) -> Holder | None:
    """Read who made a claim; None while it is being written, or gone, or if it is none."""
    try:
        holder = Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    known = isinstance(holder.pid, int) and 0 < holder.pid < LARGEST_PID
    return holder if known and all(isinstance(text, str) for text in (holder.host, holder.since)) else None


def _removed(path: Path, dead: Holder | None) -> bool:
    """Remove a dead process's claim; False when another process was faster, whose own claim is then left in place."""
    aside = unseen(path)
    try:
        with suppress(FileNotFoundError, FileExistsError):
            path.rename(aside)  # which one process alone can do
            if _read(aside) == dead:
                return True
            os.link(aside, path)
        return False
    finally:
        aside.unlink(missing_ok=True)


def _numbers() -> str:
    """Name what process numbers are unique in: a boot of a machine, and the container's own, where Linux tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _runs(pid: int) -> bool:
    """Say whether a process of this machine lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _file_time(folder: Path) -> float:
    """Return the time by the clock that stamps the folder's files, which may be a server's."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b".")
            return os.fstat(file.fileno()).st_mtime
    except OSError as error:
        raise refused(folder, error) from error
