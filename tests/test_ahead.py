"""Making the next thing while the last one is used."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from robustness.ahead import in_order


@pytest.mark.parametrize("ahead", [1, 2, 9])
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_things_come_in_order_and_each_is_made_once(threads: int, ahead: int) -> None:
    made: list[int] = []

    def make(item: int) -> int:
        made.append(item)
        return 10 * item

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        assert list(in_order(pool if threads else None, make, range(5), ahead)) == [0, 10, 20, 30, 40]
        assert list(in_order(pool if threads else None, make, [], ahead)) == []
    assert sorted(made) == [0, 1, 2, 3, 4]


def test_as_many_are_made_ahead_as_was_asked_for() -> None:
    begun, drawn = [threading.Event() for _ in range(4)], []

    def make(item: int) -> int:
        begun[item].set()
        return item

    def items() -> Iterator[int]:
        for item in range(4):
            drawn.append(item)
            yield item

    with ThreadPoolExecutor(1) as pool:
        things = in_order(pool, make, items(), 2)
        assert next(things) == 0
        assert begun[2].wait(5) and drawn == [0, 1, 2]
        assert next(things) == 1
        assert begun[3].wait(5) and drawn == [0, 1, 2, 3]


def test_an_error_comes_with_the_thing_that_it_is_of_and_spares_the_rest() -> None:
    made = []

    def make(item: int) -> float:
        made.append(item)
        return 1 / item

    with ThreadPoolExecutor(1) as pool:
        things = in_order(pool, make, [1, 0, *range(2, 50)], 40)
        assert next(things) == 1
        with pytest.raises(ZeroDivisionError):
            next(things)
        assert len(made) < 50
        assert list(in_order(pool, str, [7])) == ["7"]


def test_who_asks_no_more_is_waited_for() -> None:
    begun, release, ended = threading.Event(), threading.Event(), []

    def make(item: int) -> int:
        if item == 1:
            begun.set()
            release.wait(5)
        ended.append(item)
        return item

    with ThreadPoolExecutor(1) as pool:
        things = in_order(pool, make, range(9), 3)
        assert next(things) == 0
        assert begun.wait(5)
        threading.Timer(0.02, release.set).start()
        things.close()  # type: ignore[attr-defined]
        assert ended == [0, 1]
