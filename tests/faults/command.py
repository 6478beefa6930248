"""The command in processes that can be killed: each is forked from one that has imported everything, so it starts fast.

What a run needs to be disturbed for long enough, without a slow model: a network that knows the 20 photographs, and
chunks of a few samples.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

KEYS = ["model", "suite", "condition", "severity", "sample_id"]
ROUNDED = ("confidence", "linf", "l2")  # sums of floats, which another order of summation changes in the last digits
PATIENCE = 300.0  # seconds until a process that does nothing counts as stuck; machines are busy at times

NETWORK = '''"""The nearest of the 20 photographs, seen at 14 x 14: fast, and right about every one of them."""
import datasets
import torch
from torch import nn

def build():
    (batch,) = datasets.load(datasets.open_sample(), [datasets.View(256, 224, "bilinear")])
    pool = nn.Sequential(nn.AvgPool2d(16), nn.Flatten())
    seen = pool(batch.views[0] / 255 * 2 - 1)
    linear = nn.Linear(seen.shape[1], 1000)
    linear.weight.data.zero_()
    linear.bias.data.fill_(-1e4)
    for label, picture in zip(batch.labels, seen):  # one by one: two show the same thing
        linear.weight.data[label] = picture / 20
        linear.bias.data[label] = -picture.square().sum() / 40
    net = nn.Sequential(*pool, linear)
    net.pretrained_cfg = {
        "input_size": 224, "crop_pct": 0.875, "interpolation": "bilinear", "mean": (0.5,) * 3, "std": (0.5,) * 3
    }
    return net
'''
Change = Callable[[], object]  # something done to a process before the command begins


@dataclass(frozen=True, slots=True)
class Chunks:
    """Store so many samples together."""

    size: int = 4

    def __call__(self) -> None:
        from robustness import engine

        engine.CHUNK_SIZE = self.size


def network(folder: Path) -> str:
    """Write the network's file, and return its spec."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.py").write_text(NETWORK)
    return f"{folder / 'network.py'}:build"


@dataclass(slots=True)
class Running:
    """A process of the command, and what it said."""

    process: ForkServerProcess
    log: Path

    def send(self, number: int) -> None:
        assert self.process.pid is not None
        with suppress(ProcessLookupError):  # it was faster
            os.kill(self.process.pid, number)

    def ended(self, within: float = PATIENCE) -> int:
        """Wait for its end; returns the exit code, or minus the signal that ended it."""
        self.process.join(within)
        if self.process.exitcode is None:
            self.send(signal.SIGKILL)
            raise AssertionError(f"it did not end within {within} s: {self.said()}")
        return self.process.exitcode

    def wait_until(self, so: Callable[[], bool]) -> None:
        """Wait until something is so; the process must be alive until then."""
        deadline = time.monotonic() + PATIENCE
        while not so():
            assert self.process.is_alive(), self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.005)

    def said(self) -> str:
        return self.log.read_text()


@dataclass(slots=True)
class Command:
    """One command that is called again and again: its words, and where its runs go; its logs lie beside that."""

    words: Sequence[object]
    out: Path
    changes: Sequence[Change] = (Chunks(),)
    logs: int = field(default=0, init=False)

    def start(self, *words: object, changes: Sequence[Change] = (), rank: int = 0, size: int = 1) -> Running:
        """Start it. words, changes: more of them. rank, size: among the processes of one run."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.logs += 1
        log = self.out.with_name(f"{self.out.name}-{self.logs}.log")  # beside: a full disk takes no word of it
        environ = {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)} if size > 1 else {}
        everything = [*map(str, (*self.words, *words)), "--out", str(self.out)]
        arguments = (everything, environ, log, (*self.changes, *changes))
        process = _context().Process(target=_begin, args=arguments, daemon=True)
        process.start()
        return Running(process, log)

    def call(self, *words: object, changes: Sequence[Change] = (), rank: int = 0, size: int = 1) -> tuple[int, str]:
        """Run it to its end; returns exit code and what it said."""
        running = self.start(*words, changes=changes, rank=rank, size=size)
        return running.ended(), running.said()

    @property
    def run(self) -> Path:
        (run,) = (path.parent for path in self.out.glob("*/run.json"))
        return run

    def parts(self) -> list[Path]:
        return sorted(self.out.glob("*/records/*.parquet"))

    def wait_for_parts(self, count: int, running: Running) -> None:
        """Wait until so many parts lie on the disk."""
        running.wait_until(lambda: len(self.parts()) >= count)


def records(run: Path) -> pd.DataFrame:
    """Read a run's records in an order of their own, and check that none is there twice."""
    table: pd.DataFrame = pq.read_table(run / "records").to_pandas().sort_values(KEYS, ignore_index=True)
    assert not table.duplicated(KEYS).any()
    return table


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, rounding: float = 0.0) -> None:
    """Compare records: all equal, but for so much rounding of floats."""
    rounded = [name for name in ROUNDED if name in expected]
    pd.testing.assert_frame_equal(found.drop(columns=rounded), expected.drop(columns=rounded))
    for name in rounded:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=rounding, err_msg=name)


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["evaluate_robustness"])
    return context


def _begin(words: list[str], environ: Mapping[str, str], log: Path, changes: Sequence[Change]) -> None:
    import evaluate_robustness

    os.environ.update(environ)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    for change in changes:
        change()
    sys.exit(evaluate_robustness.main(words))
