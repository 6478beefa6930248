"""Making the next thing while the last one is used: a thread that is one step ahead."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class Ahead(Generic[Item, Made]):
    """Makes things in order, in the pool's thread, the next one while the one before is used.

    pool: of one thread; None to make each thing when it is asked for, in the caller's own.
    """

    def __init__(self, pool: Executor | None) -> None:
        self._pool = pool
        self._begun: tuple[Item, Future[Made]] | None = None

    def in_order(self, make: Callable[[Item], Made], items: Sequence[Item], then: Item | None = None) -> Iterator[Made]:
        """Yield what is made of each item. then: an item to begin with at the end, for the call that starts with it.

        make: the same at every call. It is not kept, as it often belongs to whoever keeps this.
        """
        following = [*items[1:], then]
        for item, coming in zip(items, following, strict=True):
            begun, self._begun = self._begun, None
            if self._pool is None:
                yield make(item)
                continue
            made = begun[1] if begun and begun[0] == item else self._pool.submit(make, item)
            if coming is not None:
                self._begun = coming, self._pool.submit(make, coming)
            yield made.result()
