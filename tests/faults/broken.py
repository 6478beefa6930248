"""What breaks: disks that are slow, full or failing. Each is put into a process before the command begins in it."""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """Whoever waits for the disk waits so many seconds."""

    seconds: float = 0.3

    def __call__(self) -> None:
        sync = os.fsync

        def slow(descriptor: int) -> None:
            time.sleep(self.seconds)
            sync(descriptor)

        os.fsync = slow


@dataclass(frozen=True, slots=True)
class FailingSync:
    """From the `after`th time on, the disk fails when it is to confirm: EIO, ENOSPC."""

    code: int
    after: int

    def __call__(self) -> None:
        os.fsync = _failing(os.fsync, self.after, self.code)


@dataclass(frozen=True, slots=True)
class FailingRename:
    """From the `after`th time on, no file can be renamed."""

    code: int
    after: int

    def __call__(self) -> None:
        Path.replace = _failing(Path.replace, self.after, self.code)  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class SmallFiles:
    """From the `after`th time that something is written down, no file may become longer than so many bytes.

    The kernel's own refusal: Python ignores its signal, so that what is written ends with EFBIG.
    """

    size: int
    after: int

    def __call__(self) -> None:
        sync, calls = os.fsync, 0

        def limiting(descriptor: int) -> None:
            nonlocal calls
            calls += 1
            if calls == self.after:
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))
            sync(descriptor)

        os.fsync = limiting


@dataclass(frozen=True, slots=True)
class ShortLease:
    """A process that shows no sign of life for so many seconds counts as dead."""

    seconds: float

    def __call__(self) -> None:
        from robustness import runs
        from robustness.claims import Claims

        runs.Claims = lambda folder: Claims(folder, self.seconds)  # type: ignore[assignment, misc]


@dataclass(frozen=True, slots=True)
class SlowModel:
    """Every batch takes so many seconds longer."""

    seconds: float

    def __call__(self) -> None:
        from robustness.interrupts import Stop

        between = Stop.between_batches

        def slow(stop: Stop, classifier: Callable[[Any], Any]) -> Callable[[Any], Any]:
            classify = between(stop, classifier)

            def classify_slowly(images: Any) -> Any:
                time.sleep(self.seconds)
                return classify(images)

            return classify_slowly

        Stop.between_batches = slow  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class LongBatch:
    """Every batch but the first 20 takes so many seconds longer; `begun` is there once one has begun.

    threads: of torch; with more than one a CPU's batches are shared by lanes.
    """

    seconds: float
    begun: Path
    threads: int

    def __call__(self) -> None:
        import torch

        from robustness.interrupts import Stop

        torch.set_num_threads(self.threads)
        between, calls = Stop.between_batches, count()

        def slow(stop: Stop, classifier: Callable[[Any], Any]) -> Callable[[Any], Any]:
            classify = between(stop, classifier)

            def classify_slowly(images: Any) -> Any:
                if next(calls) >= 20:
                    self.begun.touch()
                    time.sleep(self.seconds)
                return classify(images)

            return classify_slowly

        Stop.between_batches = slow  # type: ignore[method-assign]


def _failing(do: Callable[..., Any], after: int, code: int) -> Callable[..., Any]:
    calls = 0

    def fail(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= after:
            raise OSError(code, os.strerror(code))
        return do(*arguments)

    return fail
