"""Figures of attacks that seek the nearest adversarial image: how far it is, and who survives within a radius.

One run gives the whole curve of robust accuracy. The distance is an upper bound of the true one, as every attack's
figure is. Radii: those of common threat models, in pixel units; for l1 those of Croce & Hein 2021, arXiv:2103.01208 (12
and 60) and 2022, arXiv:2105.12508 (255).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..condition import parse
from .evaluation import Evaluation, lacking
from .rates import attackable, robust_accuracy
from .score import FRACTION, Score, join_notes, unmeasured
from .statistics import CONFIDENCE, Array, bootstrap

RADII = {
    "linf": ("0.25/255", "0.5/255", "1/255", "2/255", "4/255", "8/255"),
    "l2": ("0.25", "0.5", "1", "2", "3"),
    "l1": ("1", "4", "12", "60", "255"),
}
FLOAT_NOISE = 1e-6  # what rounding may put an image outside its ball, as for attacks with a radius


def seeks_nearest(attack: str) -> bool:
    """Whether a condition is an attack of minimal norm: it has a norm and no radius."""
    params = parse(attack)[1]
    return "norm" in params and "eps" not in params


def pixels(radius: str) -> float:
    """Read a radius such as `4/255` or `0.5`, in the units of pixels in [0, 1]."""
    numerator, _, denominator = radius.partition("/")
    return float(numerator) / float(denominator or 1)


def found_within(records: pd.DataFrame, norm: str, radius: str) -> pd.DataFrame:
    """Take back what was found beyond `radius`, such as `4/255` or `0.5`.

    records: columns `correct` and `success` (boolean), and the distance by the name of the norm. NA where it is NA.
    """
    near = records[norm].astype("Float64") <= pixels(radius) + FLOAT_NOISE
    return records.assign(correct=records["correct"] | ~near, success=records["success"] & near)


def within_radii(records: pd.DataFrame, norm: str, note: str) -> Iterator[tuple[str, Score]]:
    """Yield the robust accuracy at each radius; None where a distance is missing."""
    reason = lacking(records, norm)
    for radius in RADII[norm]:
        within = found_within(records, norm, radius)
        yield radius, unmeasured(reason, FRACTION) if reason else robust_accuracy(within, note)


def median_distance(records: pd.DataFrame, norm: str, evaluation: Evaluation, note: str = "") -> Score:
    """Median of the smallest distance at which a sample that is right when clean was fooled.

    One that was never fooled is infinitely far. None where that is the median, no sample was right when clean, or a
    column is missing; a bound is None where it is infinite. Interval: a bootstrap over images.
    """
    unit = f"{norm} distance of pixels in [0, 1]"
    attacked, reason = attackable(records, "success", norm)
    if reason:
        return unmeasured(reason, unit, len(attacked))
    fooled = attacked["success"].to_numpy(dtype=bool)
    distances = np.where(fooled, attacked[norm].to_numpy(dtype=np.float64), np.inf)
    return median_score(distances, unit, evaluation, note)


def median_score(distances: Array, unit: str, evaluation: Evaluation, note: str = "") -> Score:
    """Score the median of `distances` [n], n > 0, infinite for samples that were never fooled.

    None where it is infinite, and so is a bound. Interval: a bootstrap over images.
    """
    n, never = len(distances), int(np.isinf(distances).sum())
    ordered = np.sort(distances)
    value = float(medians(ordered, np.ones((1, n)))[0])
    about = f"{never} of {n} samples were never fooled" if never else ""
    if not np.isfinite(value):
        return unmeasured(about, unit, n)
    resampled = bootstrap(lambda counts: medians(ordered, counts)[:, None], [n], evaluation.resamples, evaluation.seed)
    tail = (1 - CONFIDENCE) / 2
    low, high = map(float, np.quantile(resampled, (tail, 1 - tail), method="inverted_cdf"))  # infinity cannot be shared
    if low == high:
        still = "no interval: it is the same in all resamples of the images"
        return Score(value, None, None, n, unit, join_notes(about, still, note))
    unbounded = "" if np.isfinite(high) else "the upper bound is beyond what was found"
    return Score(value, low, None if unbounded else high, n, unit, join_notes(about, unbounded, note))


def medians(ordered: Array, counts: Array) -> Array:
    """Medians [b] of values that are drawn several times.

    ordered: [n] ascending, of which the last may be infinite. counts: [b, n], how often each was drawn, n in all.
    """
    n, drawn = len(ordered), counts.cumsum(axis=1)
    lower, upper = (ordered[(drawn > rank).argmax(axis=1)] for rank in ((n - 1) // 2, n // 2))
    return np.asarray((lower + upper) / 2, dtype=np.float64)
