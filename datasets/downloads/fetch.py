"""One file over HTTP: resumed, checked against what is published, whole under its name or not there at all.

An attempt asks for the bytes that are missing (RFC 9110, range requests). A server that has no ranges, or another
version of the file by now, sends all of it, and the part starts over. When a connection breaks, or a server is busy or
silent, there are more attempts, after growing pauses, for as long as they bring new bytes.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from ..errors import DataError
from .catalogue import RemoteFile
from .partial import CHUNK, Origin, Part, differences, verdict
from .progress import Progress, in_units

HUB = "https://huggingface.co"
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers that another try may change
LONGEST_PAUSE = 120.0  # seconds
_PAGE = re.compile(r"(text/html|application/(xhtml\+xml|json))\b", re.IGNORECASE)
_RANGE = re.compile(r"bytes (?P<start>[0-9]{1,18})-(?P<end>[0-9]{1,18})/(?P<total>[0-9]{1,18}|\*)")
_HANDLERS = (  # urllib's own choice would follow a redirect to ftp: too
    request.ProxyHandler,
    request.HTTPHandler,
    request.HTTPSHandler,
    request.HTTPRedirectHandler,
    request.HTTPDefaultErrorHandler,
    request.HTTPErrorProcessor,
    request.UnknownHandler,
)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server.

    timeout: seconds without a byte. tries: attempts in a row that bring nothing new. pause: seconds before the next
    attempt, doubled every time.
    """

    timeout: float = 30.0
    tries: int = 5
    pause: float = 1.0


class _LostError(Exception):
    """The connection broke, or the server was busy: try again. wait: seconds that the server asks for."""

    def __init__(self, clause: str, wait: float = 0.0) -> None:
        super().__init__(clause)
        self.wait = wait


class _UnusableError(Exception):
    """The address does not give the file, and will not: try the next one."""


def fetch(file: RemoteFile, root: Path, patience: Patience, progress: Progress) -> None:
    """Get `file` from the first of its addresses that has it as it is published.

    Raises DataError, which names every address with what is wrong there, and what is kept: a part, from which the next
    call goes on, or a file that is not as published. Raises it at once when there is no room, and OSError when the disk
    does not play along.
    """
    target = file.place(root)
    failures: list[str] = []
    for address in file.addresses:
        if failures:
            log.warning("%s; trying the next address", failures[-1])
        try:
            with Part(target, file.checksums) as part:
                _receive(part, file, _mirrored(address), patience, progress)
                _finish(part, file)
                return
        except _UnusableError as error:
            failures.append(f"{_mirrored(address)}: {error}")
    part_file = target.with_name(target.name + ".part")
    if part_file.exists():
        failures.append(f"{part_file} is kept: the same command goes on from there, if the server lets it")
    raise DataError(f"{file.file} could not be fetched", *(f"  {failure}" for failure in failures))


def _receive(part: Part, file: RemoteFile, address: str, patience: Patience, progress: Progress) -> None:
    """Fill the part up, in as many attempts as it takes."""
    farthest, fruitless = part.size, 0
    if part.size:
        log.info("%s: going on after %s", part.path, in_units(part.size))
    while part.size != file.size:
        try:
            return _attempt(part, file, address, patience.timeout, progress)
        except _LostError as lost:
            fruitless = 0 if part.size > farthest else fruitless + 1
            farthest = max(farthest, part.size)
            if fruitless >= patience.tries:
                raise _UnusableError(f"{lost}, {fruitless} times in a row") from lost
            wait = min(max(lost.wait, patience.pause * 2**fruitless), LONGEST_PAUSE)
            log.warning("%s: %s; trying again in %.3g s", part.target.name, lost, wait)
            time.sleep(wait)
    return None


def _attempt(part: Part, file: RemoteFile, address: str, timeout: float, progress: Progress) -> None:
    """Ask once, and write what comes."""
    with _asked(part, file, address, timeout) as response:
        if response is None:  # the part was whole
            return
        total = _prepare(part, file, address, response)
        with progress(file.file, total, part.size) as advance:
            while chunk := _read(response):
                if not part.size and chunk.lstrip()[:1] == b"<":
                    raise _UnusableError("answers with a page instead of the file")
                part.append(chunk)
                advance(len(chunk))
    if not part.size:
        raise _LostError("the server sends nothing")
    if total is not None and part.size < total:
        raise _LostError(f"the connection ended after {part.size:,} of {total:,} bytes")


@contextmanager
def _asked(part: Part, file: RemoteFile, address: str, timeout: float) -> Iterator[HTTPResponse | None]:
    """Send the request; gives None if the server says that the part has all there is."""
    wanted = _range(part, file, address)
    if part.size and not wanted:
        log.info("%s: starting over, as nothing tells whether more from %s fits", part.path, address)
        part.restart()
    headers = {"User-Agent": "pit-robustness"} | wanted
    opener = request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    try:
        response = opener.open(request.Request(address, headers=headers), timeout=timeout)  # noqa: S310 (http, https)
    except HTTPError as error:
        with error:
            _refused(error, part)
        response = None
    except (OSError, HTTPException) as error:
        raise _LostError(_reason(error)) from error
    except ValueError as error:  # urllib's, also for what a redirect leads to
        raise _UnusableError(f"has no usable address ({error})") from error
    if response is None:
        yield None
    else:
        with response:
            yield response


def _range(part: Part, file: RemoteFile, address: str) -> dict[str, str]:
    """Ask for the rest if something will tell that it fits: the server's validator or, at the end, a checksum."""
    if not part.size:
        return {}
    rest = {"Range": f"bytes={part.size}-"}
    origin = part.origin
    if origin and origin.validator and origin.address == address:
        return rest | {"If-Range": origin.validator}
    return rest if file.checksums else {}


def _refused(error: HTTPError, part: Part) -> None:
    """Sort an answer that is no success; returns only if the part has all there is."""
    if error.code == 416 and part.size:
        if error.headers.get("Content-Range") == f"bytes */{part.size}":
            return
        part.restart()
        raise _LostError("the server has another version of the file than the part is of") from error
    clause = f"answers {error.code} ({' '.join(str(error.reason).split())})"  # a loop's reason has three lines
    if error.code in BUSY:
        seconds = error.headers.get("Retry-After", "")
        raise _LostError(clause, float(seconds) if seconds.isdecimal() else 0.0) from error
    raise _UnusableError(clause) from error


def _prepare(part: Part, file: RemoteFile, address: str, response: HTTPResponse) -> int | None:
    """Decide what the answer's body is, and make the part ready for it; returns the file's size if that is known."""
    headers = response.headers
    if _PAGE.match(headers.get("Content-Type", "")):
        raise _UnusableError(f"answers with a page ({headers['Content-Type']}) instead of the file")
    total = _total(part, response)
    if file.size is not None and total not in (None, file.size):
        raise _UnusableError(f"has {total} bytes instead of {file.size}")
    if total is None and file.size is None and not file.checksums and not response.chunked:
        raise _UnusableError("states no length, and no checksum is published: nothing tells when the file is whole")
    if response.status == 200:
        if part.size:
            log.info("%s: starting over, as the server has no ranges or another version by now", part.path)
            part.restart()
        part.begin(Origin(address, _validator(headers)))
    if not file.checksums and urlsplit(response.url).scheme == "http":
        log.warning("%s comes unencrypted, and no checksum is published: nothing vouches for its content", file.file)
    check_space(part.path.parent, (total or file.about or 0) - part.size)
    return total if total is not None else file.size


def _total(part: Part, response: HTTPResponse) -> int | None:
    if response.status == 200:
        return response.length
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status != 206 or match is None or int(match["start"]) != part.size:
        part.restart()
        raise _LostError(f"answers {response.status} with another range than it was asked for")
    return int(match["end"]) + 1 if match["total"] == "*" else int(match["total"])


def _validator(headers: HTTPMessage) -> str | None:
    """Take what If-Range can compare: a strong ETag, else a date."""
    etag: str = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK)
    except (OSError, HTTPException) as error:
        raise _LostError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, BaseException) else error
    if isinstance(cause, TimeoutError):
        return "the server is silent"
    detail = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
    return f"the connection failed ({detail or type(cause).__name__})"


def _mirrored(address: str) -> str:
    """Go to the hub's mirror, if HF_ENDPOINT names one."""
    endpoint = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    return endpoint + address.removeprefix(HUB) if address.startswith(HUB + "/") else address


def _finish(part: Part, file: RemoteFile) -> None:
    """Give the part its name if it is as published; else keep it aside."""
    wrong = differences(part.size, part.digests, file.checksums, file.size)
    if wrong:
        raise _UnusableError(f"is not as published ({'; '.join(wrong)}); kept as {part.set_aside()}, not to be used")
    part.keep()
    log.info("%s: %s, %s", part.target, in_units(part.size), verdict(file.checksums, part.digests))


def check_space(folder: Path, needed: int) -> None:
    """Raise DataError if the disk that `folder` is on has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"{folder} has {in_units(free)} left, and {in_units(needed)} are needed; make room, or choose another disk"
        )
