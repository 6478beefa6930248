"""Accuracy and attacks on hand-made rows, and what folding promises of all metrics."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import metric_records
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_records import corrupted, folded, rows, score

from robustness.metrics import COLUMNS, METRICS, fold
from robustness.metrics.alexnet import STANDARD
from robustness.metrics.evaluation import condition_order
from robustness.metrics.folding import BENCHMARKS

FGSM, PGD = "fgsm(norm=linf,eps=1/255)", "pgd(norm=linf,eps=1/255,steps=40)"
WORST = "worst(norm=linf,eps=1/255)"


def attacked(correct: Sequence[bool], clean: Sequence[bool], condition: str = PGD, **columns: Any) -> pd.DataFrame:
    return metric_records.attacked(correct, clean, condition, **columns)


# Accuracy


def test_accuracy_of_five_rows() -> None:
    right, top5 = [True, True, True, False, False], [True, True, True, True, None]
    scores = folded(rows(right, correct5=top5))
    assert list(scores["metric"]) == ["top1", "top5", "error"]
    top1 = score(scores, "clean", "top1")
    assert (top1["value"], top1["n"], top1["unit"], top1["note"]) == (0.6, 5, "fraction", "")
    assert 0 < top1["low"] < 0.6 < top1["high"] < 1
    error = score(scores, "clean", "error")
    assert (error["value"], error["low"]) == pytest.approx((0.4, 1 - top1["high"]))
    known = score(scores, "clean", "top5")
    assert (known["value"], known["n"], known["note"]) == (1.0, 4, "top five recorded for 4 of 5 samples")


def test_top5_is_absent_where_it_was_not_recorded_and_attacks_have_no_top1() -> None:
    scores = folded(rows([True]), attacked([True], [True]))
    assert set(scores["metric"]) == {"top1", "error", "robust_accuracy", "attack_success_rate"}
    assert set(scores.loc[scores["metric"] == "top1", "condition"]) == {"clean"}


def test_both_conventions_are_told_where_they_were_recorded() -> None:
    columns = {"correct_1000way": [True, False, None], "correct_restricted": [True, True, False]}
    scores = folded(rows([True, True, False], "imagenet-a", **columns), rows([True]))
    assert list(scores.loc[scores["suite"] == "imagenet", "metric"]) == ["top1", "error"]
    among_all = score(scores, "clean", "top1_1000way")
    note = "decision among all classes recorded for 2 of 3 samples"
    assert (among_all["value"], among_all["n"], among_all["note"]) == (0.5, 2, note)
    assert score(scores, "clean", "top1_restricted")["value"] == pytest.approx(2 / 3)


def test_images_without_a_right_answer_are_left_out() -> None:
    scores = folded(rows([True, None, False], label=[3, None, 3]), rows([None, None], "imagenet-o", label=None))
    assert not len(scores[scores["suite"] == "imagenet-o"])
    top1 = score(scores, "clean", "top1")
    assert (top1["value"], top1["n"]) == (0.5, 2)


# Attacks


def test_attack_figures_of_twenty_images() -> None:
    """18 right when clean, 3 of them survive; one of the two others is repaired, which counts for nothing."""
    clean = [True] * 18 + [False] * 2
    scores = folded(attacked([True] * 3 + [False] * 15 + [True, False], clean))
    robust, success = (score(scores, PGD, metric) for metric in ("robust_accuracy", "attack_success_rate"))
    assert (robust["value"], robust["n"]) == (3 / 20, 20)
    assert (success["value"], success["n"]) == (15 / 18, 18)
    assert robust["low"] < 3 / 20 < robust["high"]


def test_a_targeted_attack_succeeds_when_it_hits() -> None:
    records = attacked([False, False, True], [True] * 3, success=[True, False, False])
    assert score(folded(records), PGD, "attack_success_rate")["value"] == pytest.approx(1 / 3)
    assert score(folded(records), PGD, "robust_accuracy")["value"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("columns", "metric", "note", "n"),
    [
        ({"clean_correct": [False] * 2, "success": None}, "attack_success_rate", "no sample was right when clean", 0),
        ({"clean_correct": [True, None]}, "robust_accuracy", "1 of 2 samples have no clean_correct", 0),
        ({"clean_correct": [True, None]}, "attack_success_rate", "1 of 2 samples have no clean_correct", 0),
        ({"success": [None, True]}, "attack_success_rate", "1 of 2 samples have no success", 2),
    ],
)
def test_attack_figures_that_cannot_be_measured(columns: dict[str, Any], metric: str, note: str, n: int) -> None:
    found = score(folded(attacked([False, False], [True, True], **columns)), PGD, metric)
    assert pd.isna(found["value"])
    assert (found["note"], found["n"]) == (note, n)


def test_worst_case_over_attacks_of_one_strength() -> None:
    clean = [True, True, True, False]
    other = "pgd(norm=linf,eps=4/255,steps=40)"
    scores = folded(
        attacked([True, False, True, False], clean, FGSM),
        attacked([True, True, False, False], clean, PGD),
        attacked([False] * 4, clean, other),
    )
    robust, success = score(scores, WORST, "robust_accuracy"), score(scores, WORST, "attack_success_rate")
    assert (robust["value"], success["value"]) == (1 / 4, pytest.approx(2 / 3))
    assert robust["note"] == f"worst of {FGSM}, {PGD}"
    assert "worst(norm=linf,eps=4/255)" not in set(scores["condition"])


def test_worst_case_needs_all_attacks_on_a_sample() -> None:
    scores = folded(attacked([True, False], [True, True], FGSM), attacked([True], [True], PGD))
    robust = score(scores, WORST, "robust_accuracy")
    assert (robust["value"], robust["n"]) == (1.0, 1)
    assert robust["note"].endswith("over the 1 of 2 samples that all of them share")


# Folding


def everything() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    clean = list(rng.random(6) < 0.8)
    parts = [
        rows(clean, correct5=[True] * 6),
        corrupted(lambda *_: rng.random(6) < 0.5),
        attacked([False] * 6, clean, FGSM),
        attacked(clean, clean, PGD),
    ]
    return pd.concat([part.assign(model=model) for model in ("m", "a") for part in parts], ignore_index=True)


EVERYTHING = everything()
SCORES = fold(EVERYTHING, seed=0, resamples=20)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_row_order_does_not_matter(seed: int) -> None:
    shuffled = EVERYTHING.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(fold(shuffled, seed=0, resamples=20), SCORES)


def test_seed_decides_intervals_and_nothing_else() -> None:
    same, other = (fold(EVERYTHING, seed=seed, resamples=20) for seed in (0, 1))
    pd.testing.assert_frame_equal(same, SCORES)
    pd.testing.assert_series_equal(other["value"], SCORES["value"])
    assert (other["low"] != SCORES["low"]).any()


def test_columns_types_and_order() -> None:
    assert list(SCORES.columns) == list(COLUMNS)
    assert list(SCORES["model"].unique()) == ["a", "m"]
    assert SCORES["value"].dtype == "Float64"
    assert not SCORES.duplicated(["model", "suite", "dataset", "condition", "severity", "metric"]).any()
    severe = SCORES[(SCORES["model"] == "a") & (SCORES["metric"] == "error") & SCORES["severity"].notna()]
    assert list(severe["condition"].unique()) == list(STANDARD)


def test_conditions_sort_clean_first_then_as_in_the_papers_then_by_size() -> None:
    names = [
        "pgd(eps=16/255)",
        "spatter",
        "pgd(eps=4/255)",
        "fog",
        "pgd(eps=0.5/255)",
        "frost",
        "fgsm(eps=8/255)",
        "clean",
    ]
    expected = ["clean", "frost", "fog", "spatter", "fgsm(eps=8/255)"]
    expected += ["pgd(eps=0.5/255)", "pgd(eps=4/255)", "pgd(eps=16/255)"]
    assert sorted(names, key=condition_order) == expected


def test_suite_notes_end_the_notes_of_their_rows() -> None:
    scores = folded(EVERYTHING, notes={"imagenet-c": "in memory"})
    noted = scores["note"].str.endswith("in memory")
    assert (noted == (scores["suite"] == "imagenet-c")).all()


def test_no_records_no_scores() -> None:
    empty = folded(rows([True]).iloc[:0])
    assert empty.empty and list(empty.columns) == list(COLUMNS)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (pd.concat([EVERYTHING, rows([True])]), "recorded twice: model m, suite imagenet.*sample_id 0"),
        (rows([True]).drop(columns=["correct5", "model"]), "lack the columns model, correct5"),
        (rows([True], severity=6), "severity is one of"),
        (rows([True]).assign(correct=None), "rows without correct"),
        (rows([True]).assign(correct=None, label=[3]), "rows without correct"),
        (rows([True], confidence=1.01), "confidence lies in"),
        (rows([True], confidence=-0.01), "confidence lies in"),
        (rows([True], model=None), "rows without model"),
    ],
)
def test_broken_records_are_refused(records: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fold(records, seed=0)


def test_an_interval_needs_a_resample() -> None:
    with pytest.raises(ValueError, match="one resample or more, not 0"):
        folded(rows([True]), resamples=0)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.001, 0.999), st.integers(0, 2**32 - 1))
def test_whatever_part_of_a_run_there_is_a_figure_is_a_number_or_says_why_not(share: float, seed: int) -> None:
    scores = folded(EVERYTHING.sample(frac=share, random_state=seed), resamples=3)
    unknown = scores["value"].isna()
    assert (scores.loc[unknown, "note"] != "").all()
    assert scores.loc[unknown, ["low", "high"]].isna().all(axis=None)
    numbers = scores.loc[~unknown, ["value", "low", "high"]].to_numpy(dtype="float64", na_value=0)
    assert np.isfinite(numbers).all()
    assert (scores["low"] <= scores["high"]).fillna(True).all()
    assert (scores.loc[~unknown, "n"] > 0).all()


def test_one_class_alone_has_figures_too() -> None:
    scores = folded(rows([True] * 15, label=[3] * 15, pred=[3] * 15, confidence=[0.9] * 15))
    assert score(scores, "clean", "top1")["low"] < 1
    assert score(scores, "clean", "ece")["value"] == pytest.approx(0.1)


def test_names_that_arrive_as_categories_in_any_order_make_no_difference() -> None:
    names = ("model", "suite", "dataset", "condition", "sample_id")
    turned = {name: EVERYTHING[name].astype("category") for name in names}
    turned = {name: own.cat.reorder_categories(own.cat.categories[::-1]) for name, own in turned.items()}
    pd.testing.assert_frame_equal(folded(EVERYTHING.assign(**turned), resamples=20), SCORES)


def test_columns_that_older_runs_lack_count_as_missing() -> None:
    later = {"label": None, "pred": None, "texture": None, "confidence": None}
    later |= {"correct_1000way": None, "correct_restricted": None, "queries": None}
    pd.testing.assert_frame_equal(folded(EVERYTHING.assign(**later), resamples=20), SCORES)


def test_records_as_parquet_gives_them_are_understood() -> None:
    """Integers with gaps arrive as floats, booleans with gaps as objects."""
    plain = rows([True, None], label=[3.0, np.nan], pred=[3.0, 4.0], confidence=[0.5, np.nan])
    assert score(folded(plain.astype({"correct": "object"})), "clean", "top1")["n"] == 1


def test_the_same_image_in_two_data_sets_of_a_suite_is_no_duplicate() -> None:
    assert set(folded(rows([True]), rows([False], dataset="other"))["dataset"]) == {"imagenet", "other"}


def test_metrics_are_registered_once() -> None:
    assert BENCHMARKS.keys() < set(METRICS)
    with pytest.raises(ValueError, match="twice"):
        METRICS.add("accuracy", METRICS["accuracy"])


@pytest.mark.parametrize("package", ["robustness.metrics", "reports"])
def test_needs_no_torch(package: str) -> None:
    code = f"import sys, {package}; sys.exit(bool({{'torch', 'timm', 'torchvision'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
