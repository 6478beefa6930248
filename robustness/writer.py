"""Writing beside computing: a thread that puts finished parts on the disk while the next one is made."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

AHEAD = 2  # parts that may wait for the disk


class Writer:
    """Does what it is given, one after the other, in a thread of its own; at the end of the context all is done.

    What goes wrong there is raised by the next `submit`, or at the end.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if error is None:
            self._settle(0)

    def submit(self, write: Callable[[], None]) -> None:
        """Have something written; waits while more than AHEAD are waiting."""
        self._settle(AHEAD)
        self._waiting.append(self._pool.submit(write))

    def _settle(self, left: int) -> None:
        while len(self._waiting) > left or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()
