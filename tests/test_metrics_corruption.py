"""Corruption errors: hand-made rows, AlexNet's own errors, another benchmark's table, and every gap there can be."""

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from metric_records import corrupted, folded, half_right, rows, score

from robustness import corruptions
from robustness.metrics import corruption
from robustness.metrics.alexnet import CLEAN_ERROR, ERRORS, EXTRA, GROUPS, SEVERITIES, STANDARD, SUMMED_ERRORS
from robustness.metrics.corruption import ce, corruption_errors, mean_error, relative_ce
from robustness.metrics.error_counts import ErrorCounts
from robustness.metrics.evaluation import Evaluation
from robustness.metrics.statistics import wilson

# RobustBench's accuracies of two models on its 5,000 images (RobustBench/robustbench, unaggregated results)
ROBUSTBENCH = Path(__file__).parent / "data" / "robustbench_imagenet_c_accuracy.csv"


def errors_of(shares: Mapping[str, Sequence[float]], n: int) -> pd.DataFrame:
    """Records of n images in which the first ones are wrong: those shares of them, by corruption and severity."""
    wrong = {name: [round(share * n) for share in severities] for name, severities in shares.items()}
    return corrupted(lambda name, severity: np.arange(n) >= wrong[name][severity - 1], list(shares))


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
    clean = rows(np.arange(n) >= round(CLEAN_ERROR * n))
    scores = folded(clean, errors_of({name: ERRORS[name] for name in STANDARD}, n), resamples=2)
    for condition, metric in (*((name, "ce") for name in STANDARD), ("all", "mce")):
        assert score(scores, condition, metric)["value"] == pytest.approx(100, abs=0.1)
    assert score(scores, "all", "relative_mce")["value"] == pytest.approx(100, abs=0.3)
    expected = np.mean([ERRORS[name] for name in STANDARD])
    assert score(scores, "all", "mean_error")["value"] == pytest.approx(expected, abs=1e-3)


def test_alexnet_on_all_50000_images_has_one_hundred_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of records would take a while: the counts that they make come here as they are."""
    n = 50_000
    images = np.arange(n)[:, None, None]
    wrong = np.round(np.array([ERRORS[name] for name in STANDARD]) * n)
    counts = pd.DataFrame((images < wrong).sum(axis=2), pd.RangeIndex(n).astype(str), STANDARD, "float64")
    assert (counts.sum() == wrong.sum(axis=1)).all()
    monkeypatch.setattr(corruption, "count_errors", lambda *_: ErrorCounts(counts, {}, ""))
    clean, one = rows(np.arange(n) >= round(CLEAN_ERROR * n)), rows([True], severity=1)
    evaluation = Evaluation("imagenet-c", one, one, clean, one, seed=0, resamples=1)
    figures = {(row.condition, row.metric): row.score.value for row in corruption_errors(evaluation)}
    of_alexnet = {key: value for key, value in figures.items() if key[1].endswith("ce")}
    assert len(of_alexnet) == 2 * (15 + 4 + 1)
    assert set(of_alexnet.values()) == {100.0}


def test_robustbenchs_table_by_its_own_alexnet_row_gives_its_mce() -> None:
    accuracies = pd.read_csv(ROBUSTBENCH, index_col=["model", "corruption"])
    summed = (1 - accuracies).sum(axis=1).unstack()
    found = ce(summed, summed.loc["AlexNet"].to_dict()).mean(axis=1)
    assert found["AlexNet"] == 100
    assert found["Standard_R50"] == pytest.approx(76.38, abs=0.005)
    assert ce(summed).mean(axis=1)["AlexNet"] == pytest.approx(100, abs=0.6)  # its AlexNet is another, on 5,000 images


def test_groups_are_the_four_archives_of_the_benchmark() -> None:
    assert {group: len(names) for group, names in GROUPS.items()} == {"noise": 3, "blur": 4, "weather": 4, "digital": 4}
    assert tuple(name for names in GROUPS.values() for name in names) == STANDARD


def test_figures_of_a_group_are_means_over_its_corruptions() -> None:
    scores = folded(rows([True, False] * 4), errors_of({name: [k / 15] * 5 for k, name in enumerate(STANDARD)}, 8))
    for group, names in GROUPS.items():
        for metric in ("ce", "relative_ce", "mean_error"):
            singles = [score(scores, name, metric)["value"] for name in names]
            found = score(scores, group, f"group_{metric}")
            assert found["value"] == pytest.approx(np.mean(singles))
            assert found["n"] == 8
    assert "group_ce" not in set(folded(corrupted(half_right, EXTRA, "imagenet-c-extra"))["metric"])


def test_instability_is_the_rate_of_images_that_are_right_at_some_severities_alone() -> None:
    """Under fog: right throughout, wrong throughout, and wrong from severity 3 on; else all right."""

    def right(name: str, severity: int) -> list[bool]:
        return [True, False, severity < 3] if name == "fog" else [True] * 3

    scores = folded(corrupted(right))
    assert score(scores, "fog", "corruption_instability")["value"] == pytest.approx(1 / 3)
    assert score(scores, "snow", "corruption_instability")["value"] == 0
    overall = score(scores, "all", "corruption_instability")
    assert (overall["value"], overall["n"], overall["unit"]) == (pytest.approx(1 / 3 / 15), 3, "fraction")
    assert score(scores, "fog", "corruption_instability")["low"] == wilson(1, 3).low
    gap = score(folded(corrupted(right, ["fog", "snow"])), "all", "corruption_instability")
    assert pd.isna(gap["value"]) and gap["note"].endswith("jpeg_compression: no records")


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
    assert set(scores.loc[scores["suite"] == suite, "metric"]) == {
        *("top1", "error", "mean_error", "corruption_instability")
    }


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
