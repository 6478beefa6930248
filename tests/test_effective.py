"""Effective robustness: the line through the testbed's standard models, and how far a model lies beyond it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from metric_records import folded, rows, score
from scipy.special import logit

from robustness.metrics.effective import SHIFTS, Line, beyond, line, standard_models
from robustness.metrics.score import Score
from robustness.metrics.statistics import wilson

SIDES = [
    (shift, above) for shift in SHIFTS.values() for above in ((False, True) if shift.pivot is not None else (False,))
]
DIAGONAL = Line(0.0, 1.0, 0.5, 0.01, 9)  # expects the clean accuracy itself


def right(share: float, n: int, **columns: Any) -> pd.DataFrame:
    return rows([index < round(share * n) for index in range(n)], **columns)


@pytest.mark.parametrize(("shift", "above"), SIDES, ids=lambda value: getattr(value, "shifted", str(value)))
def test_standard_models_are_effectively_robust_by_nothing_on_average(shift: Any, above: bool) -> None:
    fitted, table = line(shift, above=above), standard_models(shift, float(above))
    expected = np.array([fitted.expected(clean) for clean in table["clean"]])
    assert (logit(table["shifted"]) - logit(expected)).sum() == pytest.approx(0, abs=1e-9)
    assert (table["shifted"] - expected).mean() == pytest.approx(0, abs=0.003)
    assert len(table) == fitted.models >= 29
    assert fitted.floor <= table["clean"].min()


def test_imagenet_a_has_a_line_on_either_side_of_resnet50() -> None:
    shift = SHIFTS["imagenet-a", "clean"]
    weak, strong = line(shift), line(shift, above=True)
    assert "resnet50" not in {*standard_models(shift, 0.8).index, *standard_models(shift, 0.95).index}
    assert strong.slope > 4 * weak.slope
    assert strong.floor == shift.pivot


def test_models_that_saw_more_data_draw_no_line() -> None:
    shift = SHIFTS["imagenet-sketch", "clean"]
    assert not [name for name in standard_models(shift, 1.0).index if "swsl" in name or "instagram" in name]


def test_the_distance_is_in_accuracy_and_square_and_add_joins_the_intervals() -> None:
    clean, shifted = wilson(700, 1000), wilson(800, 1000)
    got = beyond(DIAGONAL, clean, shifted, "so")
    assert got.value == pytest.approx(0.1, abs=1e-12)
    assert None not in (clean.low, clean.high, shifted.low, shifted.high, got.low, got.high)
    assert got.value - got.low == pytest.approx(np.hypot(0.8 - shifted.low, clean.high - 0.7), abs=1e-12)
    assert got.high - got.value == pytest.approx(np.hypot(shifted.high - 0.8, 0.7 - clean.low), abs=1e-12)
    assert got.n == 1000
    assert "its own" not in got.note
    assert got.note.endswith("the line's own uncertainty is not in the interval; so")


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng, fitted = np.random.default_rng(0), line(SHIFTS["imagenet-v2", "matched-frequency"])
    truth, covered = 0.66 - fitted.expected(0.76), 0
    for clean, shifted in zip(rng.binomial(5000, 0.76, 500), rng.binomial(1000, 0.66, 500), strict=True):
        got = beyond(fitted, wilson(int(clean), 5000), wilson(int(shifted), 1000))
        covered += got.low <= truth <= got.high
    assert 0.93 <= covered / 500 <= 0.97


def test_no_line_reaches_below_its_models() -> None:
    below = beyond(DIAGONAL, wilson(49, 100), wilson(40, 100))
    assert below.note.endswith("accuracy 49.0% on ImageNet is below 50.0%, where the line begins")
    assert (below.value, below.unit) == (None, "fraction")
    assert beyond(DIAGONAL, wilson(50, 100), wilson(40, 100)).value == pytest.approx(-0.1)
    assert beyond(DIAGONAL, wilson(0, 0), wilson(40, 100)) == Score(
        None, None, None, 0, "fraction", "an accuracy is not measured"
    )


def test_perfect_accuracy_has_a_finite_figure() -> None:
    assert beyond(DIAGONAL, wilson(10, 10), wilson(5, 10)).value == pytest.approx(-0.5)


def test_nothing_right_is_as_sure_as_wilson_says() -> None:
    none, half = wilson(0, 1000), wilson(500, 1000)
    got = beyond(DIAGONAL, half, none)
    assert got.low == pytest.approx(-0.5 - (half.high - 0.5))
    assert "which scatter by 1.0 points around it" in got.note


def test_a_whole_run_has_the_figure_and_parts_of_it_the_reason() -> None:
    sketch = {"suite": "imagenet-sketch", "dataset": "imagenet-sketch"}
    clean, shifted = right(0.76, 50_000), right(0.30, 50_000, **sketch)
    got = score(folded(clean, shifted), "clean", "effective_robustness")
    expected = line(SHIFTS["imagenet-sketch", "clean"]).expected(0.76)
    assert got["value"] == pytest.approx(0.30 - expected, abs=1e-12)
    assert got["low"] < got["value"] < got["high"]

    assert not pd.isna(score(folded(clean, shifted[:49_500]), "clean", "effective_robustness")["value"])
    limited = score(folded(clean, shifted[:1000]), "clean", "effective_robustness")
    assert pd.isna(limited["value"])
    assert limited["note"] == "1000 of the 50000 images of imagenet-sketch: the line is of the whole set"
    alone = score(folded(shifted), "clean", "effective_robustness")
    assert alone["note"] == "the model has no clean records of suite imagenet on data set imagenet"


def test_imagenet_a_is_held_against_imagenet_of_the_same_classes() -> None:
    own = {"suite": "imagenet-a", "dataset": "imagenet-a"}
    shifted = right(0.4, 7_500, **own)
    got = score(folded(shifted, right(0.95, 10_000, suite="imagenet-a")), "clean", "effective_robustness")
    assert got["value"] == pytest.approx(
        0.4 - line(SHIFTS["imagenet-a", "clean"], above=True).expected(0.95), abs=1e-12
    )
    without = score(folded(shifted, right(0.8, 50_000)), "clean", "effective_robustness")
    assert without["note"] == "suite imagenet-a has no clean records on data set imagenet"


def test_objectnet_counts_the_decision_among_its_classes_as_the_testbed_does() -> None:
    own = {"suite": "objectnet", "dataset": "objectnet"}
    companion = right(0.8, 6_250, suite="objectnet")
    shifted = right(0.2, 18_574, **own)
    assert score(folded(shifted, companion), "clean", "effective_robustness")["note"] == (
        "18574 of 18574 samples have no correct_restricted"
    )
    restricted = right(0.2, 18_574, **own, correct_restricted=[True] * 18_574)
    got = score(folded(restricted, companion), "clean", "effective_robustness")
    assert got["value"] == pytest.approx(1 - line(SHIFTS["objectnet", "clean"]).expected(0.8), abs=1e-12)


def test_each_selection_of_imagenet_v2_has_its_own_line() -> None:
    v2 = {"suite": "imagenet-v2", "dataset": "imagenet-v2"}
    names = ("matched-frequency", "top-images", "selection")
    records = [right(0.65, 10_000, **v2, condition=name) for name in names]
    scores = folded(right(0.76, 50_000), *records)
    values = scores[scores["metric"] == "effective_robustness"].set_index("condition")["value"]
    assert list(values.index) == ["matched-frequency", "top-images"]
    assert values["matched-frequency"] > values["top-images"]
