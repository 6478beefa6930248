"""Details: the small tables that figures are drawn from, against counts made by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from metric_records import attacked, rows

from robustness.metrics.details import details
from robustness.metrics.effective import SHIFTS, line
from robustness.metrics.statistics import wilson


def made(*records: pd.DataFrame, names: dict[str, dict[int, str]] | None = None) -> dict[str, pd.DataFrame]:
    return details(pd.concat(records, ignore_index=True), names or {})


# Reliability


def test_bins_count_what_lies_in_them() -> None:
    clean = rows([True, True, False, False], confidence=[0.99, 0.95, 0.94, 0.19])
    table = made(clean)["reliability"]
    assert table["bin"].tolist() == [3, 15]
    assert table["n"].tolist() == [1, 3]
    assert table["confidence"].tolist() == pytest.approx([0.19, 0.96])
    assert table["accuracy"].tolist() == pytest.approx([0, 2 / 3])
    assert table["low"].tolist() == pytest.approx([wilson(0, 1).low, wilson(2, 3).low])
    assert set(table["condition"]) == {"clean"}
    assert (table["suite"] == table["dataset"]).all()


def test_corruptions_of_one_severity_share_bins_and_their_intervals_count_images() -> None:
    severe = [
        rows([True, False], "imagenet-c", name, severity=severity, confidence=[0.99, 0.99])
        for name in ("fog", "snow")
        for severity in (1, 2)
    ]
    table = made(*severe)["reliability"]
    assert table[["condition", "severity", "n"]].values.tolist() == [["all", 1, 4], ["all", 2, 4]]
    assert table["high"].tolist() == pytest.approx([wilson(1, 2).high] * 2)


def test_nothing_is_said_of_attacks_challenges_and_unknown_confidence() -> None:
    attack = attacked([True], [True], "pgd(norm=linf,eps=4/255,steps=4)", confidence=0.5)
    search = rows([True], "background-challenge", "challenge", confidence=0.5)
    assert not made(attack, search)
    assert not made(rows([True], confidence=None))


# Classes


def test_corruptions_are_held_against_the_same_images() -> None:
    clean = rows([True, True, True, False], label=[0, 0, 0, 1])
    worse = rows([True, False, False, True], "imagenet-c", "fog", severity=1, label=[0, 0, 0, 1])
    worst = rows([False, False, False, True], "imagenet-c", "fog", severity=2, label=[0, 0, 0, 1])
    table = made(clean, worse, worst, names={"imagenet": {0: "tench"}})["classes"].set_index("name")
    changes = np.array([-0.5, -1, -1])
    half = 4.302652729911275 * changes.std(ddof=1) / math.sqrt(3)  # Student's quantile of two degrees of freedom
    assert table.loc["tench", ["clean", "shifted", "change", "n"]].tolist() == pytest.approx([1, 1 / 6, -5 / 6, 3])
    assert table.loc["tench", ["low", "high"]].tolist() == pytest.approx([-5 / 6 - half, -5 / 6 + half])
    assert table.loc["1", ["clean", "shifted", "change"]].tolist() == [0, 1, 1]
    assert pd.isna(table.loc["1", "low"])


def test_two_images_of_a_class_have_an_interval_unless_they_agree() -> None:
    clean = rows([True] * 4, label=[0, 0, 1, 1])
    table = made(clean, rows([True, False, False, False], "imagenet-c", "fog", severity=1, label=[0, 0, 1, 1]))
    half = 12.706204736432095 * math.sqrt(0.5) / math.sqrt(2)  # Student's quantile of one degree of freedom
    differing, agreeing = table["classes"].itertuples()
    assert (differing.low, differing.high) == pytest.approx((-0.5 - half, -0.5 + half))
    assert agreeing.change == -1
    assert pd.isna(agreeing.low) and pd.isna(agreeing.high)


def test_the_classes_of_a_smaller_data_set_are_held_against_its_own_clean_images() -> None:
    small = rows([False, True], dataset="small", label=[0, 0])
    severe = rows([False, False], "imagenet-c", "fog", dataset="small", severity=1, label=[0, 0])
    other = rows([True, True], label=[0, 0], model="other")
    for clean in ([small, rows([True, True], label=[0, 0])], [small], [small, other]):
        assert made(*clean, severe)["classes"]["change"].tolist() == [-0.5]
    assert made(rows([True, True], label=[0, 0]), severe)["classes"]["change"].tolist() == [-1]
    assert "classes" not in made(other, severe)


def test_natural_shifts_are_held_against_other_images_of_their_classes() -> None:
    companion = rows([True, True], "imagenet-r", label=[6, 6])
    shifted = rows([False, True, True], "imagenet-r", dataset="imagenet-r", label=[6, 6, 7])
    table = made(companion, shifted)["classes"]
    assert table[["label", "clean", "shifted", "change", "n"]].values.tolist() == [[6, 1, 0.5, -0.5, 2]]
    assert table["low"].item() < -0.5 < table["high"].item()


def test_a_shift_of_all_classes_is_held_against_imagenet() -> None:
    own = rows([False], "imagenet-sketch", dataset="imagenet-sketch", label=[3])
    assert made(rows([True], label=[3]), own)["classes"]["change"].tolist() == [-1]
    assert "classes" not in made(own)
    assert "classes" not in made(rows([True], label=[3]), own.assign(suite="imagenet-a", dataset="imagenet-a"))


# Shape bias


def test_shape_bias_of_each_category() -> None:
    cues = {"label": [0, 0, 0, 1, 1], "texture": [1, 1, 2, 0, 1], "pred": [0, 1, 5, 1, 1]}
    conflicts = rows([True, False, False, True, True], "cue-conflict", dataset="cue-conflict", **cues)
    table = made(conflicts, names={"cue-conflict": {0: "airplane"}})["shape_bias"]
    assert table[["name", "shape_bias", "n"]].values.tolist() == [["airplane", 0.5, 2], ["1", 1.0, 1]]
    assert table["cue_accuracy"].tolist() == pytest.approx([2 / 3, 1])


# Testbed


def test_testbed_has_standard_models_their_line_and_those_measured() -> None:
    clean = rows([True] * 8 + [False] * 2)
    shifted = rows([True] * 2 + [False] * 2, "imagenet-sketch", dataset="imagenet-sketch")
    table = made(clean, shifted)["testbed"]
    counts = table["kind"].value_counts()
    fitted = line(SHIFTS["imagenet-sketch", "clean"])
    assert counts["standard"] == fitted.models
    drawn = table[table["kind"] == "line"]
    assert set(drawn["model"]) == {""}
    assert drawn["shifted"].tolist() == pytest.approx([fitted.expected(x) for x in drawn["clean"]])
    (measured,) = table[table["kind"] == "measured"].itertuples()
    assert (measured.model, measured.clean, measured.shifted, measured.n) == ("m", 0.8, 0.5, 4)
    assert (measured.clean_low, measured.low) == pytest.approx((wilson(8, 10).low, wilson(2, 4).low))


def test_testbed_line_breaks_at_the_model_that_imagenet_a_was_made_with() -> None:
    companion = rows([True], "imagenet-a")
    table = made(companion, rows([False], "imagenet-a", dataset="imagenet-a"))["testbed"]
    shift, standard = SHIFTS["imagenet-a", "clean"], table[table["kind"] == "standard"]
    assert shift.pivot is not None
    for side, above in (("", False), ("above", True)):
        models = standard.loc[(standard["clean"] > shift.pivot) == above, "clean"]
        drawn = table[(table["kind"] == "line") & (table["model"] == side)]
        assert len(models) == line(shift, above=above).models
        assert (drawn["clean"].min(), drawn["clean"].max()) == pytest.approx((models.min(), models.max()))
        expected = [line(shift, above=above).expected(x) for x in drawn["clean"]]
        assert drawn["shifted"].tolist() == pytest.approx(expected)


def test_testbed_is_left_out_without_clean_images() -> None:
    assert "testbed" not in made(rows([False], "imagenet-a", dataset="imagenet-a"))


def test_objectnet_is_scored_as_the_testbed_scores_it() -> None:
    companion = rows([True], "objectnet")
    shifted = rows([False, False], "objectnet", dataset="objectnet", correct_restricted=[True, False])
    table = made(companion, shifted)["testbed"]
    assert table.loc[table["kind"] == "measured", "shifted"].tolist() == [0.5]


def test_bad_records_are_refused() -> None:
    with pytest.raises(ValueError, match="lack the columns correct"):
        details(rows([True]).drop(columns="correct"), {})
    with pytest.raises(ValueError, match="confidence lies in"):
        details(rows([True], confidence=[1.5]), {})
