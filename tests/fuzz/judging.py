"""One case: the parser is called in a folder of its own, under a time limit, and what it leaves is looked at."""

import os
import resource
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from .parser import Parser

SECONDS = 5.0  # for one case
TICKS = 10  # of the watch in that time; while the process is stopped, as by a shell's job control, it counts but one
MEMORY = 768 * 2**10  # KiB that one case may add to the most that was ever in use
OUTSIDE = Path(tempfile.gettempdir()) / f"fuzz-was-here-{os.getpid()}"  # what hostile inputs try to write
PACKAGES = tuple(f"/{name}/" for name in ("robustness", "datasets", "reports", "pit"))


class TooSlowError(BaseException):
    """A case took too long; no handler of the parser's may catch it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended. step: what was reached, or the function that said no. problem: empty if all is well."""

    refused: bool
    step: str
    seconds: float
    problem: str = ""


def judge(parser: Parser, value: Any, room: Path) -> Outcome:
    """Call the parser with one input. room: an empty folder, left empty but for a cache."""
    folder = room / "case"
    folder.mkdir()
    peak, start, worked = _peak(), time.perf_counter(), time.process_time()
    refused, problem = False, ""
    try:
        with _limited(), warnings.catch_warnings():
            warnings.simplefilter("error")
            step = parser.call(value, folder)
    except parser.refusals as error:
        refused, step = True, _place(error)
        problem = _said_badly(str(error), parser.lines)
    except (Exception, TooSlowError, SystemExit) as error:  # noqa: BLE001 (whatever it is, it is a defect)
        step = _place(error)
        problem = f"{type(error).__name__}: {error}"[:300]
    seconds = time.perf_counter() - start
    if time.process_time() - worked > SECONDS:  # in one call of a library, where the watch does not tick
        problem = problem or f"worked for more than {SECONDS} s"
    shutil.rmtree(folder)
    if left := [path.name for path in room.iterdir() if path.name != "cache"] + [OUTSIDE.name] * OUTSIDE.exists():
        problem = problem or f"wrote outside of its folder: {left}"
        _remove(OUTSIDE)
    if (grown := _peak() - peak) > MEMORY:
        problem = problem or f"took {grown // 1024} MiB of memory"
    return Outcome(refused, step, seconds, problem)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _said_badly(message: str, lines: int) -> str:
    if not message.strip():
        return "refused without a word"
    return f"refused in {message.count(chr(10)) + 1} lines: {message[:300]!r}" if message.count("\n") >= lines else ""


def _place(error: BaseException) -> str:
    """Name the innermost function of the product that the error came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if any(name in f.filename for name in PACKAGES)]
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    return f"{Path(own[-1].filename).stem}.{own[-1].name}:{own[-1].lineno}" if own else "elsewhere"


@contextmanager
def _limited() -> Iterator[None]:
    ticks = 0

    def tick(_number: int, _frame: FrameType | None) -> None:
        nonlocal ticks
        ticks += 1
        if ticks == TICKS:
            raise TooSlowError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, SECONDS / TICKS, SECONDS / TICKS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
