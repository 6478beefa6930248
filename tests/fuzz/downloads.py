"""What a server answers, and what an earlier download left."""

import inspect
import socketserver
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

from hypothesis import strategies as st

from datasets import DataError
from datasets.downloads.catalogue import RemoteFile
from datasets.downloads.fetch import Patience, fetch
from datasets.downloads.progress import silent

from .damage import damaged, damaged_json
from .parser import Parser

_STATUS = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 206 Partial",
    "HTTP/1.1 416 Range",
    "HTTP/1.1 503 Busy",
    "HTTP/1.1 302 Found",
    "HTTP/1.1 404 No",
]
_STATUS += [
    "HTTP/1.0 200",
    "HTTP/9.9 99999 x",
    "ICY 200 OK",
    "",
    "HTTP/1.1 -1 x",
    "HTTP/1.1 204 x",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
]
_LONG = "9" * 5000
_HEADERS = [f"Content-Length: {n}" for n in ("10", "0", "-1", "x", "²", "10, 10", _LONG, "5")]
_HEADERS += [
    f"Content-Range: bytes {r}" for r in ("4-9/10", "4-9/*", f"4-{_LONG}/*", f"{_LONG}-9/10", "*/4", "0-0/0", "٤-9/10")
]
_HEADERS += [
    "Transfer-Encoding: chunked",
    'ETag: "a"',
    "ETag: W/x",
    "Last-Modified: é",
    "Content-Type: text/html",
    "Content-Type: \xff",
]
_HEADERS += [f"Retry-After: {n}" for n in ("1", _LONG, "²", "x")] + [
    "Location: file:///etc/passwd",
    "Location: ftp://x/",
    "Location: http://[",
    "Location: /",
    "x",
]
_answers = st.tuples(
    st.sampled_from(_STATUS[:2]) | st.sampled_from(_STATUS),
    st.lists(st.sampled_from(_HEADERS), max_size=4),
    st.sampled_from(
        [
            b"0123456789",
            b"456789",
            b"",
            b"<html>",
            b"a\r\n0123456789\r\n0\r\n\r\n",
            b"fffffffffffffffff\r\nx",
            b"zz\r\n",
            b"-1\r\nx",
        ]
    ),
).map(
    lambda parts: (
        "\r\n".join([parts[0], *parts[1], "Connection: close", "", ""]).encode("latin-1", "replace") + parts[2]
    )
)
_GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: "a"\r\n\r\n0123456789'
_notes = damaged_json([{"address": "http://here", "validator": '"a"'}])
_published = st.sampled_from(
    [{"sha256": "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"}, {}, {"md5": "0" * 32}]
)
_cases = st.tuples(_answers | damaged([_GOOD], 3), st.none() | _notes, _published, st.sampled_from([None, 10, 4]))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    answer = b""


class _Answer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(self.server.answer)  # type: ignore[attr-defined]


@cache
def _server() -> _Server:
    server = _Server(("127.0.0.1", 0), _Answer)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def _fetched(asked: tuple[bytes, bytes | None, dict[str, str], int | None], folder: Path) -> str:
    answer, note, checksums, size = asked
    server = _server()
    server.answer, address = answer, f"http://127.0.0.1:{server.server_address[1]}/f"
    if note is not None:
        (folder / "f.tar.part").write_bytes(b"0123")
        (folder / "f.tar.part.json").write_bytes(note.replace(b"http://here", address.encode()))
    known: dict[str, Any] = {"file": "f.tar", "checksums": checksums, "size": size, "addresses": ()}
    file = _remote(known | {"addresses": (address,)})
    fetch(file, folder, Patience(timeout=1, tries=1, pause=0), silent)
    return "fetched"


def _remote(known: dict[str, Any]) -> RemoteFile:
    blanks = {name: "" for name, p in inspect.signature(RemoteFile).parameters.items() if p.default is p.empty}
    return RemoteFile(**blanks | known)


PARSERS = {"answers of a server": Parser(_cases, _fetched, (DataError,), lines=3)}
