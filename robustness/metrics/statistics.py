"""How sure a figure is: Wilson's interval for rates, Newcombe's for their differences, else a bootstrap over images.

The mean of one number an image has Student's interval, which needs no resampling.

Wilson: J. Am. Stat. Assoc. 22 (1927) 209. Newcombe: Stat. Med. 17 (1998) 873, method 10. Bootstrap: Efron and
Tibshirani 1993, percentile interval, chapter 13.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from .score import FRACTION, Score, join_notes, unmeasured

Array = NDArray[np.float64]

CONFIDENCE = 0.95
BLOCK_BYTES = 2**25  # of resampling weights held at a time
_STILL = "no interval: the images do not vary"


def wilson(successes: int, n: int, note: str = "") -> Score:
    """Rate `successes` / `n` with Wilson's 95 % interval, as a fraction; None when `n` is 0."""
    if n == 0:
        return unmeasured(note or "no samples", FRACTION)
    low, high = _wilson_bounds(successes, n)
    return Score(successes / n, low, high, n, FRACTION, note)


def rate_difference(first: tuple[int, int], second: tuple[int, int], note: str = "") -> Score:
    """First rate minus second, with Newcombe's 95 % hybrid score interval for independent samples, as a fraction.

    first, second: (successes, n). The score's `n` counts both samples; None when either is empty.
    """
    (successes, n), (others, m) = first, second
    if n == 0 or m == 0:
        return unmeasured(note or "no samples", FRACTION)
    rate, other = successes / n, others / m
    (low, high), (other_low, other_high) = _wilson_bounds(successes, n), _wilson_bounds(others, m)
    difference = rate - other
    return Score(
        difference,
        difference - math.hypot(rate - low, other_high - other),
        difference + math.hypot(high - rate, other - other_low),
        n + m,
        FRACTION,
        note,
    )


def bootstrap(figures: Callable[[Array], Array], sizes: Sequence[int], resamples: int, seed: int) -> Array:
    """Figures of resamples, in each of which the images of each of some independent sets are drawn with replacement.

    figures: how often each image was drawn (float64 [block, n], whole numbers, set after set) → its figures [block, k],
    in memory of their own, as the next block overwrites the counts. sizes: images in each set, all above 0, n in sum.
    resamples: above 0. Returns float64 [resamples, k].
    """
    n = sum(sizes)
    rng = np.random.Generator(np.random.PCG64(seed))
    block = np.empty((min(resamples, max(1, BLOCK_BYTES // (8 * n))), n))
    sets = np.split(block, np.cumsum(sizes)[:-1], axis=1)
    results = []
    for start in range(0, resamples, len(block)):
        drawn = min(len(block), resamples - start)
        for row in range(drawn):
            for part, size in zip(sets, sizes, strict=True):
                part[row] = np.bincount(rng.integers(size, size=size), minlength=size)
        results.append(figures(block[:drawn]))
    return np.concatenate(results)


def bootstrap_means(values: Array, resamples: int = 10_000, *, seed: int) -> Array:
    """Means over images that are drawn with replacement; all columns of an image are drawn together.

    values: float64 [n, k] with n > 0, one row an image. Returns float64 [resamples, k], which depends on `values`,
    `resamples` and `seed` alone: exactly when the values are whole numbers, since their sums have no rounding.
    """
    n = len(values)
    # A matrix product, where indexing would copy the images.
    return bootstrap(lambda counts: counts @ values, [n], resamples, seed) / n


def mean_score(terms: Array, unit: str, note: str = "") -> Score:
    """Mean of `terms` [n], one an image, with Student's 95 % interval, for figures that are never below 0.

    The interval is cut off at 0, and that of a fraction at 1. None when n is 0; no bounds where the terms do not vary.
    """
    n = len(terms)
    if n == 0:
        return unmeasured(note or "no samples", unit)
    value = max(float(terms.mean()), 0.0)  # rounding may put a sum that is 0 below it
    if n == 1 or (terms == terms[0]).all():
        return Score(value, None, None, n, unit, join_notes(note, _STILL))
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * terms.std(ddof=1)) / math.sqrt(n)
    highest = 1.0 if unit == FRACTION else math.inf
    return Score(value, max(value - half, 0.0), min(value + half, highest), n, unit, note)


def percentile_interval(samples: Array) -> tuple[float, float]:
    """Cut off the two tails of `samples` [resamples] that lie outside the central CONFIDENCE."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(samples, (tail, 1 - tail))
    return float(low), float(high)


def bootstrap_score(value: float, samples: Array, n: int, unit: str, note: str = "") -> Score:
    """Join a mean over `n` images and its bootstrap `samples` [resamples] into a score.

    Without variation among the images the bootstrap can say nothing: the bounds are then None, not of zero width.
    """
    low, high = percentile_interval(samples)
    if low == high:
        return Score(value, None, None, n, unit, join_notes(note, _STILL))
    return Score(value, low, high, n, unit, note)


def _wilson_bounds(successes: int, n: int) -> tuple[float, float]:
    """Bounds of Wilson's 95 % interval for `successes` of `n` > 0: the rates that a score test does not reject."""
    z = float(ndtri((1 + CONFIDENCE) / 2))
    centre, half = successes + z**2 / 2, z * math.sqrt(successes * (n - successes) / n + z**2 / 4)
    # With no failures, or nothing else, a bound is the rate itself: rounding must not put it beside.
    low = (centre - half) / (n + z**2) if successes else 0.0
    high = (centre + half) / (n + z**2) if successes < n else 1.0
    return low, high
