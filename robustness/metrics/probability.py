"""Whether a model's probabilities can be taken at their word: calibration errors, likelihood and Brier score.

Of every condition that is no attack, as calibration is lost under shift (Ovadia et al. 2019, arXiv:1906.02530):

    ece            sum over 15 bins of equal width of n_b / n * |accuracy_b - mean confidence_b|, a fraction; Guo et al.
                   2017, arXiv:1706.04599
    adaptive_ece   the same over 15 bins of equally many images; Nguyen and O'Connor 2015, arXiv:1508.05154
    nll            mean of -log p(label), nats
    brier          mean of sum_k (p_k - [k is the label])^2, from 0 to 2; Brier, Mon. Weather Rev. 78 (1950) 1

Chance moves the accuracy of a bin of m images by up to 0.5 / sqrt(m), and a calibration error upwards with it: it is
never 0, and larger for fewer images. Its interval is for what other images, as many, would give on average.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .background import CHALLENGE
from .evaluation import Evaluation, Row, cells, lacking
from .score import FRACTION, Score, unmeasured
from .statistics import Array, mean_score

Bins = NDArray[np.intp]
BINS = 15
UNITS = {"nll": "nats", "brier": "squared probability"}


def probability(evaluation: Evaluation) -> Iterator[Row]:
    """Yield `ece`, `adaptive_ece`, `nll` and `brier` of each condition, as far as anything was recorded of them.

    None where some samples lack what the others have.
    """
    for condition, severity, records in cells(evaluation.records, ["confidence", "correct", *UNITS]):
        if condition == CHALLENGE:
            continue  # the probability of a search's result
        if records["confidence"].notna().any():
            for metric, score in _calibration_errors(records).items():
                yield Row(condition, severity, metric, score)
        for metric, unit in UNITS.items():
            if records[metric].notna().any():
                yield Row(condition, severity, metric, _mean(records, metric, unit))


def equal_width(confidence: Array) -> Bins:
    """Number the bin (k/15, (k+1)/15] of each confidence; 0 belongs to the first."""
    edges = np.arange(1, BINS) / BINS
    return np.searchsorted(edges, confidence, side="left")


def equal_mass(confidence: Array) -> Bins:
    """Number bins of n / 15 images by ascending confidence, up to one; images of the same confidence share a bin."""
    first = np.searchsorted(np.sort(confidence), confidence, side="left")
    return first * BINS // len(confidence)


def ece_terms(confidence: Array, correct: Array, bins: Bins) -> Array:
    """What each image adds to the expected calibration error, which is the mean of all.

    confidence, correct: float64 [n]. bins: [n]. Returns float64 [n]: confidence - correct with the sign of its bin's
    sum. The spread of these terms tells how sure the error is: this is its infinitesimal jackknife (Efron 1982, chapter
    6), the bootstrap's limit. Resampling itself would add its own noise to each bin, which counts as miscalibration.
    """
    gaps = confidence - correct
    signs: Array = np.sign(np.bincount(bins, gaps))
    return gaps * signs[bins]


def _calibration_errors(records: pd.DataFrame) -> dict[str, Score]:
    if reason := lacking(records, "confidence"):
        return dict.fromkeys(("ece", "adaptive_ece"), unmeasured(reason, FRACTION))
    confidence, correct = (records[column].to_numpy(dtype=np.float64) for column in ("confidence", "correct"))
    few = f"{len(records)} images make no {BINS} bins"
    return {
        "ece": mean_score(ece_terms(confidence, correct, equal_width(confidence)), FRACTION),
        "adaptive_ece": unmeasured(few, FRACTION)
        if len(records) < BINS
        else mean_score(ece_terms(confidence, correct, equal_mass(confidence)), FRACTION),
    }


def _mean(records: pd.DataFrame, metric: str, unit: str) -> Score:
    if reason := lacking(records, metric):
        return unmeasured(reason, unit)
    return mean_score(records[metric].to_numpy(dtype=np.float64), unit)
