"""How far a download is, on standard error: one bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30.0
# (file, bytes in all if known, bytes that are there) → a block whose value is to be called with the bytes just added
Progress = Callable[[str, int | None, int], AbstractContextManager[Callable[[int], object]]]


def silent(_file: str, _total: int | None, _done: int) -> AbstractContextManager[Callable[[int], object]]:
    """Show nothing."""
    return nullcontext(lambda _count: None)


@contextmanager
def shown(file: str, total: int | None, done: int) -> Iterator[Callable[[int], object]]:
    """Show a bar or, where standard error is no terminal, lines."""
    if sys.stderr.isatty():
        with tqdm(desc=file, total=total, initial=done, unit="B", unit_scale=True, dynamic_ncols=True) as bar:
            yield bar.update
        return
    yield _lines(file, total, done)


def _lines(file: str, total: int | None, done: int) -> Callable[[int], None]:
    begun = last = time.monotonic()
    added = 0

    def advance(count: int) -> None:
        nonlocal added, last
        added += count
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            speed = added / (now - begun)
            whole = "" if total is None else f" of {in_units(total)}"
            left = "" if total is None else f", {tqdm.format_interval((total - done - added) / speed)} left"
            line = f"{file}: {in_units(done + added)}{whole}, {in_units(int(speed))}/s{left}"
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    return advance


def in_units(size: int | None) -> str:
    """Write a number of bytes for people: 688MB."""
    return "unknown size" if size is None else str(tqdm.format_sizeof(size, "B"))
