"""Are the corruptions distributed as the original's? Pixel means, pixel deviations and errors of a classifier.

    python -m benchmarks.corruption_statistics --data imagenet/val [--limit N] [--only NAME ...] [--processes 1]

Every image is corrupted once by each side, with draws of its own, and three numbers are taken: the mean and the
standard deviation of its grey levels, and whether EfficientNet-Lite0 is wrong. A random corruption is judged by the
differences between the sides, image by image: if both draw from the same distribution, each difference may as well have
the opposite sign. Flipping signs at random, for whole images at once, tells how large |mean / standard error| becomes
by chance, and how large the largest of all comparisons does: what exceeds the value that this largest one stays below
in 95 % of the flips is flagged (Westfall & Young 1993). A deterministic corruption has no such noise: it is flagged
when a grey level is more than 2 off, or 0.1 on average.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and NumPy start their threads; processes share the work
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import platform
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

import datasets
from benchmarks.comparison import processor
from benchmarks.reference_corruptions import Array, original
from robustness import computing, models
from robustness.classifier import Classifier
from robustness.corruptions import CORRUPTIONS, EXTRA, STANDARD, corrupt
from robustness.seeds import generator, seed_of

MEASURES = ("mean", "deviation", "error")
FLIPS, RISK = 10_000, 0.05
SIDES = ("original", "ours")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One corruption at one severity. measured: {side: [3, images]} in the order of MEASURES; apart: grey levels."""

    name: str
    severity: int
    measured: dict[str, Array]
    mean_apart: float
    most_apart: int

    @property
    def differences(self) -> Array:
        """Ours less the original's, [3, images]."""
        return self.measured["ours"] - self.measured["original"]


@cache
def photographs(data: Path, limit: int | None) -> datasets.Batch:
    """Read the images as ImageNet-C was made from them, in one batch."""
    dataset = datasets.open_dataset("imagenet", data).open()
    dataset = dataset if limit is None else dataset.limited(limit)
    return next(datasets.load(dataset, [datasets.IMAGENET_C_VIEW], chunk_size=len(dataset.samples)))


@cache
def classifier() -> Classifier:
    """Load the bundled model."""
    return models.resolve(models.BUNDLED).classifier


def measure(images: Tensor, labels: Tensor) -> Array:
    """Take the three numbers of each image [B,3,H,W], float64 [3,B]."""
    levels = images.flatten(1).double()
    wrong = [
        classifier()(part.float() / 255).argmax(1) != truth
        for part, truth in zip(images.split(32), labels.split(32), strict=True)
    ]
    return torch.stack([levels.mean(1), levels.std(1, correction=0), torch.cat(wrong).double()]).numpy()


def compare(data: Path, limit: int | None, name: str, severity: int) -> Outcome:
    """Corrupt all images by both sides, and measure."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    batch = photographs(data, limit)
    images, key = batch.views[0], f"{name}:{severity}"
    theirs = [
        original(picture, name, severity, np.random.default_rng(seed_of(1, key, one)))
        for picture, one in zip(images.movedim(1, -1).contiguous().numpy(), batch.sample_ids, strict=True)
    ]
    pictures = {
        "original": torch.from_numpy(np.stack(theirs)).movedim(-1, 1),
        "ours": corrupt(images, name, severity, [generator(0, key, one) for one in batch.sample_ids]),
    }
    apart = (pictures["ours"].to(torch.int16) - pictures["original"]).abs_()
    with torch.inference_mode():
        measured = {side: measure(pictures[side], batch.labels) for side in SIDES}
    return Outcome(name, severity, measured, float(apart.double().mean()), int(apart.max()))


def is_random(name: str) -> bool:
    """Tell whether a corruption draws anything."""
    return bool(CORRUPTIONS[name].draw(1, (224, 224), torch.Generator()))


def scores(differences: Array) -> Array:
    """Return mean over standard error of each row; 0 for a row without any difference."""
    error = differences.std(-1, ddof=1) / differences.shape[-1] ** 0.5
    return differences.mean(-1) / np.where(error == 0, 1, error)


def limit_of_chance(differences: Array) -> float:
    """Return what the largest |score| of all rows [comparisons, images] stays below in 1 - RISK of random flips."""
    random = np.random.default_rng(0)
    count = differences.shape[1]
    squares, largest = (differences**2).sum(1), []
    for _ in range(FLIPS // 500):
        means = differences @ random.choice([-1.0, 1.0], size=(count, 500)) / count
        errors = np.sqrt((squares[:, None] / count - means**2) / (count - 1))
        largest.append(np.abs(means / np.where(errors == 0, 1, errors)).max(0))
    return float(np.quantile(np.concatenate(largest), 1 - RISK))


def tables(outcomes: list[Outcome]) -> Iterator[str]:
    """Write the two tables, flags in bold."""
    drawn = [one for one in outcomes if is_random(one.name)]
    if drawn:
        limit = limit_of_chance(np.concatenate([one.differences for one in drawn]))
        z = np.stack([scores(one.differences) for one in drawn])
        over = int((np.abs(z) > limit).sum())
        yield (
            f"Random corruptions: {z.size} comparisons; the largest |difference / standard error| is "
            f"{np.abs(z).max():.2f}, chance keeps the largest below {limit:.2f} in 95 % of cases; flagged: {over}. "
            f"Beyond 1.96 are {np.mean(np.abs(z) > 1.96):.1%} (chance: 5 %). Original's value, ours less it ± standard "
            "error, and their ratio:\n\n"
            f"| corruption | severity | {' | '.join(f'{one} | | ' for one in MEASURES)} |\n|---|---|{'---|' * 9}"
        )
        for one, ratios in zip(drawn, z, strict=True):
            yield f"| {one.name} | {one.severity} | {' | '.join(cells(one, ratios, limit))} |"
    fixed = [one for one in outcomes if not is_random(one.name)]
    if fixed:
        off = [one for one in fixed if one.most_apart > 2 or one.mean_apart > 0.1]
        yield (
            f"\nDeterministic corruptions: flagged: {len(off)}. Grey levels that the sides lie apart, the original's "
            "values and ours less them:\n\n"
            f"| corruption | severity | most | on average | mean | | deviation | | error | |\n|---|---|{'---|' * 8}"
        )
        for one in fixed:
            pairs = zip(one.measured["original"].mean(1), one.differences.mean(1), strict=True)
            flag = "**" if one in off else ""
            yield (
                f"| {one.name} | {one.severity} | {flag}{one.most_apart}{flag} | {flag}{one.mean_apart:.1g}{flag} | "
                + " | ".join(f"{value:.4g} | {difference:+.1g}" for value, difference in pairs)
                + " |"
            )


def cells(one: Outcome, ratios: Array, limit: float) -> Iterator[str]:
    """Write a random corruption's three comparisons."""
    error = one.differences.std(1, ddof=1) / one.differences.shape[1] ** 0.5
    rows = zip(one.measured["original"].mean(1), one.differences.mean(1), error, ratios, strict=True)
    for value, difference, spread, ratio in rows:
        flag = "**" if abs(ratio) > limit else ""
        yield f"{value:.4g} | {difference:+.2g} ± {spread:.1g} | {flag}{ratio:+.1f}{flag}"


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="ImageNet's validation set, or a part of it")
    parser.add_argument("--limit", type=int, help="the first so many images of an order that mixes classes")
    parser.add_argument("--only", action="append", metavar="NAME", help="this corruption alone; repeatable")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    computing.keep_freed_memory()
    conditions = [(name, severity) for name in options.only or STANDARD + EXTRA for severity in (1, 2, 3, 4, 5)]
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        jobs = [pool.submit(compare, options.data, options.limit, *one) for one in conditions]
        outcomes = [job.result() for job in jobs]
    print(
        f"{outcomes[0].differences.shape[1]} images of 224×224 pixels, {models.BUNDLED}, no JPEG. "
        f"{datetime.now(UTC):%Y-%m-%d}, {processor()}, Python {platform.python_version()}, torch {torch.__version__}.\n"
    )
    print("\n".join(tables(outcomes)))


if __name__ == "__main__":
    main()
