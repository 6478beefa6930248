"""A gzip file read out of order: states of the decompressor are kept along the way, and reading goes on from these.

Nothing is unpacked to disk and nothing is held in memory but the states, some 40 KB each. It costs one pass over the
file when it is opened, and for every read the decompression of what lies between the last state and the place.
"""

import errno
import io
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .archive import OpenFile

_GZIP = 31  # zlib's code for a gzip header, the largest window, and a check of length and CRC at the end
_BLOCK = 2**16  # compressed bytes decompressed at a time
_MOST_POINTS = 4096


def _fresh() -> Any:  # zlib does not export the type
    return zlib.decompressobj(_GZIP)


@dataclass(frozen=True, slots=True)
class _Point:
    """The decompressor where it has taken `compressed` bytes and given `plain` ones."""

    compressed: int = 0
    plain: int = 0
    inflate: Any = field(default_factory=_fresh)


class GzipBytes:
    """The content of a gzip file, read at any offset and from any thread once `forward` has been read to its end.

    Raises DataError for a file that cannot be opened.
    """

    def __init__(self, path: Path, spacing: int = 2**20, most: int = _MOST_POINTS) -> None:
        """Open a file. spacing: compressed bytes between states; it doubles whenever there are more than `most`."""
        self._file = OpenFile(path)
        self.compressed_size = self._file.stat().st_size
        self.spacing, self._most = spacing, most
        self._points = [_Point()]

    def forward(self) -> io.RawIOBase:
        """Return a stream that keeps states as it is read; seeking in it is cheap forwards only."""
        return _Forward(self)

    def pread(self, size: int, offset: int) -> bytes:
        """Return `size` bytes of content from `offset`. Raises OSError, also if there are fewer."""
        point = self.point_before(offset)
        position, parts = point.plain, []
        for content in self.inflate(point):
            parts.append(content[max(0, offset - position) : max(0, offset + size - position)])
            position += len(content)
            if position >= offset + size:
                return b"".join(parts)
        raise self._error(f"ends before byte {offset + size}")

    def point_before(self, offset: int) -> _Point:
        """Return the last state that has not given the byte at `offset`."""
        return self._points[bisect_right(self._points, offset, key=lambda point: point.plain) - 1]

    def inflate(self, point: _Point, keep: bool = False) -> Iterator[bytes]:
        """Yield the content from a state on, piece by piece. keep: keep states. Raises OSError for a damaged file."""
        at, plain, inflate = point.compressed, point.plain, point.inflate.copy()
        while at < self.compressed_size:
            if keep and at >= self._points[-1].compressed + self.spacing:
                self._keep(_Point(at, plain, inflate.copy()))
            block = self._file.pread(min(_BLOCK, self.compressed_size - at), at)
            try:
                content = inflate.decompress(block)
            except zlib.error as error:
                raise self._error(f"is damaged near byte {at} of {self.compressed_size} ({error})") from error
            at, plain = at + len(block), plain + len(content)
            yield content
            if inflate.eof:  # gzip files may consist of several, and end with zeros
                at -= len(inflate.unused_data)
                if not any(self._file.pread(min(1, self.compressed_size - at), at)):
                    return
                inflate = _fresh()
        raise self._error(f"is cut off: it ends at byte {self.compressed_size} in the middle of its content")

    def _keep(self, point: _Point) -> None:
        self._points.append(point)
        if len(self._points) > self._most:
            self._points, self.spacing = self._points[::2], 2 * self.spacing

    def _error(self, what: str) -> OSError:
        """Blame the disk: all of the file was checked when it was opened, so what is wrong later has come since."""
        return OSError(errno.EIO, what, str(self._file.path))


class _Forward(io.RawIOBase):
    """The content as a stream for one reader."""

    def __init__(self, source: GzipBytes) -> None:
        self._source = source
        self._position = 0
        self._restart()

    def _restart(self) -> None:
        point = self._source.point_before(self._position)
        self._pieces = self._source.inflate(point, keep=True)
        self._start, self._piece = point.plain, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the end of a gzip file is known when it has been read")
        self._position = offset + (self._position if whence == io.SEEK_CUR else 0)
        if self._position < self._start:
            self._restart()
        return self._position

    def readinto(self, buffer: Any, /) -> int:  # a Buffer, which Python 3.11 has no name for
        while self._position >= self._start + len(self._piece):
            self._start += len(self._piece)
            piece = next(self._pieces, None)
            self._piece = piece or b""
            if piece is None:
                return 0
        here = self._position - self._start
        content = self._piece[here : here + len(buffer)]
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
