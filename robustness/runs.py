"""Where a run lives, and who may work in it: one process alone, or the processes of one world side by side."""

import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from .claims import Claiming, Claims, Unshared
from .errors import RunError, UsageError
from .options import Options
from .shards import World
from .store import FAILURES, HEADER, RECORDS, Store, read_header

LONGEST_NAME = 100
LOCK = "run"  # the claim of a process that works alone


@contextmanager
def opened(
    options: Options, header: Mapping[str, Any], suites: Sequence[str], world: World
) -> Iterator[tuple[Store, Claiming]]:
    """Open the run that --name, or the same command, began, or begin one; nobody else may, while the context lasts.

    header: of `header.header`. suites: for the name of a new run. Several processes may share a folder, as their claims
    keep them apart; one that is alone shares with nobody. Raises UsageError for a run with other settings, and RunError
    when another process works in the folder, or it cannot be written.
    """
    if options.fresh and world.size > 1:
        raise UsageError("--fresh would remove what the other processes do; choose another --name")
    alone = world.size == 1
    with ExitStack() as stack:
        folder = options.out
        try:
            folder = _folder(options, header, suites, world)
            if options.fresh:
                _refuse_strangers(folder)
            (folder / RECORDS).mkdir(parents=True, exist_ok=True)
            _enter(folder, stack.enter_context(Claims(folder)), alone)
            if options.fresh:
                _discard(folder)
            described = {"name": folder.name, **header}
            store = Store(folder, described, leads=world.leads, shared=not alone, fresh=options.fresh)
        except OSError as error:
            raise RunError(f"cannot write to {folder}: {error.strerror or error}") from error
        yield store, Unshared() if alone else stack.enter_context(Claims(folder / RECORDS))


def _enter(folder: Path, lock: Claims, alone: bool) -> None:
    """Lock the folder against others if alone. Raises RunError when a process works in it that does not share."""
    holders = [lock.holder(LOCK), *(Claims(folder / RECORDS).others() if alone else ())]
    if alone and not any(holders) and not lock.take(LOCK):
        holders = [lock.holder(LOCK)]
    if found := [holder for holder in holders if holder]:
        raise RunError(
            f"{folder} is in use by {found[0]}. Wait for it, or choose another --name. If that process is gone, its "
            f"lock is too within {lock.lease:.0f} seconds"
        )


def _folder(options: Options, header: Mapping[str, Any], suites: Sequence[str], world: World) -> Path:
    """Choose the run's folder: by name; by what it computes; or, for a new one, by models, suites and time.

    Raises OSError when a new one cannot be made.
    """
    if options.name:
        return options.out / options.name
    earlier = None if options.fresh else find_run(options.out, header["identity"])
    if earlier:
        return earlier
    digest = sha256(json.dumps(header["identity"], sort_keys=True).encode()).hexdigest()[:8]

    def named(last: str) -> Path:
        words = re.sub(r"[^A-Za-z0-9_.+-]+", "-", "_".join([*options.model, *suites, last]))
        return options.out / words[-LONGEST_NAME:].strip("-.")

    if world.size > 1:  # they must come to the same name, and do not start in the same second
        return named(digest)
    time = datetime.fromisoformat(header["start"]).strftime("%Y%m%d-%H%M%S")
    try:
        named(time).mkdir(parents=True)
    except FileExistsError:  # another run started in the same second
        return named(f"{time}-{digest}")
    return named(time)


def find_run(out: Path, identity: Mapping[str, Any]) -> Path | None:
    """Find the newest run below `out` with the same identity: the one that the same command started."""
    wanted = json.loads(json.dumps(identity))
    same = []
    for path in out.glob(f"*/{HEADER}"):
        try:
            header = read_header(path.parent)
        except RunError as error:  # somebody else's damaged run is no reason not to run
            logging.getLogger(__name__).warning("%s", error)
            continue
        if header["identity"] == wanted:
            same.append((header["start"], path.parent))
    return max(same)[1] if same else None


def _refuse_strangers(folder: Path) -> None:
    """Raise UsageError for a folder of something else than a run, or one that was just to begin."""
    if not folder.exists() or (folder / HEADER).exists():
        return
    if any(path.name != RECORDS and path.suffix not in (".claim", ".tmp") for path in folder.iterdir()):
        raise UsageError(f"{folder} is not a run; --fresh leaves it alone, choose another --name")


def _discard(folder: Path) -> None:
    """Remove the records of the run in `folder`; its header stays until a new one takes its place.

    Without any the folder would be a stranger's, if the process died in between. Raises OSError.
    """
    for part_folder in (RECORDS, FAILURES):
        if (folder / part_folder).exists():
            shutil.rmtree(folder / part_folder)
