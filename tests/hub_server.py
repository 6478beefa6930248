"""A model hub on 127.0.0.1: one repository, served the way huggingface.co serves it, and able to misbehave."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from local_server import Answering, listening

# in LFS: the hub redirects to another host, with the SHA-256 as linked ETag
LARGE = (".safetensors", ".bin", ".parquet", ".tar")


@dataclass
class Hub:
    """What the server serves, what it was asked, and what is wrong with it.

    kind: `models` or `datasets`. refusal: status and X-Error-Code of every answer. cut: how many of the next downloads
    end after half of what was asked for; cut_to_nothing: all end before their first byte. lying: content has a wrong
    byte. stalling: half a download is sent, and then nothing until the test ends.
    """

    repository: str
    files: dict[str, bytes]
    commit: str = "c0ffee" + "0" * 34
    port: int = 0
    kind: str = "models"
    refusal: tuple[int, str] | None = None
    cut: int = 0
    cut_to_nothing: bool = False
    lying: bool = False
    stalling: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    requests: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def downloads(self) -> int:
        """How many times the content of a large file was asked for."""
        return sum(request.startswith("GET /cdn/") for request in self.requests)


class Handler(Answering):
    """One answer; `hub` is set by `serving`."""

    hub: ClassVar[Hub]

    def do_HEAD(self) -> None:  # noqa: N802
        self.do_GET()

    def do_GET(self) -> None:  # noqa: N802
        hub, path = self.hub, urlsplit(self.path).path
        hub.requests.append(f"{self.command} {path}")
        commit = {"X-Repo-Commit": hub.commit}
        if path.startswith("/cdn/"):
            name = path.removeprefix("/cdn/")
            self._content(hub.files[name], {"ETag": '"of-the-cdn"'})
            return
        if path.startswith(pinned := f"/api/resolve-cache/{hub.kind}/{hub.repository}/{hub.commit}/"):
            content = hub.files[path.removeprefix(pinned)]
            self._content(content, commit | {"ETag": f'"{_git_hash(content)}"'})
            return
        if path.startswith(interface := f"/api/{hub.kind}/"):
            self._listing(*path.removeprefix(interface).partition("/tree/")[::2])
            return
        repository, _, rest = path.removeprefix("/").removeprefix("datasets/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        if (refusal := hub.refusal or self._not_found(repository, revision, name)) is not None:
            self.answer(refusal[0], {"X-Error-Code": refusal[1], "Content-Length": "0"} | commit)
        elif name.endswith(LARGE):
            size, digest = len(hub.files[name]), hashlib.sha256(hub.files[name]).hexdigest()
            linked = {"X-Linked-Size": str(size), "X-Linked-Etag": f'"{digest}"', "Content-Length": "0"}
            self.answer(302, commit | linked | {"Location": f"http://localhost:{hub.port}/cdn/{name}"})
        else:
            self.answer(307, commit | {"Location": pinned + name, "Content-Length": "0"})

    def _listing(self, asked: str, tree: str) -> None:
        """Describe the repository, or list its files: `org/name`, `org/name/revision/main`, `org/name` and a tree."""
        repository, _, revision = asked.partition("/revision/")
        if (refusal := self.hub.refusal or self._not_found(repository, tree or revision or "main")) is not None:
            self.answer(refusal[0], {"X-Error-Code": refusal[1], "Content-Length": "0"})
            return
        files = [_entry(name, content) for name, content in self.hub.files.items()]
        siblings = [{"rfilename": entry["path"]} for entry in files]
        described = {"id": repository, "sha": self.hub.commit, "siblings": siblings}
        content = json.dumps(files if tree else described).encode()
        self.answer(200, {"Content-Type": "application/json", "Content-Length": str(len(content))})
        self.wfile.write(content)

    def _not_found(self, repository: str, revision: str, name: str | None = None) -> tuple[int, str] | None:
        known = {
            "RepoNotFound": repository == self.hub.repository,
            "RevisionNotFound": revision in ("main", self.hub.commit),
            "EntryNotFound": name is None or name in self.hub.files,
        }
        return next(((404, code) for code, there in known.items() if not there), None)

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        hub, start = self.hub, 0
        if asked := self.headers.get("Range"):
            hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        part = content[start:]
        if hub.lying:
            part = part[:-1] + bytes([part[-1] ^ 1])
        self.answer(206 if asked else 200, headers | {"Content-Length": str(len(part))})
        if self.command == "HEAD":
            return
        if hub.stalling:
            self.wfile.write(part[: len(part) // 2])
            hub.over.wait(10)
        elif hub.cut or hub.cut_to_nothing:
            hub.cut = max(0, hub.cut - 1)
            self.wfile.write(b"" if hub.cut_to_nothing else part[: len(part) // 2])
        else:
            self.wfile.write(part)


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve `hub` from a free port until the block ends."""
    with listening(Handler, hub.over, hub=hub) as hub.port:
        yield hub


def _entry(name: str, content: bytes) -> dict[str, object]:
    entry = {"type": "file", "path": name, "size": len(content), "oid": _git_hash(content)}
    if not name.endswith(LARGE):
        return entry
    return entry | {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}}


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
