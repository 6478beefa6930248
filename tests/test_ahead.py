"""Making the next thing while the last one is used."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from robustness.ahead import Ahead


@pytest.mark.parametrize("beside", [False, True])
def test_things_come_in_order_and_each_is_made_once(beside: bool) -> None:
    made: list[int] = []

    def make(item: int) -> int:
        made.append(item)
        return 10 * item

    with ThreadPoolExecutor(1) as pool:
        ahead: Ahead[int, int] = Ahead(pool if beside else None)
        assert list(ahead.in_order(make, [1, 2, 3], then=4)) == [10, 20, 30]
        assert list(ahead.in_order(make, [4, 5])) == [40, 50]
    assert made == [1, 2, 3, 4, 5]


def test_the_next_is_made_while_one_is_used() -> None:
    begun = [threading.Event() for _ in range(3)]

    def make(item: int) -> int:
        begun[item].set()
        return item

    with ThreadPoolExecutor(1) as pool:
        things = Ahead(pool).in_order(make, [0, 1], then=2)
        assert next(things) == 0
        assert begun[1].wait(5)
        assert not begun[2].is_set()
        assert next(things) == 1
        assert begun[2].wait(5)


def test_what_was_begun_for_nothing_is_dropped() -> None:
    with ThreadPoolExecutor(1) as pool:
        ahead: Ahead[int, str] = Ahead(pool)
        assert list(ahead.in_order(str, [1], then=2)) == ["1"]
        assert list(ahead.in_order(str, [7, 8])) == ["7", "8"]


def test_an_error_comes_with_the_thing_that_it_is_of() -> None:
    with ThreadPoolExecutor(1) as pool:
        things = Ahead(pool).in_order(lambda item: 1 // item, [1, 0])
        assert next(things) == 1
        with pytest.raises(ZeroDivisionError):
            next(things)
