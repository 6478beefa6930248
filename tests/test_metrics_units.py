"""What every figure says beside its value: its unit, measured or not, and what is peculiar about it."""

import numpy as np
import pandas as pd
import pytest
from metric_records import attacked, corrupted, folded, rows

from robustness.metrics.effective import SHIFTS

PERCENT = ("ce", "mce", "relative_ce", "relative_mce", "group_ce", "group_relative_ce")
SURROGATE = "surrogate=resnet50"
ATTACKS = [
    *(f"pgd(norm=linf,eps={eps}/255,{SURROGATE})" for eps in (1, 2)),
    f"fmn(norm=linf,{SURROGATE})",
    f"fmn(norm=l2,{SURROGATE})",
]
OPTIONAL = ("label", "pred", "texture", "confidence", "nll", "clean_correct", "success", "linf", "l2", "queries")


def everything(n: int = 8) -> pd.DataFrame:
    """Records of all benchmarks by one model."""
    rng = np.random.default_rng(0)

    def right() -> list[bool]:
        return list(rng.random(n) < 0.7)

    sure = {"label": rng.integers(0, 3, n), "pred": rng.integers(0, 3, n), "texture": rng.integers(0, 3, n)}
    sure |= {name: rng.random(n) for name in ("confidence", "nll", "brier")}
    found = {
        "correct_8bit": right(),
        "success_8bit": right(),
        "linf": rng.random(n) / 50,
        "l2": rng.random(n),
        "queries": 3,
        "backward": 2,
    }
    parts = [rows(right(), correct5=[True] * n, **sure), corrupted(lambda *_: right())]
    parts += [corrupted(lambda *_: right(), ("dust", "rain"), "own")]
    parts += [attacked([False] * n, right(), name, **found) for name in ATTACKS]
    for suite, condition in SHIFTS:
        parts += [rows(right(), suite, condition, dataset=suite, **sure), rows(right(), suite, **sure)]
    parts += [rows([None] * n, "imagenet-o", dataset="imagenet-o", **sure | {"label": None})]
    parts += [rows(right(), "imagenet-o", **sure), rows(right(), "cue-conflict", dataset="cue-conflict", **sure)]
    for condition in ("mixed_same", "mixed_rand", "only_fg", "challenge"):
        parts.append(rows(right(), "background-challenge", condition, dataset="background-challenge", **sure))
    records = pd.concat(parts, ignore_index=True)
    return records.drop_duplicates(["suite", "dataset", "condition", "severity", "sample_id"])


EVERYTHING = everything()


def units(scores: pd.DataFrame) -> set[tuple[str, str]]:
    norms = scores["metric"].where(~scores["metric"].str.startswith("median"), scores["condition"])
    return set(zip(norms, scores["unit"], strict=True))


UNITS = units(folded(EVERYTHING, resamples=3))


def test_units_by_name() -> None:
    others = {name: unit for name, unit in UNITS if unit != "fraction"}
    assert others == dict.fromkeys(PERCENT, "percent of AlexNet") | {
        "nll": "nats",
        "brier": "squared probability",
        "forward_passes": "passes",
        "backward_passes": "passes",
        ATTACKS[2]: "linf distance of pixels in [0, 1]",
        ATTACKS[3]: "l2 distance of pixels in [0, 1]",
        f"pgd(norm=linf,{SURROGATE})": "linf radius of pixels in [0, 1]",
    }


@pytest.mark.parametrize("column", OPTIONAL)
def test_a_figure_without_a_value_has_its_unit_nevertheless(column: str) -> None:
    assert units(folded(EVERYTHING.assign(**{column: None}), resamples=3)) <= UNITS


@pytest.mark.parametrize("lost", [EVERYTHING["dataset"] == "imagenet", EVERYTHING["condition"] == "clean"])
def test_a_figure_that_lacks_what_it_is_held_against_has_its_unit_nevertheless(lost: "pd.Series[bool]") -> None:
    assert units(folded(EVERYTHING[~lost], resamples=3)) <= UNITS


def test_what_is_peculiar_about_an_attack_is_said_of_all_its_rates_and_distances() -> None:
    scores = folded(EVERYTHING[EVERYTHING["suite"] == "adversarial"], resamples=3)
    rated = scores[~scores["metric"].str.endswith("_passes") & ~scores["condition"].str.startswith("worst")]
    assert set(rated["metric"]) > {"median_eps", "median_distance", "robust_accuracy", "attack_success_rate_8bit"}
    assert rated["note"].str.endswith("made on resnet50").all()
