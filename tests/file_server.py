"""A web server on 127.0.0.1 that hands out files, each in its own good or bad way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from local_server import Answering, listening


@dataclass
class Served:
    """One file and its server's manners.

    cuts: how many of the next answers break off after `cut_after` bytes; stalls: how many fall silent there instead.
    statuses: what the next requests get instead of the file. later: content and validator from the second answer on.
    whole_range: the answer to a range starts at 0 all the same, and says so. states_length, chunked: how the file's end
    is told.
    """

    content: bytes = b""
    ranges: bool = True
    etag: str | None = '"1"'
    modified: str | None = None
    kind: str = "application/x-tar"
    cuts: int = 0
    stalls: int = 0
    cut_after: int = 0
    statuses: list[int] = field(default_factory=list)
    redirect: str | None = None
    later: tuple[bytes, str | None] | None = None
    whole_range: bool = False
    states_length: bool = True
    chunked: bool = False


@dataclass
class FileServer:
    """What is served by path, and what was asked for: (path, Range, If-Range)."""

    files: dict[str, Served] = field(default_factory=dict)
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ranges(self) -> list[str | None]:
        return [asked for _, asked, _ in self.requests]


class Handler(Answering):
    """One answer; `site` is set by `serving`."""

    site: ClassVar[FileServer]

    def do_GET(self) -> None:  # noqa: N802
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        self.site.requests.append((self.path, wanted, condition))
        file = self.site.files.get(self.path)
        if file is None or file.statuses:
            self.answer(404 if file is None else file.statuses.pop(0), {"Content-Length": "0", "Retry-After": "0"})
        elif file.redirect:
            self.answer(302, {"Location": file.redirect, "Content-Length": "0"})
        else:
            valid = condition in (None, file.etag, file.modified)
            self._send(file, int(wanted[6:-1]) if wanted and file.ranges and valid else None)
            if file.later:
                (file.content, file.etag), file.later = file.later, None

    def _send(self, file: Served, start: int | None) -> None:
        size = len(file.content)
        if start is not None and start >= size:
            self.answer(416, {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
            return
        first = 0 if start is None or file.whole_range else start
        headers = {"Content-Type": file.kind, "ETag": file.etag, "Last-Modified": file.modified}
        if start is not None:
            headers["Content-Range"] = f"bytes {first}-{size - 1}/{size}"
        if file.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif file.states_length:
            headers["Content-Length"] = str(size - first)
        self.answer(200 if start is None else 206, headers)
        body = file.content[first:]
        if file.cuts or file.stalls:
            self._write(file, body[: file.cut_after])
            if file.cuts:
                file.cuts -= 1
            else:
                file.stalls -= 1
                self.site.over.wait(10)
        else:
            self._write(file, body)
            self.wfile.write(b"0\r\n\r\n" if file.chunked else b"")

    def _write(self, file: Served, body: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body) if file.chunked else body)


@contextmanager
def serving() -> Iterator[FileServer]:
    """Serve from a free port until the block ends."""
    site = FileServer()
    with listening(Handler, site.over, site=site) as site.port:
        yield site
