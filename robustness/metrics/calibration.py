"""Whether confidence tells how often a classifier is right: RMS calibration error and AURRA, of ImageNet-A and -R.

Hendrycks et al. 2021, arXiv:1907.07174 and arXiv:2006.16241; code: calib_err and aurra of
hendrycks/natural-adv-examples and hendrycks/imagenet-r. Both sort the images by confidence; ties stand here in the
order of their ids, where the references leave them to an unstable sort.

The references' loop leaves out the last bin, that of the most confident images, and divides by all images all the same.
`rms_calibration_error_reference` does so too, to be comparable with published figures; `rms_calibration_error` counts
all bins. Chance alone moves the accuracy of a bin of 100 by some 0.04, and either error with it: it is never 0.
Its interval is for what other images, as many, would give on average.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from .evaluation import Evaluation, Row, cells, lacking
from .score import FRACTION, Score, unmeasured
from .statistics import Array, bootstrap, bootstrap_score, mean_score

METRICS = ("rms_calibration_error", "rms_calibration_error_reference", "aurra")
BIN = 100  # images


def calibration(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the three figures of each condition; None where a confidence is missing, or images for a bin.

    AURRA's interval is a bootstrap's over images. For the errors see `rms_terms`.
    """
    for condition, severity, records in cells(evaluation.records, ["confidence", "correct", "sample_id"]):
        for metric, score in _scores(records, evaluation.resamples, evaluation.seed).items():
            yield Row(condition, severity, metric, score)


def rms_terms(confidence: Array, correct: Array, *, last_bin: bool = True) -> Array:
    """What each image adds to the RMS calibration error, a fraction, which is the mean of all [n].

    The error is the root of the mean over images of (mean confidence - accuracy)^2 of their bins of 100. confidence,
    correct: float64 [n], by ascending confidence. The last bin also takes the n % 100 images that are left. last_bin:
    False leaves it out of the sum, but not out of n, as the reference does. Raises ValueError for n < 100.

    How far the terms scatter tells how sure the error is: they are its derivatives by the images' weights, which makes
    theirs the infinitesimal jackknife (Efron 1982, chapter 6), the bootstrap's limit. Resampling itself would add its
    own noise to each bin, which counts as miscalibration: where calibration is perfect, the percentiles of resamples
    miss the error every other time (benchmarks/results).
    """
    n = len(confidence)
    if n < BIN:
        raise ValueError(f"{n} images make no bin of {BIN}")
    bins = np.minimum(np.arange(n) // BIN, n // BIN - 1)
    sizes = np.bincount(bins)
    gaps = np.bincount(bins, confidence - correct) / sizes
    if not last_bin:
        gaps[-1] = 0
    error = np.sqrt((sizes * gaps**2).sum() / n)
    if error == 0:
        return np.zeros(n)
    own = gaps[bins]
    terms: Array = (2 * own * (confidence - correct) - own**2) / (2 * error) + error / 2
    return terms


def aurra(correct: Array, counts: Array) -> Array:
    """Area under the response rate accuracy curve: the mean accuracy on the k most confident images over k = 1 ... n.

    correct: float64 [n], by descending confidence. counts: [b, n], whole numbers that sum to n in each row: how often
    each image counts. Returns fractions in [0, 1], float64 [b].
    """
    n = len(correct)
    # The image at rank k counts for 1/j in the accuracy of the first j images, for all j from k to n.
    shares = np.cumsum(1 / np.arange(n, 0, -1))[::-1] / n
    summed = np.concatenate([[0.0], np.cumsum(shares)])
    # A run of right images has the shares from its first rank to its last: a difference of two sums.
    steps = -np.diff(correct, append=0)
    ends = np.flatnonzero(steps)
    ranks = np.cumsum(counts, axis=1)[:, ends].astype(np.intp)
    result: Array = summed[ranks] @ steps[ends]
    return result


def _scores(records: pd.DataFrame, resamples: int, seed: int) -> dict[str, Score]:
    """Score one condition. records: one row a sample with `confidence`, `correct` and `sample_id`."""
    if reason := lacking(records, "confidence"):
        return dict.fromkeys(METRICS, unmeasured(reason, FRACTION))
    ascending = records.sort_values(["confidence", "sample_id"])
    confidence, correct = (ascending[column].to_numpy(dtype=np.float64) for column in ("confidence", "correct"))
    n, descending = len(correct), correct[::-1]
    area = float(aurra(descending, np.ones((1, n)))[0])
    resampled = bootstrap(lambda counts: aurra(descending, counts)[:, None], [n], resamples, seed)[:, 0]
    errors = (_error_score(confidence, correct, last_bin=last_bin) for last_bin in (True, False))
    return dict(zip(METRICS, (*errors, bootstrap_score(area, resampled, n, FRACTION)), strict=True))


def _error_score(confidence: Array, correct: Array, *, last_bin: bool) -> Score:
    """Score an RMS calibration error; None where no bin is left to count."""
    n = len(correct)
    if n < BIN:
        return unmeasured(f"{n} images make no bin of {BIN}", FRACTION)
    if not last_bin and n < 2 * BIN:
        return unmeasured(f"the reference leaves out the only bin that {n} images make", FRACTION)
    return mean_score(rms_terms(confidence, correct, last_bin=last_bin), FRACTION)
