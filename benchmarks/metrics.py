"""What figures cost after the last forward pass: folding the records of ImageNet-C, and the bootstrap alone.

    python -m benchmarks.metrics [--images 50000] [--models 2] [--resamples 10000] [--rounds 5] [--quick]

The bootstrap is of per-image errors under 15 corruptions and clean. Its peers, plain numpy indexing and
scipy.stats.bootstrap, draw the same images for all columns too; as they would take long, all three make fewer resamples
of fewer images. Folding has no peer but the bootstrap that is in it: both are measured once, each in a process of its
own, with the memory held before (the records among it) and at most. Records are as the store gives them, or with names
as categories. Linux only.
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
from scipy.special import expit

from robustness.metrics import fold
from robustness.metrics.alexnet import SEVERITIES, STANDARD
from robustness.metrics.statistics import Array, bootstrap_means

from .comparison import Comparison, script
from .turns import take_turns, used

CONDITIONS: list[tuple[str, int | None]] = [("clean", None), *product(STANDARD, SEVERITIES)]
PEERS = {
    "numpy indexing": "copies all values for every resample",
    "scipy.stats.bootstrap": "copies all values for every resample, and holds as many copies as a batch has resamples",
}
FLAGS = {
    "--images": {"type": int, "default": 50_000, "help": "whose records are folded; 0 leaves folding out"},
    "--models": {"type": int, "default": 2},
    "--resamples": {"type": int, "default": 10_000},
    "--rounds": {"type": int, "default": 5},
}
QUICK = {"images": 5000, "models": 1, "rounds": 3}
FEW_IMAGES, FEW_RESAMPLES = 10_000, 200  # of the peers


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds, and GB of resident memory before and at most."""

    seconds: float
    before: float
    most: float


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


def cost(kind: str, images: int, models: int, resamples: int) -> Cost:
    """Fold, with names as "text" or as "categories", or make the bootstraps of the models alone, "bootstrap"."""
    work: Callable[[], object]
    if kind == "bootstrap":
        values = errors(images)
        work = lambda: [bootstrap_means(values, resamples, seed=0) for _ in range(models)]  # noqa: E731
    else:
        work = partial(fold, records(images, models, categories=kind == "categories"), seed=0, resamples=resamples)
    Path("/proc/self/clear_refs").write_text("5")  # forget the most that was held so far
    before = memory("VmRSS")
    return Cost(used(work), before, memory("VmHWM"))


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


def bootstraps(rounds: int) -> Iterator[Comparison]:
    """Compare the bootstrap with its peers."""
    values, ours = errors(FEW_IMAGES), "ours, `bootstrap_means`"
    work = {
        ours: lambda: bootstrap_means(values, FEW_RESAMPLES, seed=0),
        "numpy indexing": lambda: by_indexing(values, FEW_RESAMPLES),
        "scipy.stats.bootstrap": lambda: by_scipy(values, FEW_RESAMPLES),
    }
    contenders = {name: lambda run=run: 1e6 * used(run) / FEW_RESAMPLES for name, run in work.items()}
    costs = take_turns(contenders, rounds)
    subject, unit = f"bootstrap of 16 columns of {FEW_IMAGES} images", "processor µs a resample"
    for peer, lacks in PEERS.items():
        yield Comparison(subject, ours, peer, unit, costs[ours], costs[peer], lacks)


def folding(images: int, models: int, resamples: int) -> Iterator[Comparison]:
    """Compare folding with the bootstrap in it."""
    found: dict[str, Cost] = {}
    for kind in ("bootstrap", "text", "categories"):
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            found[kind] = alone.submit(cost, kind, images, models, resamples).result()
    least = found.pop("bootstrap")
    for kind, own in found.items():
        subject = f"figures from {models * len(CONDITIONS) * images} records, names as {kind}, {resamples} resamples"
        note = f"memory {own.before:.2f} GB before and {own.most:.2f} GB at most, "
        note += f"of the bootstrap {least.before:.2f} and {least.most:.2f} GB"
        sides = [own.seconds], [least.seconds]
        yield Comparison(subject, "ours", "the bootstrap in it, alone", "processor s", *sides, note=note)


def measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare the bootstrap, then folding."""
    yield from bootstraps(options.rounds)
    if options.images:
        yield from folding(options.images, options.models, options.resamples)


if __name__ == "__main__":
    script(__doc__, measure, FLAGS, QUICK)
