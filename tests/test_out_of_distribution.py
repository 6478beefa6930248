"""ImageNet-O's figures against scikit-learn's, weights, ties and gaps included."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_records import folded, rows, score
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from robustness.metrics.out_of_distribution import METRICS, detection

CONFIDENCES = st.lists(st.integers(0, 8).map(lambda step: step / 8), min_size=1, max_size=30)


def records(outside: Any, inside: Any) -> list[pd.DataFrame]:
    """Images out of distribution, which have no right answer, and ImageNet's."""
    nothing = [None] * len(outside)
    return [
        rows(nothing, "imagenet-o", dataset="imagenet-o", confidence=outside, label=None),
        rows([True] * len(inside), "imagenet-o", confidence=inside, label=3),
    ]


def by_scikit_learn(outside: np.ndarray, inside: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
    positive = np.repeat([1, 0], [len(outside), len(inside)])
    anomaly = -np.concatenate([outside, inside])
    fpr, recall, _ = roc_curve(positive, anomaly, sample_weight=counts, drop_intermediate=False)
    return (
        average_precision_score(positive, anomaly, sample_weight=counts),
        roc_auc_score(positive, anomaly, sample_weight=counts),
        fpr[np.flatnonzero(recall >= 0.95)[0]],
    )


@settings(max_examples=100, deadline=None)
@given(CONFIDENCES, CONFIDENCES, st.integers(0, 2**32 - 1))
def test_detection_is_scikit_learns_with_ties_and_weights(outside: list[float], inside: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sets = np.sort(outside), np.sort(inside)
    resample = np.concatenate([np.bincount(rng.integers(len(s), size=len(s)), minlength=len(s)) for s in sets])
    counts = np.stack([np.ones(len(resample)), resample]).astype("float64")
    for found, weights in zip(detection(*sets, counts), counts, strict=True):
        np.testing.assert_allclose(found, by_scikit_learn(*sets, weights), atol=1e-9)


def test_figures_of_records_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    outside, inside = (rng.beta(*shape, n).astype("float32") for shape, n in (((2, 3), 200), ((3, 2), 1000)))
    scores = folded(*records(outside, inside))
    expected = by_scikit_learn(outside, inside, np.ones(1200))
    for metric, value in zip(METRICS, expected, strict=True):
        found = score(scores, "clean", metric)
        assert found["value"] == pytest.approx(value, abs=1e-9)
        assert found["low"] < value < found["high"]
        assert (found["n"], found["note"]) == (1200, "200 images out of distribution, 1000 within")
    assert list(scores.loc[scores["dataset"] == "imagenet-o", "metric"]) == list(METRICS)


def test_five_rows() -> None:
    """Out: .1 .3; in: .2 .8 .9. Precision 1 and 2/3 at recall 1/2 and 1; 5 of 6 pairs in order; .2 is flagged at .3."""
    scores = folded(*records([0.3, 0.1], [0.8, 0.2, 0.9]))
    values = [score(scores, "clean", metric)["value"] for metric in METRICS]
    assert values == pytest.approx([(1 + 2 / 3) / 2, 5 / 6, 1 / 3])


def test_recall_of_95_percent_is_reached_by_19_of_20() -> None:
    outside = np.arange(20) / 20
    assert detection(outside, np.array([0.92]), np.ones((1, 21)))[0, 2] == 0


def test_sets_that_are_told_apart_have_no_interval() -> None:
    found = score(folded(*records([0.1, 0.2], [0.8, 0.9])), "clean", "aupr")
    assert (found["value"], pd.isna(found["low"])) == (1, True)
    assert found["note"].endswith("no interval: the images do not vary")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_row_order_does_not_matter(seed: int) -> None:
    together = pd.concat(records([0.1, 0.4, 0.4, 0.6], [0.4, 0.5, 0.9]), ignore_index=True)
    pd.testing.assert_frame_equal(folded(together.sample(frac=1, random_state=seed)), folded(together))


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (records([0.1], [0.5])[:1], "suite imagenet-o has no clean records on data set imagenet"),
        (records([0.1, None], [0.5]), "1 of 3 samples have no confidence"),
        (records([0.1], [0.5, None]), "1 of 3 samples have no confidence"),
    ],
)
def test_what_is_missing_is_named(parts: list[pd.DataFrame], reason: str) -> None:
    scores = folded(*parts, rows([True], confidence=0.5))  # ImageNet's own suite is no substitute
    for metric in METRICS:
        found = score(scores, "clean", metric)
        assert pd.isna(found["value"]) and pd.isna(found["low"])
        assert (found["note"], found["n"]) == (reason, 0)
