"""Refreshing the report of a run that goes on: when it is due, what it may cost, and that it never ends a run."""

import pytest

from robustness.errors import RunError
from robustness.watching import INTERVAL, SHARE, Watched


class Clock:
    """A clock that stands still unless it is told how much time passes."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watched(clock: Clock, cost: float, records: int = 0) -> tuple[Watched, list[float]]:
    """Watch a run whose refreshes take `cost` seconds a record; returns what notes when they were."""
    times: list[float] = []
    made = [records]

    def refresh() -> None:
        times.append(clock.now)
        clock.now += cost * made[0]

    return Watched(refresh, lambda count: made.append(made.pop() + count), records, clock=clock), times


def test_a_cheap_refresh_comes_at_intervals_and_not_before() -> None:
    clock = Clock()
    advance, times = watched(clock, 0.0)
    for _ in range(100):
        clock.now += INTERVAL / 10
        advance(1)
    assert len(times) == 10
    assert times[0] == pytest.approx(100 + INTERVAL)


@pytest.mark.parametrize("speed", [10, 1000, 20_000])
@pytest.mark.parametrize("cost", [1e-6, 1e-5, 1e-4])
def test_refreshes_take_their_share_and_no_more(speed: int, cost: float) -> None:
    clock = Clock()
    advance, times = watched(clock, cost)
    spent = working = 0.0
    for _ in range(5000):
        clock.now += 10
        working += 10
        advance(10 * speed)
    spent = clock.now - 100 - working
    assert spent <= 1.1 * SHARE * working + (cost > 1e-5) * cost * 10 * speed * INTERVAL
    assert times or cost * speed >= SHARE / 2


def test_many_records_of_an_earlier_call_make_the_first_refresh_wait() -> None:
    clock = Clock()
    advance, times = watched(clock, 1e-5, records=10_000_000)
    clock.now += 2 * INTERVAL
    advance(1)
    assert not times
    clock.now += 10_000
    advance(1)
    assert times


@pytest.mark.parametrize("error", [RunError("a part is damaged"), OSError("disk full")])
def test_a_refresh_that_fails_is_logged_and_the_run_goes_on(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    clock, told = Clock(), []

    def refresh() -> None:
        raise error

    advance = Watched(refresh, told.append, 0, clock=clock)
    clock.now += 2 * INTERVAL
    advance(3)
    assert told == [3]
    assert str(error) in caplog.text
