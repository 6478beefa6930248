"""Where the time goes: seconds by what was being done, each second counted once, however the work is nested."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")


class Stopwatch:
    """Adds up seconds under names, thread by thread; off, as by default, it costs next to nothing.

    device: waited for at every start and stop, so that its work is counted where it is asked for; None if off. That
    keeps a GPU from working ahead, and makes it slower.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self._own = threading.local()
        self._lock = threading.Lock()

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """Count what happens in the context under `name`, less what contexts within it count."""
        return nullcontext() if self.device is None else self._measured(name)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def waiting(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, and count under `name` the time until each is there."""
        iterator = iter(items)
        while True:
            with self(name):
                coming = list(islice(iterator, 1))
            if not coming:
                return
            yield coming.pop()

    def report(self, wall: float) -> str:
        """List names and seconds, the longest first. wall: seconds in all."""
        longest = sorted(self.seconds.items(), key=lambda item: -item[1])
        rows = [f"{name:<36}{seconds:>10.1f} s{seconds / wall:>8.1%}" for name, seconds in longest]
        return "\n".join([f"where {wall:.1f} s went (threads work at the same time, so it may add up to more):", *rows])

    @contextmanager
    def _measured(self, name: str) -> Iterator[None]:
        within: list[float] = self._own.__dict__.setdefault("within", [])
        start = self._now()
        within.append(0.0)
        try:
            yield
        finally:
            took = self._now() - start
            self.add(name, took - within.pop())
            if within:
                within[-1] += took

    def _now(self) -> float:
        if self.device is not None and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
