"""Lanes: threads that work through a batch side by side, each on images of its own, from pixels to logits.

On a CPU this keeps all processors busy where one operation spread over them does not: between operations, in those that
torch does not spread, and while one image is drawn or stored as JPEG.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Self, TypeVar

import torch

from .stopwatch import Stopwatch

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        size = batch_size
        if self.count > 1 and images:
            size = -(-images // (-(-images // batch_size) * self.count))
        return [slice(start, start + size) for start in range(0, images, size)]

    def share(self, batch_size: int) -> int:
        """Return the most images of a batch that a lane takes."""
        return -(-batch_size // self.count)

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Do `work` for each item; returns the results in order. One alone has the caller's thread and all of torch's.

        Not to be called in a lane. Raises what the first of the items to fail raised, when no lane is at work any more.
        """
        if self._pool is None or len(items) < 2:
            return [work(item) for item in items]
        coming = [self._pool.submit(self._measured, work, item) for item in items]
        with self._stopwatch("wait for lanes"):
            for late in wait(coming, return_when=FIRST_EXCEPTION).not_done:
                late.cancel()
            wait(coming)
        return [each.result() for each in coming]

    def _measured(self, work: Callable[[Item], Result], item: Item) -> Result:
        with self._stopwatch("backward, and else in lanes"):
            return work(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self._threads)  # a lane's share is torch's default by now
