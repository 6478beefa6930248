"""Taking turns, A B C … A B C …, so that whatever else the machine does meets all alike; and the clocks of a turn."""

import os
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

Turn = TypeVar("Turn")
Name = TypeVar("Name")


def take_turns(
    contenders: Mapping[Name, Callable[[], Turn]], rounds: int, *, warm_up: bool = True
) -> dict[Name, list[Turn]]:
    """Let all contenders work once in every round; returns what their turns returned, without those that warm up."""
    turns: dict[Name, list[Turn]] = {name: [] for name in contenders}
    for index in range(rounds + warm_up):
        for name, work in contenders.items():
            turn = work()
            if index >= warm_up:
                turns[name].append(turn)
    return turns


class Clock:
    """Seconds of wall time and of processor time since it was made, the latter with those of finished workers."""

    def __init__(self) -> None:
        self.start, self.used = time.perf_counter(), sum(os.times()[:4])

    def __call__(self) -> tuple[float, float]:
        """Return both."""
        return time.perf_counter() - self.start, sum(os.times()[:4]) - self.used


def wall(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def used(work: Callable[[], object]) -> float:
    """Return the seconds of this process's processor time that `work` takes: neighbours count for little."""
    start = time.process_time()
    work()
    return time.process_time() - start
