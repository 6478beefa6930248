"""Lanes: threads that work through a batch side by side, each on images of its own, from pixels to logits.

On a CPU this keeps all processors busy where one operation spread over them does not: between operations, in those that
torch does not spread, and while one image is drawn or stored as JPEG.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import Self, TypeVar

import torch

from .ahead import in_order
from .stopwatch import Stopwatch

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # pieces of work that wait for each lane


class Lanes:
    """`count` threads of as many torch threads as there are for each; with count 1 the caller's own thread.

    A context, at whose end the threads end. Modes such as `torch.no_grad` belong to a thread: enter them in the work.
    stopwatch: told what the threads take, and what the caller waits for them.
    """

    def __init__(self, count: int = 1, stopwatch: Stopwatch | None = None) -> None:
        self.count, self._threads = count, torch.get_num_threads()
        self._pool, self._stopwatch = None, stopwatch or Stopwatch()
        if count > 1:
            share = max(self._threads // count, 1)
            self._pool = ThreadPoolExecutor(count, "lane", initializer=lambda: torch.set_num_threads(share))

    def slices(self, images: int, batch_size: int) -> list[slice]:
        """Cut that many images in batches; of several lanes, each takes about the same share of each batch."""
        if self.count == 1:
            return [slice(start, start + batch_size) for start in range(0, images, batch_size)]
        return _evenly(images, -(-images // batch_size) * self.count)

    def shares(self, images: int, batch_size: int) -> list[slice]:
        """Cut that many images in as few pieces as can be, for lanes that have other work beside: see `share`."""
        if self.count == 1:
            return self.slices(images, batch_size)
        return _evenly(images, -(-images // self.share(batch_size)))

    def share(self, batch_size: int) -> int:
        """Return the most images of a batch that a lane takes."""
        return -(-batch_size // self.count)

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Do `work` for each item; returns the results in order. Raises as `in_order`."""
        return list(self.in_order(work, items))

    def in_order(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results of `work` in the order of the items, which are drawn as lanes come to need them.

        One item alone has the caller's thread and all of torch's. Not to be called in a lane. Raises what the first of
        the items to fail raised, when no lane is at work any more.
        """
        rest = iter(items)
        first = list(islice(rest, 2))
        if self._pool is None or len(first) < 2:
            yield from map(work, chain(first, rest))
            return
        done = in_order(self._pool, partial(self._measured, work), chain(first, rest), AHEAD * self.count)
        yield from self._stopwatch.waiting("wait for lanes", done)

    def _measured(self, work: Callable[[Item], Result], item: Item) -> Result:
        with self._stopwatch("backward, and else in lanes"):
            return work(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self._threads)  # a lane's share is torch's default by now


def _evenly(images: int, pieces: int) -> list[slice]:
    """Cut in at most that many pieces of one size, the last one shorter."""
    size = -(-images // max(pieces, 1))
    return [slice(start, start + size) for start in range(0, images, size or 1)]
