"""Accuracy drop, shape bias and background gap on hand-made rows, and the interval of two rates' difference."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_records import folded, rows, score

from robustness.metrics.statistics import rate_difference, wilson


def of_r(shifted: list[bool], on_imagenet: list[bool], **columns: Any) -> list[pd.DataFrame]:
    return [rows(shifted, "imagenet-r", dataset="imagenet-r", label=3), rows(on_imagenet, "imagenet-r", **columns)]


def cues(shape: list[int], texture: list[int], pred: list[int | None]) -> pd.DataFrame:
    right = [label == decision for label, decision in zip(shape, pred, strict=True)]
    columns = {"label": shape, "texture": texture, "pred": pred}
    return rows(right, "cue-conflict", dataset="cue-conflict", **columns)


def of_background(condition: str, correct: list[bool], **columns: Any) -> pd.DataFrame:
    return rows(correct, "background-challenge", condition, dataset="background-challenge", **columns)


def reason(scores: pd.DataFrame, condition: str, metric: str) -> str:
    """Why a figure is None."""
    found = score(scores, condition, metric)
    assert pd.isna(found["value"]) and pd.isna(found["low"]) and pd.isna(found["high"])
    return found["note"]


# The difference of two rates


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [  # by statsmodels 0.15.0, confint_proportions_2indep(method="newcomb"); Newcombe's table II has the first four
        ((56, 70), (48, 80), 0.05243147240236498, 0.33387265403690614),
        ((9, 10), (3, 10), 0.1705227239345029, 0.809017973535488),
        ((10, 10), (0, 20), 0.6790860371419145, 1.0),
        ((5, 56), (0, 29), -0.038137147903536936, 0.19256001385511165),
        ((6000, 10000), (12000, 30000), 0.18887481026636224, 0.21104587692479296),
        ((1, 1), (0, 1), -0.12210872068194178, 1.0),
    ],
)
def test_difference_of_rates_is_newcombes(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = rate_difference(first, second)
    assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.n == first[1] + second[1]


def test_difference_of_rates_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    drawn = zip(rng.binomial(80, 0.7, 500), rng.binomial(50, 0.4, 500), strict=True)
    scores = [rate_difference((int(one), 80), (int(other), 50)) for one, other in drawn]
    covered = [s.low is not None and s.high is not None and s.low <= 0.3 <= s.high for s in scores]
    assert 0.93 <= np.mean(covered) <= 0.975


def test_difference_with_nothing_is_none() -> None:
    for pair in (((0, 0), (1, 2)), ((1, 2), (0, 0))):
        found = rate_difference(*pair)
        assert (found.value, found.low, found.note) == (None, None, "no samples")


# Accuracy drop


def test_accuracy_drop_of_nine_rows() -> None:
    scores = folded(*of_r([True, False, False, False], [True] * 4 + [False], label=3))
    found = score(scores, "clean", "accuracy_drop")
    assert (found["value"], found["n"], found["note"]) == (pytest.approx(4 / 5 - 1 / 4), 9, "")
    before, after = wilson(4, 5), wilson(1, 4)
    low = 0.55 - math.hypot(0.8 - before.low, after.high - 0.25)
    assert (found["low"], found["dataset"]) == (pytest.approx(low), "imagenet-r")


def test_accuracy_drop_needs_imagenet_judged_alike() -> None:
    scores = folded(of_r([True], [])[0], rows([True, True]))
    assert reason(scores, "clean", "accuracy_drop") == "suite imagenet-r has no clean records on data set imagenet"


def test_accuracy_drop_tells_when_the_classes_differ() -> None:
    scores = folded(*of_r([True], [True, False], label=[3, 4]))
    assert score(scores, "clean", "accuracy_drop")["note"] == "1 of 2 classes have images on one side only"


# Shape bias


def test_shape_bias_of_seven_rows() -> None:
    """Six conflicts: three for the shape, one for the texture, two for neither. The seventh is no conflict."""
    scores = folded(cues([0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 6], [0, 1, 2, 4, 9, 9, 6]))
    bias, decided = score(scores, "clean", "shape_bias"), score(scores, "clean", "cue_accuracy")
    expected = wilson(3, 4)
    assert (bias["value"], bias["low"], bias["high"]) == (0.75, expected.low, expected.high)
    assert (bias["n"], decided["n"]) == (4, 6)
    assert decided["value"] == pytest.approx(4 / 6)
    assert score(scores, "clean", "top1")["value"] == pytest.approx(4 / 7)


def test_intervals_of_shape_bias_are_those_of_a_bootstrap_over_the_conflicts() -> None:
    rng = np.random.default_rng(0)
    n = 1200
    decisions = rng.choice([0, 1, 9], n, p=[0.15, 0.5, 0.35])  # shape, texture, neither
    found = score(folded(cues([0] * n, [1] * n, decisions.tolist())), "clean", "shape_bias")
    drawn = decisions[rng.integers(n, size=(4000, n))]
    biases = (drawn == 0).sum(axis=1) / (drawn != 9).sum(axis=1)
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(biases, (0.025, 0.975))), abs=0.004)


def test_shape_bias_needs_a_decision() -> None:
    scores = folded(cues([0, 1], [1, 0], [5, 5]))
    assert reason(scores, "clean", "shape_bias") == "none of 2 conflicts was decided for the shape or the texture"
    decided = score(scores, "clean", "cue_accuracy")
    assert (decided["value"], decided["n"]) == (0, 2) and decided["high"] > 0


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (cues([0, 1], [0, 1], [0, 1]), "shape and texture are of the same class in all 2 images"),
        (cues([0, 1], [1, 0], [0, 1]).assign(texture=[1, None]), "1 of 2 samples have no texture"),
        (cues([0, 1], [1, 0], [0, 1]).drop(columns="texture"), "2 of 2 samples have no texture"),
        (cues([0, 1], [1, 0], [0, 1]).assign(pred=[None, 1]), "1 of 2 samples have no pred"),
    ],
)
def test_shape_bias_that_cannot_be_measured(records: pd.DataFrame, why: str) -> None:
    scores = folded(records)
    assert {reason(scores, "clean", metric) for metric in ("shape_bias", "cue_accuracy")} == {why}


# Backgrounds


def test_background_gap_is_paired_over_shared_images() -> None:
    """Of 100 images 80 are right on both, 10 on the same background only, 2 on the random one only."""
    same, rand = [True] * 90 + [False] * 10, [True] * 80 + [False] * 10 + [True] * 2 + [False] * 8
    scores = folded(of_background("mixed_same", same), of_background("mixed_rand", rand), resamples=4000)
    gap = score(scores, "all", "bg_gap")
    assert (gap["value"], gap["n"], gap["note"]) == (pytest.approx(0.08), 100, "")
    error = math.sqrt((12 - 8**2 / 100) / 100**2)  # of a mean of differences, 10 of which are 1 and 2 are -1
    assert (gap["low"], gap["high"]) == pytest.approx((0.08 - 1.96 * error, 0.08 + 1.96 * error), abs=0.012)


def test_background_gap_without_shared_images_is_that_of_independent_samples() -> None:
    other = of_background("mixed_rand", [True, False], sample_id=["a", "b"])
    gap = score(folded(of_background("mixed_same", [True] * 3), other), "all", "bg_gap")
    expected = rate_difference((3, 3), (1, 2))
    assert (gap["value"], gap["low"], gap["high"], gap["n"]) == (0.5, expected.low, expected.high, 5)
    assert gap["note"] == "mixed_same and mixed_rand share no sample_id: compared as independent samples"


def test_background_gap_leaves_out_what_one_condition_lacks() -> None:
    scores = folded(of_background("mixed_same", [True, True, False]), of_background("mixed_rand", [True, False]))
    gap = score(scores, "all", "bg_gap")
    assert (gap["value"], gap["n"]) == (0.5, 2)
    assert gap["note"].startswith("over the 2 of 3 samples that both conditions share")


def test_challenge_accuracy_is_no_top1() -> None:
    scores = folded(
        of_background("challenge", [True, False, False, False], queries=7), of_background("original", [True])
    )
    found = score(scores, "challenge", "challenge_accuracy")
    assert (found["value"], found["low"], found["n"]) == (0.25, wilson(1, 4).low, 4)
    assert set(scores.loc[scores["metric"] == "top1", "condition"]) == {"original"}
    assert reason(scores, "all", "bg_gap") == "no records of condition mixed_same, mixed_rand"


def test_what_was_not_recorded_is_named() -> None:
    scores = folded(of_background("mixed_same", [True]))
    assert reason(scores, "all", "bg_gap") == "no records of condition mixed_rand"
    assert reason(scores, "challenge", "challenge_accuracy") == "no records of condition challenge"


MIXED = pd.concat(
    [
        *of_r([True, False, True], [True, True, False], label=3),
        cues([0, 1, 2], [1, 2, 2], [0, 2, 2]),
        of_background("mixed_same", [True, True, False]),
        of_background("mixed_rand", [False, True, False]),
    ],
    ignore_index=True,
)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_row_order_does_not_matter(seed: int) -> None:
    pd.testing.assert_frame_equal(folded(MIXED.sample(frac=1, random_state=seed)), folded(MIXED))
