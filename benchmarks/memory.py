"""How much memory a run takes by the number of its samples: it should not depend on it.

    python -m benchmarks.memory [1000 10000 50000] [--quick]

Each number is a run of its own of a very small model on so many small photographs, clean and attacked once; the peer is
the run with the first number. While computing, resident memory is that of the second half of the run; the peak is the
run's own, reports included. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from PIL import Image

import datasets

from . import small_network
from .comparison import Comparison, script

SIDE = 64  # pixels; decoding takes little time then, and no memory worth counting
ROOT = Path(__file__).parents[1]
FLAGS = {"counts": {"type": int, "nargs": "*", "default": [1000, 10_000, 50_000], "help": "of samples"}}
QUICK = {"counts": [500, 2000]}


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a run in MiB: before its first part, while computing, at its highest. seconds: it took."""

    ready: float
    computing: float
    peak: float
    seconds: float


def lay_out(folder: Path, count: int) -> Path:
    """Lay out `count` small photographs as ImageNet's class folders: hard links to 20 files."""
    sample = datasets.open_sample()
    files = []
    for number, entry in enumerate(sample.samples):
        with Image.open(Path(sample.path) / entry.sample_id) as photograph:
            small = photograph.convert("RGB").resize((SIDE, SIDE))
        files.append(folder / f"{number}.jpg")
        small.save(files[-1])
    for number in range(count):
        target = folder / "val" / datasets.WNIDS[number % len(datasets.WNIDS)] / f"{number:08d}.JPEG"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(files[number % len(files)], target)
    return folder / "val"


def run(folder: Path, count: int) -> Memory:
    """Run the command and watch it."""
    words = ["--model", f"{small_network.__file__}:build", "--suite", "imagenet", "--attack", "fgsm", "--eps", "1/255"]
    words += ["--data", str(lay_out(folder, count)), "--formats", "csv", "--out", str(folder / "out"), "--name", "run"]
    begin, seen, ready = time.monotonic(), [], 0.0
    peak, command = 0.0, [sys.executable, str(ROOT / "evaluate_robustness.py"), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        while process.poll() is None:
            resident, highest = _status(process.pid)
            done = sum(1 for _ in folder.glob("out/run/records/*.parquet"))
            ready, peak = (ready, highest or peak) if done else (resident or ready, highest or peak)
            if resident and done > count / 256:  # two parts a chunk: the second half
                seen.append(resident)
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"the run with {count} samples ended with {process.returncode}")
    return Memory(ready, median(seen) if seen else peak, peak, time.monotonic() - begin)


def _status(pid: int) -> tuple[float, float]:
    """Return resident memory now and at its highest, in MiB; zeros for a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0.0, 0.0
    fields = dict(line.split(":", 1) for line in lines)
    return tuple(int(fields.get(name, "0 kB").split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare every run with the first."""
    first, *others = options.counts
    found = {}
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            found[count] = run(Path(folder), count)
    for count in others:
        own, few = found[count], found[first]
        note = f"{own.ready:.0f} and {few.ready:.0f} MiB before the first part; "
        note += f"{own.seconds:.0f} and {few.seconds:.0f} s"
        for what in ("computing", "peak"):
            costs = [getattr(own, what)], [getattr(few, what)]
            yield Comparison(
                f"memory, {what}", f"ours, {count} samples", f"ours, {first} samples", "MiB", *costs, note=note
            )


if __name__ == "__main__":
    script(__doc__, measure, FLAGS, QUICK)
