"""What figures cost after the last forward pass: folding the records of ImageNet-C, and the bootstrap alone.

    python -m benchmarks.metrics [--images 50000] [--models 2] [--resamples 10000] [--rounds 5]

Folding is measured once, in a process of its own: processor seconds, seconds, memory before (which holds the records)
and at most. Records are as the store gives them, or with names as categories. The bootstrap is of per-image errors
under 15 corruptions and clean. Its peers, plain numpy indexing and scipy.stats.bootstrap, draw the same images for all
columns too; as they would take long, all three make fewer resamples of fewer images there, in turns A B C A B C …, and
a ratio is the median of the rounds' ratios of processor time.
"""

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
from scipy.special import expit

from robustness.metrics import fold
from robustness.metrics.alexnet import SEVERITIES, STANDARD
from robustness.metrics.statistics import Array, bootstrap_means

from .forward import processor, ratio, spread

CONDITIONS: list[tuple[str, int | None]] = [("clean", None), *product(STANDARD, SEVERITIES)]


def records(images: int, models: int, *, categories: bool) -> pd.DataFrame:
    """Make up records of ImageNet-C and of the clean images: difficulty is the image's, the rest is chance."""
    rng = np.random.default_rng(0)
    difficulty = rng.standard_normal(images)
    cells = [(f"model{model}", *condition) for model in range(models) for condition in CONDITIONS]
    margins = np.concatenate(
        [0.8 - 0.3 * (severity or 0) + difficulty + 0.5 * rng.standard_normal(images) for _, _, severity in cells]
    )
    ids = pd.Series([f"n{index % 1000:08d}/ILSVRC2012_val_{index:08d}.JPEG" for index in range(images)], dtype="str")
    columns = {
        "model": np.repeat([model for model, _, _ in cells], images),
        "suite": np.repeat(["imagenet-c" if severity else "imagenet" for _, _, severity in cells], images),
        "dataset": np.repeat(["imagenet"], len(margins)),
        "condition": np.repeat([name for _, name, _ in cells], images),
        "sample_id": pd.Categorical.from_codes(np.tile(np.arange(images), len(cells)), ids),
    }
    frame = pd.DataFrame({name: pd.Categorical(column) for name, column in columns.items()})
    return frame.astype("category" if categories else "str").assign(
        severity=pd.array([severity for _, _, severity in cells], "Int8").repeat(images),
        label=np.tile(np.arange(images) % 1000, len(cells)).astype("int16"),
        pred=np.int16(0),
        confidence=expit(margins).astype("float32"),
        correct=margins > 0,
        correct5=margins > -1,
        clean_correct=None,
        success=None,
    )


def memory(what: str) -> float:
    """Read what Linux says of this process's memory, GB: VmRSS, what it holds, or VmHWM, the most that it held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1e6


def cost(name: str, work: Callable[[], object]) -> str:
    """Run once; returns a row of the table."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the most that was held so far
    before, start, wall = memory("VmRSS"), time.process_time(), time.perf_counter()
    work()
    used, waited = time.process_time() - start, time.perf_counter() - wall
    return f"| {name} | {used:.1f} | {waited:.1f} | {before:.2f} | {memory('VmHWM'):.2f} |"


def errors(images: int) -> Array:
    """Draw per-image errors under 15 corruptions and clean: float64 [images, 16]."""
    values = np.random.default_rng(0).binomial([*[5] * len(STANDARD), 1], 0.4, (images, len(STANDARD) + 1))
    return values.astype("float64")


def by_indexing(values: Array, resamples: int) -> Array:
    """Resample as a loop over numpy's indexing does."""
    rng = np.random.default_rng(0)
    return np.stack([values[rng.integers(len(values), size=len(values))].mean(axis=0) for _ in range(resamples)])


def by_scipy(values: Array, resamples: int) -> Array:
    """Resample as SciPy does, in batches that fit into memory."""
    found = scipy.stats.bootstrap((values,), np.mean, n_resamples=resamples, batch=20, method="percentile", rng=0)
    distribution: Array = found.bootstrap_distribution
    return distribution


def peers(rounds: int, images: int = 10_000, resamples: int = 200) -> None:
    """Print how the bootstrap compares."""
    values = errors(images)
    contenders: dict[str, Callable[[], Array]] = {
        "`bootstrap_means`": lambda: bootstrap_means(values, resamples, seed=0),
        "numpy indexing": lambda: by_indexing(values, resamples),
        "scipy.stats.bootstrap": lambda: by_scipy(values, resamples),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for index in range(rounds + 1):
        for name, contender in contenders.items():
            start = time.process_time()
            contender()
            if index:
                seconds[name].append(1e6 * (time.process_time() - start) / resamples)
    print(f"\n| {images} images, {resamples} resamples | processor µs a resample | / ours |\n|---|---|---|")
    ours = next(iter(seconds.values()))
    for name, own in seconds.items():
        print(f"| {name} | {spread(own)} | {ratio(own, ours)} |", flush=True)


def main() -> None:
    """Measure, and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", choices=("bootstrap", "fold", "fold-categories"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    images, models, resamples = options.images, options.models, options.resamples
    rows = models * len(CONDITIONS) * images
    if options.alone == "bootstrap":
        values = errors(images)
        work = lambda: [bootstrap_means(values, resamples, seed=0) for _ in range(models)]  # noqa: E731
        print(cost(f"bootstrap alone, {models} times {images} images, {resamples} resamples", work))
    elif options.alone:
        frame = records(images, models, categories=options.alone == "fold-categories")
        name = f"fold, {rows} records{' with names as categories' if options.alone == 'fold-categories' else ''}"
        print(cost(name, lambda: fold(frame, seed=0, resamples=resamples)))
    else:
        print(
            f"Figures from records. {datetime.now(UTC):%Y-%m-%d}, {processor()}, Python {platform.python_version()}, "
            f"numpy {np.__version__}, pandas {pd.__version__}, SciPy {scipy.__version__}.\n\n| what | processor s | s "
            "| memory before, GB | at most, GB |\n|---|---|---|---|---|",
            flush=True,
        )
        for alone in ("bootstrap", "fold", "fold-categories"):
            command = [sys.executable, "-m", "benchmarks.metrics", *sys.argv[1:], "--alone", alone]
            subprocess.run(command, check=True)  # noqa: S603
        peers(options.rounds)


if __name__ == "__main__":
    main()
