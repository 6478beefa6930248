"""Data sets of the model hub: `hf://org/name`, fetched as parquet files or webdataset shards, of one split only.

huggingface_hub does the work, with its cache, token, mirrors and offline mode (HF_HOME, HF_TOKEN, HF_ENDPOINT,
HF_HUB_OFFLINE). Added here: only the files that are needed, their content compared with the SHA-256 that the hub
states, and what goes wrong told in one clause.
"""

import glob
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..errors import DataError, some
from .rows import Rows, open_rows
from .splits import LEVELS, choose_split, find_files, is_found

_PATIENCE = 10.0  # seconds for the hub's list of files
_TOKEN = "`hf auth login` or HF_TOKEN"  # noqa: S105 (a hint, not a token)
_NAME = re.compile(r"hf:/{1,2}(?:datasets/)?(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Base of all errors of the HTTP library that huggingface_hub is built on: requests, httpx or httpx2 by its version.
_HTTPError: type[Exception] = HfHubHTTPError.__bases__[0]


@dataclass(frozen=True, slots=True)
class HubData:
    """A data set of the hub. name: `org/name`. revision: branch, tag or commit, None for the main branch."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"hf://{self.name}" + (f"@{self.revision}" if self.revision else "")


def is_hub(text: str) -> bool:
    """Say whether `text` names a data set of the hub; a `Path` of it, which has one slash, counts too."""
    return text.startswith("hf:/")


def open_hub(text: str, no_training: bool = False) -> Rows:
    """Open `hf://org/name` or `hf://org/name@revision`, from the cache unless the hub has a newer one.

    Of several splits the validation images are fetched, else the test images; no_training: as of `choose_split`. The
    content is hashed at the first call of a process, half a second a GB. Raises DataError when the data set cannot be
    had, has neither parquet files nor webdataset shards, or its content is damaged; and as `open_rows`.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise DataError(f"{text} names no data set of the hub; write hf://org/name or hf://org/name@revision")
    data = HubData(match["name"], match["revision"])
    with _told(data):
        folder = _cached(data) if constants.HF_HUB_OFFLINE else _fetched(data, no_training)
        for name in _choose([*find_files(folder, ".parquet"), *find_files(folder, ".tar")], data, no_training):
            _check_content(folder / name)
    rows = open_rows(folder, no_training)
    if rows is None:
        raise DataError(f"{data}: its files are not what their names say; {folder} has neither parquet nor shards")
    return rows


def _fetched(data: HubData, no_training: bool) -> Path:
    """Get the files that the hub has now; without a connection to it, those in the cache."""
    try:
        info = HfApi().dataset_info(data.name, revision=data.revision, timeout=_PATIENCE)
    except (HfHubHTTPError, ValueError):  # ValueError: what answered is no hub
        raise
    except (OSError, _HTTPError):
        return _cached(data)
    names = [file.rfilename for file in info.siblings or ()]
    wanted = [glob.escape(name) for name in _choose(names, data, no_training)]
    return Path(snapshot_download(data.name, repo_type="dataset", revision=data.revision, allow_patterns=wanted))


def _cached(data: HubData) -> Path:
    """Find what was fetched before. It need not be all of the data set, hence no pattern that a file must match."""
    folder = snapshot_download(
        data.name, repo_type="dataset", revision=data.revision, allow_patterns=[], local_files_only=True
    )
    return Path(folder)


def _choose(names: Sequence[str], data: HubData, no_training: bool) -> list[str]:
    for ending in LEVELS:
        found = [name for name in names if is_found(name, ending)]
        if found:
            return choose_split(found, str(data), no_training)[1]
    raise DataError(
        f"{data} has neither parquet files nor webdataset shards (looked for two folders deep, and one) but "
        f"{some(names) or 'nothing'}; the hub may have made parquet files of it: hf://{data.name}@refs/convert/parquet"
    )


def _check_content(file: Path) -> None:
    """Hash what the cache has. Its links lead to blobs, which are named by the SHA-256 of files that are in LFS."""
    blob = file.parent / file.readlink() if file.is_symlink() else file
    if not _SHA256.fullmatch(blob.name):
        return
    stat = blob.stat()
    found = _sha256(blob, stat.st_size, stat.st_mtime_ns)
    if found != blob.name:
        hashes = f"SHA-256 {found[:12]}… instead of {blob.name[:12]}…"
        raise DataError(f"{blob.resolve()} is damaged ({hashes}); delete it to fetch it again")


@lru_cache(maxsize=1024)  # a run opens its data more than once, to see what is there and to read it
def _sha256(file: Path, _size: int, _mtime: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def _told(data: HubData) -> Iterator[None]:
    """Raise DataError, with a reason in one clause, for what huggingface_hub and the disk may raise."""
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, RuntimeError, _HTTPError) as error:  # hf_xet, which does downloads, has RuntimeError
        raise DataError(f"{data}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    hub, detail = constants.ENDPOINT, str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, GatedRepoError):  # before the next one, of which it is a kind
        return f"it is gated: accept its terms on its page at {hub} and give a token ({_TOKEN})"
    if isinstance(error, RepositoryNotFoundError):
        return f"{hub} has no such data set, or a private one: give a token ({_TOKEN})"
    if isinstance(error, RevisionNotFoundError):
        return "there is no such revision"
    if isinstance(error, LocalEntryNotFoundError):
        line = "HF_HUB_OFFLINE forbids to ask" if constants.HF_HUB_OFFLINE else "there is no connection to"
        return f"it is not in the cache {constants.HF_HUB_CACHE}, and {line} {hub}"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return f"{hub} answers {status}" + (f": give a token ({_TOKEN})" if status in (401, 403) else "")
    if isinstance(error, OSError) and error.errno is not None:
        return f"it cannot be kept in the cache {constants.HF_HUB_CACHE}: {detail}"
    return f"it could not be fetched from {hub}: {detail}"
