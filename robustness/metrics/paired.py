"""Two models on the same images: how far their rates differ, whether that may be chance, how alike their mistakes are.

Counts of images are named as in the literature: a both right, b the first alone, c the second alone, d neither.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from .score import Score, unmeasured
from .statistics import CONFIDENCE, Array, percentile_interval

Counts = tuple[int, int, int, int]  # a, b, c, d

KAPPA = "kappa"  # a unit
_Z = float(norm.ppf((1 + CONFIDENCE) / 2))
_EDGE = 1e-12  # how near to a difference of one the search for a bound goes


def mcnemar(b: int, c: int) -> float:
    """P-value of McNemar's exact test (1947) that neither model is right more often; 1 where they never differ."""
    return float(binomtest(b, b + c).pvalue) if b + c else 1.0


def paired_difference(b: int, c: int, n: int) -> tuple[float, float]:
    """95 % score interval of the first rate minus the second, over the same `n` > 0 images.

    Tango, Stat. Med. 17 (1998) 891. It keeps nearer to 95 % than Newcombe's method 10 (ibid., 2635), which covers up to
    99 % where both rates are low.
    """
    value = (b - c) / n
    low = value if _deviate(b, c, n, -1 + _EDGE) < _Z else _root(b, c, n, _Z, (-1 + _EDGE, value))
    high = value if _deviate(b, c, n, 1 - _EDGE) > -_Z else _root(b, c, n, -_Z, (value, 1 - _EDGE))
    return low, high


def _root(b: int, c: int, n: int, target: float, between: tuple[float, float]) -> float:
    return float(brentq(lambda difference: _deviate(b, c, n, difference) - target, *between, xtol=1e-14))


def _deviate(b: int, c: int, n: int, difference: float) -> float:
    """Standardise the observed difference if the true one is `difference`; falls as that grows."""
    linear = (2 * n - b + c) * difference - b - c
    root = math.sqrt(max(0.0, linear**2 + 8 * n * c * difference * (1 - difference)))
    second_alone = (root - linear) / (4 * n)  # its most likely rate
    variance = n * (2 * second_alone + difference * (1 - difference))
    gap = b - c - n * difference
    return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0


def error_consistency(counts: Counts, resamples: int, seed: int) -> Score:
    """Cohen's kappa between the models' being right: 1 the same mistakes, 0 as many shared ones as chance makes.

    Geirhos et al. 2020, arXiv:2006.16736. With a bootstrap interval over the images; None where chance alone leaves no
    room to agree beyond it, as when both are right everywhere.
    """
    n = sum(counts)
    value = float(_kappa(np.array(counts, dtype=np.float64) / max(n, 1)))
    if math.isnan(value):
        return unmeasured("both models are right everywhere, or wrong everywhere" if n else "no samples", KAPPA, n)
    rng = np.random.Generator(np.random.PCG64(seed))
    resampled = _kappa(rng.multinomial(n, np.array(counts) / n, size=resamples) / n)
    low, high = percentile_interval(resampled[~np.isnan(resampled)])
    return Score(value, low, high, n, KAPPA) if low < high else Score(value, None, None, n, KAPPA)


def _kappa(shares: Array) -> Array:
    """Kappa [...] of the shares of the four counts [..., 4]; NaN where it is not defined."""
    both, first, second, neither = np.moveaxis(shares, -1, 0)
    one, other = both + first, both + second
    chance = one * other + (1 - one) * (1 - other)
    room = 1 - chance
    return np.asarray(np.where(room > 0, (both + neither - chance) / np.where(room > 0, room, 1), np.nan))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values of several tests so that the chance of any false claim stays below the level (Holm 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1)
    return [float(value) for value in corrected]
