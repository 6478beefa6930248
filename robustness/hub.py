"""The model hub: weights fetched, or found in its cache, checked against its hash, without waiting for a dead line.

huggingface_hub does the work, with its cache, token, mirrors and offline mode (HF_HOME, HF_TOKEN, HF_ENDPOINT,
HF_HUB_OFFLINE). Added here: a hub that cannot be reached is noticed at once instead of after minutes of retries,
content is compared with the SHA-256 under which the hub lists it, and what goes wrong is told in one clause.
"""

import hashlib
import logging
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from .errors import RunError, first_line

PATIENCE = 3.0  # seconds for a connection
TOKEN = "`hf auth login` or HF_TOKEN"  # noqa: S105 (a hint, not a token)
# Base of all errors of the HTTP library that huggingface_hub is built on: requests, httpx or httpx2 by its version.
HTTPError: type[Exception] = HfHubHTTPError.__bases__[0]
REFUSALS: dict[type[Exception], str] = {  # the first that fits: a gated repository counts as not found too
    GatedRepoError: "{repository} is gated: accept its terms at {hub}/{repository} and give a token ({token})",
    RepositoryNotFoundError: "{hub} has no repository {repository}, or a private one: give a token ({token})",
    RevisionNotFoundError: "{repository} has no revision {revision}",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubError(RunError):
    """A file of the hub cannot be had; the message is one clause, what was tried and why it failed."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of the hub, in the cache. revision: the commit's hash. name: as in the repository."""

    path: Path
    repository: str
    revision: str
    name: str


def fetch(repository: str, names: Sequence[str], revision: str | None = None) -> HubFile:
    """Get the first of `names` that `repository` has, from the cache unless the hub has a newer one.

    repository: `org/name`. revision: branch, tag or commit, `main` by default. The content is hashed at every call,
    half a second a GB, if the hub states its SHA-256 (weights: they are in LFS or Xet storage) and the cache keeps it
    (wherever there are symbolic links).
    Raises HubError if there is no such file, it may not be had, the download breaks off, or the content is damaged.
    """
    offline = constants.HF_HUB_OFFLINE
    with cached_when_unreachable():
        unanswered: LocalEntryNotFoundError | None = None
        for name in names:
            local = constants.HF_HUB_OFFLINE or unanswered is not None
            try:
                path = _load(repository, name, revision, local)
                return HubFile(path, repository, path.parents[name.count("/")].name, name)
            except LocalEntryNotFoundError as error:
                unanswered = unanswered or error  # the hub will not answer for the next name either
            except EntryNotFoundError:
                continue
    if unanswered is None:
        raise HubError(f"{repository} has no {' or '.join(names)}")
    if isinstance(unanswered.__cause__, Exception):  # the hub was asked, and this came back
        raise HubError(_reason(unanswered.__cause__, repository, revision)) from unanswered
    line = "HF_HUB_OFFLINE forbids to ask" if offline else "there is no connection to"
    absent = f"{repository} is not in the cache {constants.HF_HUB_CACHE}, and {line} {constants.ENDPOINT}"
    raise HubError(absent) from unanswered


def reachable() -> bool:
    """Say whether the hub takes a connection; behind a proxy that is the proxy's business, so True."""
    url, proxies = urlsplit(constants.ENDPOINT), getproxies()
    host = url.hostname or ""
    if proxies.keys() & {url.scheme, "all"} and not proxy_bypass(host):
        return True
    try:
        socket.create_connection((host, url.port or (80 if url.scheme == "http" else 443)), PATIENCE).close()
    except OSError:
        return False
    return True


@contextmanager
def cached_when_unreachable() -> Iterator[None]:
    """Let huggingface_hub answer quietly, and from its cache alone if the hub cannot be reached.

    Raises HubError for the errors of its HTTP library, which may be none of Python's own kinds.
    """
    was_offline, log = constants.HF_HUB_OFFLINE, logging.getLogger("huggingface_hub")
    level = log.level
    constants.HF_HUB_OFFLINE = was_offline or not reachable()
    log.setLevel(logging.ERROR)
    try:
        yield
    except HTTPError as error:
        raise HubError(f"asking {constants.ENDPOINT} failed: {first_line(error)}") from error
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        log.setLevel(level)


def _load(repository: str, name: str, revision: str | None, local: bool) -> Path:
    """Get one file; EntryNotFoundError passes, everything else becomes a HubError."""
    try:
        path = Path(hf_hub_download(repository, name, revision=revision, local_files_only=local))
        _check_content(path)
    except (EntryNotFoundError, HubError):
        raise
    except (OSError, ValueError, RuntimeError, HTTPError) as error:  # hf_xet, which does downloads, has RuntimeError
        raise HubError(_reason(error, repository, revision)) from error
    return path


def _check_content(file: Path) -> None:
    """Hash what the cache has. Its snapshots are links to blobs, which are named by the hub's ETag: of LFS, SHA-256.

    Only the first link counts: a second one leads into a store between repositories, where names are other hashes.
    """
    stated = file.readlink().name if file.is_symlink() else ""
    if not _SHA256.fullmatch(stated):
        return
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != stated:
        hashes = f"SHA-256 {found[:12]}… instead of {stated[:12]}…"
        raise HubError(f"{file.resolve()} is damaged ({hashes}); delete it to fetch it again")


def _reason(error: Exception, repository: str, revision: str | None) -> str:
    """Put an error of huggingface_hub, or of the disk, into one clause."""
    hub, detail = constants.ENDPOINT, first_line(error)
    for kind, clause in REFUSALS.items():
        if isinstance(error, kind):
            return clause.format(repository=repository, revision=revision, hub=hub, token=TOKEN)
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return f"{hub} answers {status} to {repository}" + (f": give a token ({TOKEN})" if status in (401, 403) else "")
    if isinstance(error, OSError) and error.errno is not None:
        return f"{repository} cannot be kept in the cache {constants.HF_HUB_CACHE}: {detail}"
    return f"{repository} could not be fetched from {hub}: {detail}"
