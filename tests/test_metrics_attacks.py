"""Figures of attacks beyond the two rates: distances, rounding, targets, passes, and who enters the worst case."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from metric_records import attacked, folded, score

from robustness.metrics.minimal_norm import RADII, medians
from robustness.metrics.smallest_eps import AT_MOST

FMN, FMN_L1 = "fmn(norm=linf,steps=100)", "fmn(norm=l1,steps=100)"
FGSM, PGD = "fgsm(norm=linf,eps=1/255)", "pgd(norm=linf,eps=1/255,steps=40)"
WORST = "worst(norm=linf,eps=1/255)"


def nearest(distances: list[float], clean: list[bool] | None = None, condition: str = FMN) -> pd.DataFrame:
    """Records of a minimal-norm attack: distances in 1/255, 0 for what it did not fool."""
    clean = clean or [True] * len(distances)
    correct = [right and distance == 0 for right, distance in zip(clean, distances, strict=True)]
    lengths = np.array(distances) / 255
    return attacked(correct, clean, condition, linf=lengths, l2=lengths, l1=lengths)


def test_one_run_of_a_minimal_norm_attack_gives_the_curve() -> None:
    """Five images: fooled at 0.2, 1 and 3, never, and wrong when clean."""
    scores = folded(nearest([0.2, 1, 3, 0, 0], [True] * 4 + [False]))
    curve = [score(scores, f"{FMN} within {radius}", "robust_accuracy") for radius in RADII["linf"]]
    assert [each["value"] for each in curve] == pytest.approx([3 / 5, 3 / 5, 2 / 5, 2 / 5, 1 / 5, 1 / 5])
    assert {each["n"] for each in curve} == {5}
    assert "robust_accuracy" not in set(scores.loc[scores["condition"] == FMN, "metric"])
    rate = score(scores, FMN, "attack_success_rate")
    assert (rate["value"], rate["n"], rate["note"]) == (3 / 4, 4, "at whatever distance")


def test_the_median_counts_what_was_never_fooled_as_infinitely_far() -> None:
    found = score(folded(nearest([1, 3, 2, 0, 0], [True] * 4 + [False])), FMN, "median_distance")
    assert (found["value"], found["n"], found["unit"]) == (
        pytest.approx(2.5 / 255),
        4,
        "linf distance of pixels in [0, 1]",
    )
    assert found["low"] == pytest.approx(1 / 255)
    assert pd.isna(found["high"])
    assert found["note"] == "1 of 4 samples were never fooled; the upper bound is beyond what was found"


@pytest.mark.parametrize(
    ("records", "note", "n"),
    [
        (nearest([1, 0, 0]), "2 of 3 samples were never fooled", 3),
        (nearest([1, 0]), "1 of 2 samples were never fooled", 2),
        (nearest([0], [False]), "no sample was right when clean", 0),
        (nearest([1, 1]).assign(linf=[0.1, None]), "1 of 2 samples have no linf", 2),
        (nearest([1, 1]).drop(columns="linf"), "2 of 2 samples have no linf", 2),
        (nearest([1, 1]).assign(success=[True, None]), "1 of 2 samples have no success", 2),
        (nearest([1, 1]).assign(clean_correct=[True, None]), "1 of 2 samples have no clean_correct", 0),
    ],
)
def test_medians_that_cannot_be_measured(records: pd.DataFrame, note: str, n: int) -> None:
    found = score(folded(records), FMN, "median_distance")
    assert pd.isna(found["value"]) and pd.isna(found["low"]) and pd.isna(found["high"])
    assert (found["note"], found["n"]) == (note, n)


def test_equal_distances_have_no_interval() -> None:
    found = score(folded(nearest([2, 2, 2])), FMN, "median_distance")
    assert found["value"] == pytest.approx(2 / 255)
    assert pd.isna(found["low"]) and found["note"] == "no interval: it is the same in all resamples of the images"


def radii(fooled_at: list[int], clean: list[bool] | None = None, eps: Sequence[int] = (1, 2, 4)) -> list[pd.DataFrame]:
    """Records of one attack with several radii in 1/255, by the smallest that fools each image; 9 for none."""
    clean = clean or [True] * len(fooled_at)
    return [
        attacked(
            [right and radius < smallest for right, smallest in zip(clean, fooled_at, strict=True)],
            clean,
            f"pgd(norm=linf,eps={radius}/255,steps=40)",
        )
        for radius in eps
    ]


FAMILY = "pgd(norm=linf,steps=40)"


def test_the_median_radius_of_five_images() -> None:
    """Fooled at 1, 2, 4 and never; the fifth was wrong when clean."""
    found = score(folded(*radii([1, 2, 4, 9, 1], [True] * 4 + [False])), FAMILY, "median_eps")
    assert (found["value"], found["n"]) == (pytest.approx(3 / 255), 4)
    assert found["unit"] == "linf radius of pixels in [0, 1]"
    assert found["note"].startswith("1 of 4 samples were never fooled")
    assert "share" not in found["note"]


def test_the_median_radius_is_over_the_samples_that_all_radii_share() -> None:
    one, two, four = radii([1, 1, 2])
    found = score(folded(one, two, four.iloc[:2]), FAMILY, "median_eps")
    assert found["value"] == pytest.approx(1 / 255)
    assert found["note"].endswith("over the 2 of 3 samples that all radii share")


@pytest.mark.parametrize(
    ("fooled_at", "bound"), [([1, 1, 2], True), ([1, 1], True), ([1, 2, 2], False), ([1, 2], False), ([1, 1, 9], True)]
)
def test_a_median_at_the_smallest_radius_tried_is_called_a_bound(fooled_at: list[int], bound: bool) -> None:
    found = score(folded(*radii(fooled_at)), FAMILY, "median_eps")
    assert (found["value"] == pytest.approx(1 / 255)) == bound
    assert (AT_MOST in found["note"]) == bound


def test_attacks_of_one_radius_or_other_steps_are_no_family() -> None:
    other = attacked([True], [True], "pgd(norm=linf,eps=8/255,steps=10)")
    scores = folded(radii([1])[0], other, attacked([True], [True], "fgsm(norm=linf,eps=1/255)"))
    assert "median_eps" not in set(scores["metric"])


@pytest.mark.parametrize(
    ("records", "note"),
    [
        (radii([9, 9, 1]), "2 of 3 samples were never fooled"),
        (radii([1, 1], [False, False]), "no sample was right when clean"),
        (
            [part.iloc[place : place + 1] for place, part in enumerate(radii([1, 1, 1]))],
            "no sample was right when clean and attacked with every radius",
        ),
        ([part.assign(success=None) for part in radii([1])], "3 of 3 samples have no success"),
        ([part.assign(clean_correct=None) for part in radii([1])], "3 of 3 samples have no clean_correct"),
    ],
)
def test_median_radii_that_cannot_be_measured(records: list[pd.DataFrame], note: str) -> None:
    found = score(folded(*records), FAMILY, "median_eps")
    assert pd.isna(found["value"]) and pd.isna(found["low"]) and found["note"] == note
    assert found["unit"] == "linf radius of pixels in [0, 1]"


def test_the_interval_of_the_median_is_that_of_its_order_statistics() -> None:
    """Of 100 images the 2.5 % and 97.5 % quantiles of the median's rank are 50 ± 1.96 · 5."""
    found = score(folded(nearest([float(i) for i in range(1, 101)]), resamples=2000), FMN, "median_distance")
    assert (found["low"] * 255, found["high"] * 255) == pytest.approx((50.5 - 9.8, 50.5 + 9.8), abs=1.6)


def test_medians_of_resamples_are_those_of_the_repeated_values() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 8):
        values = np.sort(rng.random(n))
        counts = np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(20)]).astype(float)
        expected = [np.median(np.repeat(values, row.astype(int))) for row in counts]
        np.testing.assert_allclose(medians(values, counts), expected)


def test_radii_of_every_norm_are_those_of_conditions() -> None:
    from robustness.attacks import NORMS, canonical

    assert set(RADII) == set(NORMS)
    for norm, radii in RADII.items():
        assert [canonical(radius, norm) for radius in radii] == list(radii)


def test_the_worst_case_counts_a_minimal_norm_attack_within_the_radius() -> None:
    scores = folded(
        attacked([True, True, True, False], [True] * 4, PGD),
        nearest([1, 1.1, 0, 0.1]),
        nearest([0.1] * 4, condition=FMN_L1),  # of another norm
    )
    robust, fooled = score(scores, WORST, "robust_accuracy"), score(scores, WORST, "attack_success_rate")
    assert (robust["value"], fooled["value"]) == (0.5, 0.5)
    assert robust["note"] == f"worst of {FMN}, {PGD}"
    assert f"worst of {FMN}" not in set(scores["note"])


def test_a_distance_that_is_not_known_is_not_guessed() -> None:
    scores = folded(attacked([True, False], [True] * 2, PGD), nearest([1, 1]).assign(linf=[None, None]))
    found = score(scores, WORST, "robust_accuracy")
    assert pd.isna(found["value"]) and found["note"] == "1 of 2 samples have no correct"


def test_targeted_attacks_stay_out_of_the_worst_case_and_transferred_ones_do_not() -> None:
    targeted = "pgd(norm=linf,eps=1/255,steps=40,targeted=random)"
    transferred = "pgd(norm=linf,eps=1/255,steps=40,surrogate=resnet50)"
    clean = [True] * 3
    scores = folded(
        attacked([True, True, False], clean, PGD),
        attacked([False, True, True], clean, targeted, success=[False] * 3),
        attacked([True, False, True], clean, transferred),
    )
    assert score(scores, WORST, "robust_accuracy")["value"] == pytest.approx(1 / 3)
    assert score(scores, WORST, "robust_accuracy")["note"] == f"worst of {PGD}, {transferred}"
    robust, hit = score(scores, targeted, "robust_accuracy"), score(scores, targeted, "attack_success_rate")
    assert (robust["value"], hit["value"]) == (pytest.approx(2 / 3), 0)
    assert robust["note"] == "robust against any misclassification, fooled by the target alone"
    assert score(scores, transferred, "robust_accuracy")["note"] == "made on resnet50"


def test_rounded_images_have_figures_of_their_own() -> None:
    def rounded(condition: str, correct_8bit: list[bool], **columns: Any) -> pd.DataFrame:
        success = [not right for right in correct_8bit]
        return attacked([False] * 4, [True] * 4, condition, correct_8bit=correct_8bit, success_8bit=success, **columns)

    linf = [1 / 255] * 4
    scores = folded(
        rounded(FGSM, [True, False, False, True]),
        rounded(PGD, [True, True, False, False]),
        rounded(FMN, [False] * 4, linf=linf),
    )
    assert score(scores, PGD, "robust_accuracy_8bit")["value"] == 0.5
    assert score(scores, FGSM, "attack_success_rate_8bit")["value"] == 0.5
    worst = score(scores, WORST, "robust_accuracy_8bit")
    assert (worst["value"], worst["note"]) == (0.25, f"worst of {FGSM}, {PGD}")
    assert score(scores, WORST, "attack_success_rate_8bit")["value"] == 0.75
    assert score(scores, WORST, "robust_accuracy")["note"] == f"worst of {FGSM}, {FMN}, {PGD}"
    assert score(scores, FMN, "attack_success_rate_8bit")["value"] == 1
    assert "robust_accuracy_8bit" not in set(scores.loc[scores["condition"] == FMN, "metric"])


def test_records_of_older_runs_have_no_rounded_figures() -> None:
    scores = folded(attacked([True], [True], PGD, correct_8bit=None, success_8bit=None))
    assert set(scores["metric"]) == {"robust_accuracy", "attack_success_rate"}


def test_passes_are_those_of_the_images_that_were_attacked() -> None:
    records = attacked([True, False, False], [True, True, False], PGD, queries=[40, 3, 0], backward=[39, 2, 0])
    scores = folded(records)
    forward, backward = (score(scores, PGD, f"{name}_passes") for name in ("forward", "backward"))
    assert (forward["value"], backward["value"]) == (21.5, 20.5)
    assert (forward["n"], forward["unit"]) == (2, "passes")
