"""A clock that stands still unless a test moves it."""


class Clock:
    """Seconds in `now`, to be called as `time.monotonic` is."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now
