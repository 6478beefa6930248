"""Calibration errors, likelihood and Brier score against torchmetrics, scikit-learn, plain loops and simulation."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_records import attacked, folded, rows, score
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from robustness.metrics.probability import BINS, ece_terms, equal_mass, equal_width
from robustness.metrics.statistics import mean_score

ERRORS = ("ece", "adaptive_ece")
IMAGES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def ece(confidence: Any, correct: Any, bins: Any = equal_width) -> float:
    confidence, correct = np.asarray(confidence, dtype="float64"), np.asarray(correct, dtype="float64")
    return float(ece_terms(confidence, correct, bins(confidence)).mean())


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three classes [n, 3], and labels that are drawn from other ones."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([0.4] * 3, n)
    chances = 0.7 * probabilities + 0.1
    labels = (rng.random(n)[:, None] > chances.cumsum(axis=1)).sum(axis=1)
    return probabilities, labels


@pytest.mark.parametrize("n", [1, 7, 400, 5000])
def test_ece_is_torchmetrics(n: int) -> None:
    probabilities, labels = drawn(n)
    expected = multiclass_calibration_error(torch.tensor(probabilities), torch.tensor(labels), 3, n_bins=BINS)
    found = ece(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    assert found == pytest.approx(float(expected), abs=1e-6)  # which computes in float32


@settings(max_examples=100, deadline=None)
@given(IMAGES)
def test_ece_is_that_of_scikit_learns_bins(images: list[tuple[float, bool]]) -> None:
    confidence, correct = (np.array(column, dtype="float64") for column in zip(*images, strict=True))
    accuracy, mean_confidence = calibration_curve(correct, confidence, n_bins=BINS)
    edges = np.linspace(0, 1, BINS + 1)
    sizes = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=BINS)
    gaps = np.abs(accuracy - mean_confidence)
    assert ece(confidence, correct) == pytest.approx((sizes[sizes > 0] * gaps).sum() / len(images), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=BINS, max_size=70))
def test_bins_of_equal_mass_keep_ties_together_and_ignore_the_order(images: list[tuple[int, bool]]) -> None:
    confidence = np.array([step / 6 for step, _ in images])
    bins = equal_mass(confidence)
    assert all(len(set(bins[confidence == value])) == 1 for value in confidence)
    order = np.random.default_rng(0).permutation(len(images))
    assert (equal_mass(confidence[order]) == bins[order]).all()
    assert bins.min() >= 0 and bins.max() < BINS


@pytest.mark.parametrize("n", [15, 300, 7500])
def test_adaptive_ece_is_that_of_equal_parts(n: int) -> None:
    probabilities, labels = drawn(n)
    confidence, correct = probabilities.max(axis=1), (probabilities.argmax(axis=1) == labels).astype(float)
    order = np.argsort(confidence)
    parts = zip(np.array_split(confidence[order], BINS), np.array_split(correct[order], BINS), strict=True)
    expected = np.mean([abs(one.mean() - other.mean()) for one, other in parts])
    assert ece(confidence, correct, equal_mass) == pytest.approx(expected, abs=1e-9)
    sizes = np.bincount(equal_mass(np.random.default_rng(0).random(n + 7)))
    assert set(sizes) <= {n // BINS, n // BINS + 1}


def test_a_confidence_on_an_edge_belongs_below_it() -> None:
    """Guo et al. define bin k as (k/15, (k+1)/15]."""
    assert list(equal_width(np.array([0, 1 / 15, 1 / 15 + 1e-9, 14 / 15, 1]))) == [0, 0, 1, 13, 14]


@pytest.mark.parametrize(
    ("confidence", "correct", "expected"),
    [
        ([1.0] * 9, [True] * 9, 0),
        ([1.0] * 9, [False] * 9, 1),
        ([0.5] * 4, [True, False] * 2, 0),
        ([0.25], [True], 0.75),
    ],
)
def test_ece_of_degenerate_records(confidence: list[float], correct: list[bool], expected: float) -> None:
    found = score(folded(rows(correct, confidence=confidence)), "clean", "ece")
    assert found["value"] == pytest.approx(expected, abs=1e-12)
    assert (found["n"], found["unit"]) == (len(correct), "fraction")
    assert pd.isna(found["low"]) and found["note"] == "no interval: the images do not vary"


def test_calibration_errors_of_all_conditions_but_attacks() -> None:
    one = {"confidence": [0.9] * 15}
    scores = folded(
        rows([True] * 15, **one),
        rows([False] * 15, "imagenet-c", "fog", severity=3, **one),
        rows([True] * 15, "background-challenge", "challenge", **one),
        attacked([True] * 15, [True] * 15, "fgsm(norm=linf,eps=1/255)", **one),
    )
    for metric in ERRORS:
        found = scores[scores["metric"] == metric]
        assert list(zip(found["condition"], found["value"], strict=True)) == [
            ("clean", pytest.approx(0.1)),
            ("fog", pytest.approx(0.9)),
        ]


def test_likelihood_and_brier_score_are_scikit_learns() -> None:
    probabilities, labels = drawn(500)
    nll = -np.log(probabilities[np.arange(500), labels])
    brier = ((probabilities - np.eye(3)[labels]) ** 2).sum(axis=1)
    scores = folded(rows(list(probabilities.argmax(axis=1) == labels), nll=nll, brier=brier))
    for metric, unit, expected in (
        ("nll", "nats", log_loss(labels, probabilities)),
        ("brier", "squared probability", brier_score_loss(labels, probabilities, scale_by_half=False)),
    ):
        found = score(scores, "clean", metric)
        assert found["value"] == pytest.approx(expected, abs=1e-6)  # records are float32
        assert (found["n"], found["unit"], found["note"]) == (500, unit, "")
        assert found["low"] < expected < found["high"]
    assert not set(ERRORS) & set(scores["metric"])


def test_what_some_samples_lack_is_told() -> None:
    scores = folded(rows([True, False], confidence=[0.5, None], nll=[None, 1.0], brier=[0.1, None]))
    for metric in (*ERRORS, "nll", "brier"):
        found = score(scores, "clean", metric)
        assert pd.isna(found["value"]) and pd.isna(found["low"])
        assert found["note"].startswith("1 of 2 samples have no ")


def test_fewer_images_than_bins_have_no_adaptive_error() -> None:
    scores = folded(rows([True] * 14, confidence=[0.5] * 14))
    assert score(scores, "clean", "adaptive_ece")["note"] == "14 images make no 15 bins"
    assert score(scores, "clean", "ece")["value"] == 0.5


@pytest.mark.parametrize("column", ["nll", "brier"])
@pytest.mark.parametrize("value", [-0.5, 1e10, np.inf])
def test_impossible_values_are_refused(column: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{column} lies in"):
        folded(rows([True], **{column: [value]}))


def test_intervals_spread_like_resamples_where_bins_are_miscalibrated() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.beta(4, 2, 3000)
    correct = (rng.random(3000) < 0.7 * confidence).astype(float)
    for bins in (equal_width, equal_mass):
        resampled = []
        for _ in range(500):
            images = rng.integers(3000, size=3000)
            resampled.append(ece(confidence[images], correct[images], bins))
        found = mean_score(ece_terms(confidence, correct, bins(confidence)), "fraction")
        assert found.low is not None and found.high is not None
        assert (found.high - found.low) / 3.92 == pytest.approx(np.std(resampled), rel=0.12)


def test_what_is_needed_is_what_runs_record() -> None:
    from robustness.records import SCHEMA

    assert {"confidence", "correct", "nll", "brier"} < set(SCHEMA.names)
