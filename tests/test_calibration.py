"""RMS calibration error and AURRA: closed forms, the protocol written down in loops, and the reference's lost bin."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_records import folded, rows, score

from robustness.metrics.calibration import METRICS, aurra, rms_terms
from robustness.metrics.statistics import mean_score


def of_a(confidence: Any, correct: Any, **columns: Any) -> pd.DataFrame:
    return rows(correct, "imagenet-a", dataset="imagenet-a", confidence=confidence, **columns)


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences in ascending order, as float32 has them, and answers that are right more often when confident."""
    rng = np.random.default_rng(seed)
    confidence = np.sort(rng.beta(2, 2, n)).astype("float32").astype("float64")
    return confidence, (rng.random(n) < confidence**2).astype("float64")


def rms(confidence: np.ndarray, correct: np.ndarray, *, last_bin: bool = True) -> float:
    return float(rms_terms(confidence, correct, last_bin=last_bin).mean())


def by_the_protocol(confidence: np.ndarray, correct: np.ndarray, bins_left_out: int) -> float:
    """Bins of exactly 100 by ascending confidence, the last one extended to the end, weighted by n_b / N."""
    edges = [100 * k for k in range(len(confidence) // 100)] + [len(confidence)]
    total = 0.0
    for start, end in list(pairwise(edges))[: len(edges) - 1 - bins_left_out]:
        total += (end - start) / len(confidence) * (confidence[start:end].mean() - correct[start:end].mean()) ** 2
    return float(np.sqrt(total))


@pytest.mark.parametrize("n", [200, 299, 300, 1234, 7500])
def test_rms_calibration_error_is_the_protocols(n: int) -> None:
    confidence, correct = drawn(n)
    corrected, reference = (rms(confidence, correct, last_bin=last) for last in (True, False))
    assert corrected == pytest.approx(by_the_protocol(confidence, correct, 0), abs=1e-12)
    assert reference == pytest.approx(by_the_protocol(confidence, correct, 1), abs=1e-12)
    assert reference < corrected


def test_rms_calibration_error_in_closed_form() -> None:
    """100 images at .25 of which half are right, 150 at .75 of which all are: gaps of 1/4 either way."""
    confidence = np.repeat([0.25, 0.75], [100, 150])
    correct = np.repeat([0.0, 1.0, 1.0], [50, 50, 150])
    assert rms(confidence, correct) == pytest.approx(0.25)
    assert rms(confidence, correct, last_bin=False) == pytest.approx(0.25 * np.sqrt(100 / 250))
    scores = folded(of_a(confidence, correct == 1))
    figures = {name: score(scores, "clean", name) for name in METRICS}
    assert figures["rms_calibration_error"]["value"] == pytest.approx(0.25)
    assert figures["rms_calibration_error_reference"]["value"] == pytest.approx(0.25 * np.sqrt(100 / 250))
    assert figures["rms_calibration_error"]["low"] < 0.25 < figures["rms_calibration_error"]["high"]


@pytest.mark.parametrize(
    ("n", "corrected", "reference"),
    [
        (99, "99 images make no bin of 100", "99 images make no bin of 100"),
        (199, None, "the reference leaves out the only bin that 199 images make"),
    ],
)
def test_too_few_images_for_a_bin_have_no_error(n: int, corrected: str | None, reference: str) -> None:
    confidence, correct = drawn(n)
    scores = folded(of_a(confidence, correct == 1))
    found, lost = (score(scores, "clean", name) for name in METRICS[:2])
    assert (found["value"] > 0) if corrected is None else (pd.isna(found["value"]) and found["note"] == corrected)
    assert pd.isna(lost["value"]) and lost["note"] == reference
    assert score(scores, "clean", "aurra")["n"] == n


def test_the_pure_function_refuses_what_makes_no_bin() -> None:
    with pytest.raises(ValueError, match="99 images make no bin of 100"):
        rms(np.zeros(99), np.zeros(99))


def test_without_any_gap_there_is_no_error_and_no_interval() -> None:
    found = score(folded(of_a([0.5] * 100, [True, False] * 50)), "clean", "rms_calibration_error")
    assert (found["value"], pd.isna(found["low"]), found["note"]) == (0, True, "no interval: the images do not vary")


def test_the_interval_holds_the_error_that_other_images_give_on_average() -> None:
    """Percentiles of resamples do not: where calibration is perfect, most of them lie above the error."""
    errors, intervals = [], []
    for seed in range(300):
        confidence, correct = drawn(500, seed)
        found = mean_score(rms_terms(confidence, correct), "fraction")
        errors.append(found.value)
        intervals.append((found.low, found.high))
    held = [low <= np.mean(errors) <= high for low, high in intervals]
    assert np.mean(held) >= 0.93
    rng = np.random.default_rng(0)
    confidence = np.sort(rng.random(500))
    correct = (rng.random(500) < confidence).astype("float64")
    resamples = [np.sort(rng.integers(500, size=500)) for _ in range(200)]
    resampled = [rms(confidence[images], correct[images]) for images in resamples]
    assert np.quantile(resampled, 0.3) > rms(confidence, correct)


def test_aurra_of_five_rows() -> None:
    """By descending confidence right, right, wrong, right, wrong: accuracies 1, 1, 2/3, 3/4, 3/5."""
    scores = folded(of_a([0.5, 0.9, 0.1, 0.7, 0.3], [False, True, False, True, True]))
    assert score(scores, "clean", "aurra")["value"] == pytest.approx((1 + 1 + 2 / 3 + 3 / 4 + 3 / 5) / 5)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=40))
def test_aurra_counts_each_image_as_often_as_it_is_drawn(images: list[tuple[bool, int]]) -> None:
    correct = np.array([right for right, _ in images], dtype="float64")
    counts = np.array([count for _, count in images])
    counts[0] += max(0, len(images) - counts.sum())
    while counts.sum() > len(images):
        counts[np.argmax(counts)] -= 1
    once, weighted = aurra(correct, np.stack([np.ones(len(images)), counts]))
    ranks = np.arange(1, len(images) + 1)
    assert once == pytest.approx((np.cumsum(correct) / ranks).mean(), abs=1e-12)
    assert weighted == pytest.approx((np.cumsum(np.repeat(correct, counts)) / ranks).mean(), abs=1e-12)


def test_intervals_of_aurra_are_those_of_plain_resampling() -> None:
    confidence, correct = drawn(150)
    found = score(folded(of_a(confidence, correct == 1), resamples=2000), "clean", "aurra")
    rng = np.random.default_rng(1)
    areas = []
    for _ in range(2000):
        order = np.sort(rng.integers(150, size=150))[::-1]
        areas.append((np.cumsum(correct[order]) / np.arange(1, 151)).mean())
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(areas, (0.025, 0.975))), abs=0.01)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_row_order_does_not_matter_even_where_confidences_are_tied(seed: int) -> None:
    confidence, correct = drawn(230)
    records = of_a(confidence.round(1), correct == 1)
    shuffled = records.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(folded(shuffled), folded(records))


def test_ties_are_in_the_order_of_the_ids() -> None:
    """Images 0 and 1 share a confidence; descending order is that of ascending ids turned round: 1 before 0."""
    scores = folded(of_a([0.5, 0.5], [False, True]))
    assert score(scores, "clean", "aurra")["value"] == pytest.approx((1 + 1 / 2) / 2)


def test_a_missing_confidence_is_told() -> None:
    scores = folded(of_a([0.5, None], [True, True]))
    for name in METRICS:
        found = score(scores, "clean", name)
        assert pd.isna(found["value"]) and found["note"] == "1 of 2 samples have no confidence"


def test_all_right_has_no_interval() -> None:
    found = score(folded(of_a([0.5, 0.6], [True, True])), "clean", "aurra")
    assert (found["value"], found["note"]) == (1, "no interval: the images do not vary")


def test_the_benchmarks_alone_are_measured_on_their_own_data_set() -> None:
    elsewhere = [rows([True], confidence=0.5), rows([True], "imagenet-r", confidence=0.5)]
    scores = folded(*elsewhere, rows([True], "imagenet-r", dataset="imagenet-r", confidence=0.5))
    measured = scores[scores["metric"].isin(METRICS)]
    assert set(zip(measured["suite"], measured["dataset"], strict=True)) == {("imagenet-r", "imagenet-r")}
