"""How sure a figure is: Wilson's interval for rates, the bootstrap over images for everything that is a mean.

Wilson: J. Am. Stat. Assoc. 22 (1927) 209. Bootstrap: Efron and Tibshirani 1993, percentile interval, chapter 13.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from .score import FRACTION, Score, join_notes, unmeasured

Array = NDArray[np.float64]

CONFIDENCE = 0.95
BLOCK_BYTES = 2**26  # of resampling weights held at a time


def wilson(successes: int, n: int, note: str = "") -> Score:
    """Rate `successes` / `n` with Wilson's 95 % interval, as a fraction; None when `n` is 0."""
    if n == 0:
        return unmeasured(note or "no samples", FRACTION)
    interval = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Score(successes / n, float(interval.low), float(interval.high), n, FRACTION, note)


def bootstrap_means(values: Array, resamples: int = 10_000, *, seed: int) -> Array:
    """Means over images that are drawn with replacement; all columns of an image are drawn together.

    values: float64 [n, k] with n > 0, one row an image. Returns float64 [resamples, k], which depends on `values`,
    `resamples` and `seed` alone: exactly when the values are whole numbers, since their sums have no rounding.
    """
    n = len(values)
    rng = np.random.Generator(np.random.PCG64(seed))
    means = np.empty((resamples, values.shape[1]))
    block = max(1, BLOCK_BYTES // (8 * n))
    for start in range(0, resamples, block):
        # How often each image was drawn, times the values: a matrix product, where indexing would copy the images.
        weights = np.empty((min(block, resamples - start), n))
        for row in weights:
            row[:] = np.bincount(rng.integers(n, size=n), minlength=n)
        means[start : start + block] = weights @ values
    means /= n
    return means


def percentile_interval(samples: Array, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Cut off the two tails of `samples` [resamples] that lie outside the central `confidence`."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(samples, (tail, 1 - tail))
    return float(low), float(high)


def bootstrap_score(value: float, samples: Array, n: int, unit: str, note: str = "") -> Score:
    """Join a mean over `n` images and its bootstrap `samples` [resamples] into a score.

    Without variation among the images the bootstrap can say nothing: the bounds are then None, not of zero width.
    """
    low, high = percentile_interval(samples)
    if low == high:
        return Score(value, None, None, n, unit, join_notes(note, "no interval: the images do not vary"))
    return Score(value, low, high, n, unit, note)
