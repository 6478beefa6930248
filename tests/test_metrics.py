"""Metrics on records whose figures are known: hand-made rows, AlexNet's own errors, and every gap there can be."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import metric_records
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_records import folded, rows, score

from robustness import corruptions
from robustness.metrics import COLUMNS, METRICS, fold
from robustness.metrics.alexnet import CLEAN_ERROR, ERRORS, EXTRA, SEVERITIES, STANDARD, SUMMED_ERRORS
from robustness.metrics.corruption import ce, mean_error, relative_ce
from robustness.metrics.evaluation import condition_order
from robustness.metrics.folding import BENCHMARKS

FGSM, PGD = "fgsm(norm=linf,eps=1/255)", "pgd(norm=linf,eps=1/255,steps=40)"
WORST = "worst(norm=linf,eps=1/255)"


def attacked(correct: Sequence[bool], clean: Sequence[bool], condition: str = PGD, **columns: Any) -> pd.DataFrame:
    return metric_records.attacked(correct, clean, condition, **columns)


def corrupted(
    right: Callable[[str, int], Sequence[bool]], names: Sequence[str] = STANDARD, suite: str = "imagenet-c"
) -> pd.DataFrame:
    """Records of all severities of the corruptions `names`."""
    return pd.concat(
        [rows(right(name, severity), suite, name, severity=severity) for name in names for severity in SEVERITIES],
        ignore_index=True,
    )


def half_right(_name: str, _severity: int) -> list[bool]:
    return [True, False, True, False]


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


# Corruption errors


def test_alexnet_table_is_consistent() -> None:
    table = pd.read_csv(files("robustness.metrics") / "alexnet_imagenet_c.csv", index_col="corruption")
    means = table[[f"s{severity}" for severity in SEVERITIES]].dropna().mean(axis=1)
    assert len(means) == 19
    np.testing.assert_allclose(means, table.loc[means.index, "alexnet_err_avg"], atol=5e-7)
    assert CLEAN_ERROR == 0.4348
    assert (STANDARD, EXTRA) == (corruptions.STANDARD, corruptions.EXTRA)


def test_alexnet_is_one_hundred_exactly() -> None:
    summed = pd.DataFrame([SUMMED_ERRORS])
    assert (ce(summed) == 100).all(axis=None)
    assert ce(summed[list(STANDARD)]).mean(axis=1).item() == 100
    assert (relative_ce(summed, pd.Series([CLEAN_ERROR])) == 100).all(axis=None)
    assert mean_error(summed)["fog"].item() == pytest.approx(0.819324)


def test_alexnet_as_records_has_mce_one_hundred() -> None:
    n = 1000
    right = {name: [np.arange(n) >= round(error * n) for error in errors] for name, errors in ERRORS.items()}
    clean = rows(np.arange(n) >= round(CLEAN_ERROR * n))
    scores = folded(clean, corrupted(lambda name, severity: right[name][severity - 1]))
    for condition, metric in (*((name, "ce") for name in STANDARD), ("all", "mce")):
        assert score(scores, condition, metric)["value"] == pytest.approx(100, abs=0.1)
    assert score(scores, "all", "relative_mce")["value"] == pytest.approx(100, abs=0.3)
    expected = np.mean([ERRORS[name] for name in STANDARD])
    assert score(scores, "all", "mean_error")["value"] == pytest.approx(expected, abs=1e-3)


def test_corruption_errors_of_hand_made_rows() -> None:
    """Four images; fog is wrong at severities 4 and 5 for the first image, all else as when clean."""
    clean = [True, True, True, False]
    scores = folded(
        rows(clean), corrupted(lambda name, severity: [not (name == "fog" and severity > 3), True, True, False])
    )
    assert score(scores, "fog", "mean_error")["value"] == pytest.approx((5 + 2) / 20)
    assert score(scores, "fog", "ce")["value"] == pytest.approx(100 * (5 + 2) / 4 / SUMMED_ERRORS["fog"])
    gain = SUMMED_ERRORS["fog"] / 5 - CLEAN_ERROR
    assert score(scores, "fog", "relative_ce")["value"] == pytest.approx(100 * (2 / 20) / gain)
    snow = score(scores, "snow", "relative_ce")  # every image errs as when clean: paired, nothing is left to vary
    assert (snow["value"], snow["note"]) == (0, "no interval: the images do not vary")
    assert score(scores, "all", "relative_mce")["value"] == pytest.approx(100 * (2 / 20) / gain / 15)
    mce = score(scores, "all", "mce")
    singles = scores.loc[scores["metric"] == "ce", "value"]
    assert (mce["value"], mce["n"], mce["unit"]) == (pytest.approx(singles.mean()), 4, "percent of AlexNet")
    assert mce["low"] < mce["value"] < mce["high"]


def test_interval_of_a_corruption_error_is_that_of_a_mean_over_images() -> None:
    """Whether an image is right is the same at all severities: 5 errors or none, so n = 400, not 2000."""
    right = [True, False] * 200
    scores = folded(corrupted(lambda *_: right), resamples=2000)
    half = 1.96 * 0.5 / 20
    found = score(scores, "all", "mean_error")
    assert (found["low"], found["high"]) == pytest.approx((0.5 - half, 0.5 + half), abs=0.006)


def test_relative_error_can_be_negative() -> None:
    scores = folded(rows([False, True]), corrupted(lambda *_: [True, True]))
    assert score(scores, "all", "relative_mce")["value"] < 0


@pytest.mark.parametrize("suite", ["imagenet-c-extra", "imagenet-c-bar"])
def test_other_suites_have_no_mce(suite: str) -> None:
    names = EXTRA if suite == "imagenet-c-extra" else ("caustic_refraction", "sparkles")
    scores = folded(corrupted(half_right, names, suite))
    assert not {"mce", "relative_mce"} & set(scores["metric"])
    assert ("ce" in set(scores["metric"])) == (suite == "imagenet-c-extra")
    overall = score(scores, "all", "mean_error")
    assert (overall["value"], overall["note"]) == (0.5, "" if names == EXTRA else "over the 2 corruptions recorded")


@pytest.mark.parametrize("suite", ["imagenet-3dcc", "imagenet-c-bar"])
def test_alexnet_is_no_measure_of_other_images_even_under_the_same_name(suite: str) -> None:
    scores = folded(rows([True] * 4), corrupted(half_right, ["fog", "near_focus"], suite))
    assert set(scores.loc[scores["suite"] == suite, "metric"]) == {"top1", "error", "mean_error"}


def test_conditions_without_severity_are_no_corruptions() -> None:
    corruptions_alone = corrupted(half_right)
    scores = folded(corruptions_alone, rows([True] * 9, "imagenet-c"), rows([True] * 9, "imagenet-c", "greyscale"))
    errors = scores[~scores["metric"].isin(["top1", "error"])].reset_index(drop=True)
    alone = folded(corruptions_alone)
    pd.testing.assert_frame_equal(errors, alone[~alone["metric"].isin(["top1", "error"])].reset_index(drop=True))
    assert score(scores, "greyscale", "top1")["value"] == 1


GAPS: Mapping[str, tuple[Callable[[pd.DataFrame], "pd.Series[bool]"], str, str]] = {
    "one severity": (
        lambda r: (r["condition"] == "fog") & (r["severity"] == 4),
        "mce",
        "fog: no records at severity 4",
    ),
    "one corruption": (lambda r: r["condition"] == "snow", "mce", "snow: no records"),
    "both": (
        lambda r: (r["condition"] == "snow") | ((r["condition"] == "fog") & r["severity"].isin([1, 5])),
        "mean_error",
        "snow: no records; fog: no records at severity 1, 5",
    ),
    "all but severity 3": (lambda r: r["severity"].fillna(3) != 3, "mce", "no records at severity 1, 2, 4, 5"),
    "no clean rows": (
        lambda r: r["condition"] == "clean",
        "relative_mce",
        "the model has no clean records of suite imagenet",
    ),
    "other clean rows": (
        lambda r: (r["condition"] == "clean") == (r["sample_id"] < "2"),
        "relative_mce",
        "the clean records of suite imagenet are of other samples",
    ),
    "no common sample": (
        lambda r: ((r["condition"] == "fog") == (r["sample_id"] < "2")) & (r["condition"] != "clean"),
        "mce",
        "no sample has records under every condition",
    ),
}


@pytest.mark.parametrize("gap", GAPS)
def test_what_is_missing_is_named(gap: str) -> None:
    drop, metric, reason = GAPS[gap]
    records = pd.concat([rows([True, True, False, True]), corrupted(half_right)], ignore_index=True)
    found = score(folded(records[~drop(records).fillna(False)]), "all", metric)
    assert pd.isna(found["value"]) and pd.isna(found["low"]) and pd.isna(found["high"])
    assert (found["note"], found["n"]) == (reason, 0)


def test_a_gap_leaves_the_other_corruptions_alone() -> None:
    records = corrupted(half_right)
    scores = folded(records[~((records["condition"] == "fog") & (records["severity"] == 4))])
    assert score(scores, "fog", "ce")["note"] == "no records at severity 4"
    assert score(scores, "snow", "ce")["value"] == pytest.approx(100 * 2.5 / SUMMED_ERRORS["snow"])


def test_failed_images_leave_the_common_samples() -> None:
    records = corrupted(half_right)
    lost = (records["condition"] == "fog") & (records["severity"] == 2) & (records["sample_id"] == "1")
    scores = folded(records[~lost], rows([True, True, True]))
    mean = score(scores, "snow", "mean_error")
    assert (mean["value"], mean["n"]) == (pytest.approx(1 / 3), 3)
    assert mean["note"] == "over the 3 of 4 samples that all conditions share"
    relative = score(scores, "all", "relative_mce")
    assert relative["n"] == 2
    assert (
        relative["note"] == f"{mean['note']}; 2 of 3 samples have a clean record; no interval: the images do not vary"
    )


def test_clean_rows_of_the_same_data_set_are_preferred_and_others_must_be_unambiguous() -> None:
    one = corrupted(half_right)
    elsewhere = [rows([True] * 4, dataset="a"), rows([False] * 4, dataset="b")]
    reason = "the model has clean records of suite imagenet on several other data sets"
    assert score(folded(one, *elsewhere), "all", "relative_mce")["note"] == reason
    own = score(folded(one, *elsewhere, rows([True, False] * 2)), "all", "relative_mce", dataset="imagenet")
    assert own["value"] == 0


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
    benchmarks = {"calibration", "accuracy_drop", "out_of_distribution", "shape_bias", "background"}
    assert set(METRICS) == {"accuracy", "corruption", "adversarial"} | benchmarks
    assert BENCHMARKS.keys() == benchmarks
    with pytest.raises(ValueError, match="twice"):
        METRICS.add("accuracy", METRICS["accuracy"])


@pytest.mark.parametrize("package", ["robustness.metrics", "reports"])
def test_needs_no_torch(package: str) -> None:
    code = f"import sys, {package}; sys.exit(bool({{'torch', 'timm', 'torchvision'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
