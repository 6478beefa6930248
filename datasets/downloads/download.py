"""Download a data set: what is missing of it, if there is room, checked, into the folder where it is looked for."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import DataError
from .catalogue import RemoteFile, files_of, steps_by_hand
from .fetch import Patience, check_space, fetch
from .partial import differences, digest, mismatch, verdict
from .progress import Progress, in_units, silent

log = logging.getLogger(__name__)


def download(
    name: str,
    root: Path,
    *,
    accept_license: bool = False,
    patience: Patience = Patience(),  # noqa: B008 (frozen)
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Have all files of the data set `name` below `root`, as published; returns their paths.

    Archives stay packed: they are read in place. A file that is there already is compared with its checksums and not
    fetched again. What is fetched is written to `FILE.part` and renamed when it is right, so that a call that was
    interrupted is resumed by the same call; a file that is not as published is kept as `FILE.mismatch`.

    Raises DataError for an unknown name, for a licence that is to be accepted first, with the steps to take by hand for
    data that no program may fetch, when there is no room, and when no address has the files as published.
    """
    files = files_of(name)
    if steps := steps_by_hand(name, root):
        raise DataError(*steps.splitlines())
    conditions = dict.fromkeys(file.condition for file in files if file.condition)
    if conditions and not accept_license:
        raise DataError(f"{name} has a condition: {'; '.join(conditions)}. Say --accept-license if you accept it")
    return download_files(files, root, patience, progress)


def download_files(files: Sequence[RemoteFile], root: Path, patience: Patience, progress: Progress) -> tuple[Path, ...]:
    """Have these files below `root`, whatever data set they are of."""
    with _disk(root):
        root.mkdir(parents=True, exist_ok=True)
        missing = [file for file in files if not _whole(file, root)]
        check_space(root, sum(_needed(file, root) for file in missing))
    for file in missing:
        log.info("%s: fetching, %s", file.place(root), in_units(file.about))
        with _disk(file.place(root)):
            fetch(file, root, patience, progress)
    return tuple(file.place(root) for file in files)


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    """Tell what the disk refuses; errors of the network do not get here."""
    try:
        yield
    except OSError as error:
        where, what = error.filename or place, error.strerror or error
        raise DataError(
            f"{where}: {what}; what has come is kept, the same command goes on once this is put right"
        ) from error


def _whole(file: RemoteFile, root: Path) -> bool:
    """Look whether the file is there, as published; one that is not is put aside."""
    place = file.place(root)
    if not place.exists():
        return False
    log.info("%s is there already: checking it", place)
    digests = digest(place, file.checksums)
    wrong = differences(place.stat().st_size, digests, file.checksums, file.size)
    if not wrong:
        log.info("%s: %s", place, verdict(file.checksums, digests))
        return True
    aside = mismatch(place)
    place.replace(aside)
    log.warning("%s is not as published (%s): kept as %s, not to be used", place, "; ".join(wrong), aside)
    return False


def _needed(file: RemoteFile, root: Path) -> int:
    """Count the bytes that are still to be written, as far as is known before a server is asked."""
    part = file.place(root).with_name(file.file + ".part")
    return max(0, (file.about or 0) - (part.stat().st_size if part.exists() else 0))
