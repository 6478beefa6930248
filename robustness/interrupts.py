"""Stopping between two batches when asked to: Ctrl-C, a terminal that closes, SLURM's notice before it kills."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from torch import Tensor

from .classifier import Classifier

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """Somebody asked the run to stop."""


class Stop:
    """Whether somebody asked."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Raise Interrupted if so."""
        if self.asked:
            raise Interrupted

    def between_batches(self, classifier: Classifier) -> Classifier:
        """Make a classifier that does not begin a batch once asked to stop."""

        def classify(images: Tensor) -> Tensor:
            self.check()
            return classifier(images)

        return classify


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Note signals instead of dying of them, while the context lasts; the second one does not wait for the batch.

    Where lanes share a batch, their passes in flight end first: a thread cannot be stopped.

    Outside the main thread, where Python allows no handlers, signals keep their meaning.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        if stop.asked:
            raise Interrupted
        stop.asked = True

    # what a caller such as nohup has said to ignore stays ignored
    minded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in minded}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
