"""How far a run is, on standard error: one bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress(total: int, done: int, *, shown: bool = True) -> Iterator[Callable[[int], object]]:
    """Yield a function to be called with the number of records just made.

    total, done: records of the whole run, and those that an earlier call made. shown: whether anybody looks.
    """
    if not shown:
        yield lambda _count: None
        return
    if sys.stderr.isatty():
        with tqdm(total=total, initial=done, unit="record", dynamic_ncols=True, smoothing=0.1) as bar:
            yield bar.update
        return
    yield _lines(total, done)


def _lines(total: int, done: int) -> Callable[[int], None]:
    begun = last = time.monotonic()
    made = 0

    def advance(count: int) -> None:
        nonlocal made, last
        made += count
        now = time.monotonic()
        if made and now - last >= SECONDS_BETWEEN_LINES:
            last = now
            speed = made / (now - begun)
            left = tqdm.format_interval((total - done - made) / speed)
            line = f"{done + made:,} of {total:,} records, {speed:,.1f} a second, {left} left"
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    return advance
