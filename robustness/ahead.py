"""Making things in other threads before they are asked for, and handing them over in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_order(
    pool: Executor | None, make: Callable[[Item], Made], items: Iterable[Item], ahead: int = 1
) -> Iterator[Made]:
    """Yield what is made of each item, while the pool makes things of up to `ahead` items that follow.

    Items are drawn when they are begun with. pool: None to make each thing when it is asked for, in the caller's
    thread. An error comes in the place of the thing that it is of; with it, or when the caller asks no more, what has
    not begun is dropped and what has is waited for.
    """
    if pool is None:
        yield from map(make, items)
        return
    coming: deque[Future[Made]] = deque()
    try:
        for item in items:
            coming.append(pool.submit(make, item))
            if len(coming) > ahead:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        for late in coming:
            late.cancel()
        wait(coming)
