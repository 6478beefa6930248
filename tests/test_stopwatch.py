"""Every second is counted once, under the name of what was being done."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from clock import Clock

from robustness.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr("robustness.stopwatch.time.perf_counter", clock)
    yield clock


def test_nested_seconds_are_counted_once(clock: Clock) -> None:
    watch = Stopwatch(torch.device("cpu"))
    with watch("outer"):
        clock.now += 1
        with watch("middle"):
            clock.now += 2
            with watch("inner"):
                clock.now += 4
            clock.now += 8
        clock.now += 16
        with watch("inner"):
            clock.now += 32
    assert watch.seconds == {"outer": 17, "middle": 10, "inner": 36}
    assert sum(watch.seconds.values()) == clock.now - 100


def test_an_error_does_not_upset_the_count(clock: Clock) -> None:
    watch = Stopwatch(torch.device("cpu"))
    with watch("outer"):
        with pytest.raises(RuntimeError, match="wrong"), watch("inner"):
            clock.now += 1
            raise RuntimeError("wrong")
        clock.now += 2
    assert watch.seconds == {"inner": 1, "outer": 2}


def test_threads_do_not_nest_in_each_other() -> None:
    watch = Stopwatch(torch.device("cpu"))

    def write() -> None:
        with watch("write"):
            time.sleep(0.05)

    with watch("compute"):
        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert watch.seconds["compute"] >= 0.04  # the writers' time is not taken off it
    assert watch.seconds["write"] >= 0.08  # a sleep may be a little short


def test_off_it_looks_at_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> float:
        raise AssertionError("somebody looked at the clock")

    monkeypatch.setattr("robustness.stopwatch.time.perf_counter", look)
    watch = Stopwatch()
    with watch("anything"), watch("within"):
        pass
    assert watch.seconds == {}


def test_off_it_costs_next_to_nothing() -> None:
    watch, start = Stopwatch(), time.process_time()
    for _ in range(10_000):
        with watch("anything"):
            pass
    assert time.process_time() - start < 0.5  # 50 microseconds each, where a batch takes 100,000


def test_the_report_begins_with_the_longest() -> None:
    watch = Stopwatch(torch.device("cpu"))
    watch.add("short", 1.0)
    watch.add("long", 2.0)
    watch.add("long", 5.0)
    head, *rows = watch.report(10.0).splitlines()
    assert head.startswith("where 10.0 s went")
    assert [row.split() for row in rows] == [["long", "7.0", "s", "70.0%"], ["short", "1.0", "s", "10.0%"]]
