"""The model hub, without the wait and without trust: an unreachable hub is noticed at once, and content is checked.

Cache, tokens, offline mode and mirrors are huggingface_hub's own (HF_HOME, HF_TOKEN, HF_HUB_OFFLINE, HF_ENDPOINT).
"""

import hashlib
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from .errors import RunError

SHA256_DIGITS = 64  # the cache names a large file by its SHA-256, and a small one by its shorter git hash


class HubError(RunError):
    """Something of the hub cannot be had; the message is a clause that says what was tried and why it failed."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file in the hub's cache. revision: the commit that it is of."""

    path: Path
    repository: str
    revision: str
    name: str


def fetch(repository: str, names: Sequence[str], revision: str | None = None) -> HubFile:
    """Find the first of `names` that the repository has, in the cache or on the hub, and check its content.

    repository: `org/name`. revision: a branch, tag or commit, the main branch by default. Raises HubError.
    """
    where = f"hub repository {repository}" + (f" at {revision}" if revision else "")
    unreachable = False
    with cached_when_unreachable():
        for name in names:
            try:
                path = Path(hf_hub_download(repository, name, revision=revision))
            except LocalEntryNotFoundError:
                unreachable = True
            except GatedRepoError as error:
                raise HubError(
                    f"{where} is gated: accept its terms there, and log in (hf auth login, HF_TOKEN)"
                ) from error
            except RepositoryNotFoundError as error:
                raise HubError(f"{where} does not exist, or is private (hf auth login, HF_TOKEN)") from error
            except RevisionNotFoundError as error:
                raise HubError(f"{where}: there is no such revision") from error
            except EntryNotFoundError:
                continue
            except (HfHubHTTPError, OSError, ValueError) as error:
                raise HubError(f"{where} was tried ({_first_line(error)})") from error
            else:
                verify(path)
                return HubFile(path, repository, path.parent.name, name)
    if unreachable:
        raise HubError(f"{where} cannot be reached, and the hub's cache does not have it")
    raise HubError(f"{where} has no {' or '.join(names)}")


def verify(path: Path) -> None:
    """Compare a cached file with the SHA-256 that the hub gave for it, half a second a GB; raises HubError.

    huggingface_hub compares sizes only. Small files have no SHA-256 there and are not compared.
    """
    blob = path.resolve()
    if len(blob.name) != SHA256_DIGITS:
        return
    with blob.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != blob.name:
        raise HubError(f"{path.name} is damaged: its SHA-256 is not the hub's; delete {blob} to download it again")


def reachable() -> bool:
    """Say whether the hub's host name resolves; behind a proxy that is the proxy's business, so True."""
    if getproxies():
        return True
    url = urlsplit(constants.ENDPOINT)
    try:
        socket.getaddrinfo(url.hostname, url.port or 443)
    except socket.gaierror:
        return False
    return True


@contextmanager
def cached_when_unreachable() -> Iterator[None]:
    """Let huggingface_hub answer quietly, and from its cache alone if the hub cannot be reached."""
    was_offline, log = constants.HF_HUB_OFFLINE, logging.getLogger("huggingface_hub")
    level = log.level
    constants.HF_HUB_OFFLINE = was_offline or not reachable()
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        log.setLevel(level)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
