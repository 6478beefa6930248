"""Comparisons of models: paired statistics against closed forms, peers and simulation, and what the tables say."""

import math
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_records import attacked, rows
from scipy.optimize import minimize_scalar
from scipy.stats import binom
from scipy.stats import t as student
from sklearn.metrics import cohen_kappa_score

from robustness.metrics import compare
from robustness.metrics.alexnet import STANDARD, SUMMED_ERRORS
from robustness.metrics.comparison import CONSISTENCY, DIFFERENCES, RANKING, compare_figures
from robustness.metrics.headlines import Headline
from robustness.metrics.paired import error_consistency, holm, mcnemar, paired_difference

COUNTS = [(7, 3, 5, 5), (0, 2, 3, 1), (40, 1, 0, 2), (5, 0, 0, 5), (10, 4, 12, 0)]
PGD, APGD = "pgd(norm=linf,eps=4/255)", "apgd-ce(norm=linf,eps=4/255)"


def compared(*records: pd.DataFrame, **options: Any) -> Any:
    return compare(pd.concat(records, ignore_index=True), **{"seed": 0, "resamples": 200} | options)


def clean(share: float, n: int = 100, model: str = "a", start: int = 0, **columns: Any) -> pd.DataFrame:
    """Records of a model that is right on the first of `n` images; they are numbered from `start`."""
    ids = [f"{start + index:05d}" for index in range(n)]
    return rows([index < share * n for index in range(n)], model=model, sample_id=ids, **columns)


def corrupted(model: str, wrong: np.ndarray, names: tuple[str, ...] = STANDARD, **columns: Any) -> pd.DataFrame:
    """Records of a model that errs on image i at the first `wrong[i, c]` severities of corruption c."""
    n, cells = len(wrong), list(product(names, range(1, 6)))
    conditions, severities = ([cell[part] for cell in cells for _ in range(n)] for part in (0, 1))
    correct = np.concatenate([wrong[:, names.index(name)] < severity for name, severity in cells])
    ids = [*map(str, range(n))] * len(cells)
    given = {"condition": conditions, "severity": severities, "sample_id": ids, "model": model}
    return rows(list(correct), "imagenet-c", **given | columns)


def only(table: pd.DataFrame, **where: Any) -> pd.Series:
    found = table[(table[list(where)] == list(where.values())).all(axis=1)]
    assert len(found) == 1
    return found.iloc[0]


# Paired statistics


@pytest.mark.parametrize("counts", COUNTS)
def test_mcnemar_is_the_binomial_test_and_statsmodels_own(counts: Any) -> None:
    peer = pytest.importorskip("statsmodels.stats.contingency_tables")
    a, b, c, d = counts
    assert mcnemar(b, c) == pytest.approx(peer.mcnemar([[a, b], [c, d]], exact=True).pvalue, abs=1e-9)
    assert mcnemar(b, c) == pytest.approx(min(1, 2 * binom.cdf(min(b, c), b + c, 0.5)), abs=1e-12)


@pytest.mark.parametrize("counts", COUNTS)
def test_error_consistency_is_cohens_kappa(counts: Any) -> None:
    one, other = (np.repeat(pattern, counts) for pattern in ([1, 1, 0, 0], [1, 0, 1, 0]))
    got = error_consistency(counts, 200, 0)
    assert got.value == pytest.approx(cohen_kappa_score(one, other), abs=1e-9)
    if counts == (5, 0, 0, 5):  # all resamples are as consistent
        assert (got.low, got.high) == (None, None)
    else:
        assert got.low < got.high
        assert got.low <= got.value <= got.high
    assert (got.n, got.unit) == (sum(counts), "kappa")


@pytest.mark.parametrize("counts", [(9, 0, 0, 0), (0, 0, 0, 9), (0, 0, 0, 0)])
def test_where_chance_leaves_no_room_there_is_no_consistency(counts: Any) -> None:
    got = error_consistency(counts, 50, 0)
    assert (got.value, got.n, got.unit) == (None, sum(counts), "kappa")
    assert got.note == ("both models are right everywhere, or wrong everywhere" if sum(counts) else "no samples")


def test_holm_is_statsmodels_own() -> None:
    peer = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(0).random(30) ** 4
    np.testing.assert_allclose(holm([*p, p[0]]), peer.multipletests([*p, p[0]], method="holm")[1], atol=1e-9)
    assert holm([]) == []


def score_statistic(b: int, c: int, n: int, difference: float) -> float:
    """Tango's statistic, with the likelihood maximised by search."""

    def minus_log_likelihood(second: float) -> float:
        rates = (second + difference, second, 1 - 2 * second - difference)
        return -sum(k * math.log(max(rate, 1e-300)) for k, rate in zip((b, c, n - b - c), rates, strict=True) if k)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    second = minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return (b - c - n * difference) / math.sqrt(n * (2 * second + difference * (1 - difference)))


@pytest.mark.parametrize(("b", "c", "n"), [(7, 3, 20), (14, 5, 50), (1, 6, 40), (60, 40, 1000)])
def test_bounds_are_where_the_score_statistic_reaches_its_quantiles(b: int, c: int, n: int) -> None:
    low, high = paired_difference(b, c, n)
    assert score_statistic(b, c, n, low) == pytest.approx(1.95996, abs=1e-3)
    assert score_statistic(b, c, n, high) == pytest.approx(-1.95996, abs=1e-3)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_intervals_of_rates_hold_the_difference_and_mirror(b: int, c: int, agreeing: int) -> None:
    n = b + c + agreeing
    if n:
        low, high = paired_difference(b, c, n)
        assert -1 <= low <= (b - c) / n <= high <= 1
        assert low < high
        assert paired_difference(c, b, n) == pytest.approx((-high, -low), abs=1e-9)


# Coverage

GAP = 0.06  # by which every model's chance to err is above that of the one before
ALEXNET = np.array([SUMMED_ERRORS[name] for name in STANDARD])
TRUTH = {"top1": GAP, "mce": -500 * GAP * (1 / ALEXNET).mean()}  # of the first model minus the second


def simulated(
    metric: str, figures: int, names: str = "ab", n: int = 80, gap: float = 0.0, seed: int = 0
) -> list[Headline]:
    """Figures of models that find the same images hard."""
    rng, found = np.random.default_rng(seed), []
    for index in range(figures):
        hard, images = rng.random(n), {}
        for place, name in enumerate(names):
            chance = 0.2 + 0.4 * hard + place * gap  # to err
            wrong = rng.binomial(5, chance[:, None], (n, 15))
            values = rng.random(n) > chance if metric == "top1" else 100 * (wrong / ALEXNET).mean(axis=1)
            images[name] = pd.Series(values.astype(float), index=[f"{image:03d}" for image in range(n)])
        found.append(Headline("imagenet-c", f"d{index}", "all", metric, images))
    return found


@pytest.mark.parametrize("metric", ["top1", "mce"])
def test_intervals_cover_the_truth_as_often_as_they_say(metric: str) -> None:
    found = compare_figures(simulated(metric, 300, gap=GAP), seed=0, resamples=300).differences
    covered = (found["low"] <= TRUTH[metric]) & (TRUTH[metric] <= found["high"])
    assert 0.92 <= covered.mean() <= 0.98


@pytest.mark.parametrize("metric", ["top1", "mce"])
def test_without_a_difference_hardly_a_table_claims_one(metric: str) -> None:
    claims = [
        (
            compare_figures(simulated(metric, 3, "abc", seed=seed), seed=0, resamples=100).differences["verdict"]
            != "tied"
        )
        for seed in range(60)
    ]
    assert np.mean([claim.any() for claim in claims]) <= 0.1  # of tables: 5 % are allowed


# Tables


def test_a_pair_of_rates_in_full() -> None:
    found = compared(clean(0.9), clean(0.7, model="b"))
    row = found.differences.iloc[0]
    assert list(found.differences) == DIFFERENCES
    assert tuple(row[["model", "other", "suite", "metric", "verdict", "unit", "note"]]) == (
        *("a", "b", "imagenet", "top1", "better", "fraction", ""),
    )
    assert (row["difference"], row["n"], row["p"]) == (pytest.approx(0.2), 100, pytest.approx(2 * 0.5**20))
    assert (row["low"], row["high"]) == pytest.approx(paired_difference(20, 0, 100))
    kappa = found.consistency.iloc[0]
    assert kappa["value"] == pytest.approx(error_consistency((70, 20, 0, 10), 10, 0).value)
    assert list(found.consistency) == CONSISTENCY


def test_mce_and_mean_error_are_differences_of_the_figures() -> None:
    wrong = np.random.default_rng(0).integers(0, 6, (40, 15))
    fewer = np.maximum(wrong - 1, 0)
    found = compared(corrupted("a", fewer), corrupted("b", wrong)).differences
    mce = only(found, metric="mce")
    alexnet = np.array([SUMMED_ERRORS[name] for name in STANDARD])
    assert mce["difference"] == pytest.approx(100 * ((fewer - wrong) / alexnet).mean())
    assert (mce["unit"], mce["verdict"], mce["n"]) == ("percent of AlexNet", "better", 40)
    mean = only(found, metric="mean_error")
    assert mean["difference"] == pytest.approx((fewer - wrong).mean() / 5)
    assert mean["low"] < mean["difference"] < mean["high"] < 0
    assert set(found["condition"]) == {"all"}


def test_a_suite_of_its_own_means_over_what_either_model_recorded() -> None:
    wrong = np.random.default_rng(0).integers(0, 6, (20, 2))
    better, worse = (
        corrupted(model, errors, ("dust", "rain")).assign(suite="own")
        for model, errors in (("a", np.maximum(wrong - 1, 0)), ("b", wrong))
    )
    row = only(compared(better, worse).differences, suite="own")
    assert (row["metric"], row["condition"]) == ("mean_error", "all")
    assert row["difference"] == pytest.approx((np.maximum(wrong - 1, 0) - wrong).mean() / 5)
    rain = only(compared(better, worse[worse["condition"] == "rain"]).differences, suite="own")
    assert (rain["verdict"], rain["note"]) == ("not comparable", "b: dust: no records")


def test_the_interval_and_p_of_a_mean_are_of_one_students_distribution() -> None:
    wrong = np.random.default_rng(0).integers(0, 6, (5, 15))
    found = only(compared(corrupted("a", wrong), corrupted("b", wrong[::-1] // 2)).differences, metric="mean_error")
    error = abs(found["difference"]) / student.isf(found["p"] / 2, 4)
    assert found["high"] - found["difference"] == pytest.approx(error * student.ppf(0.975, 4))


def test_verdicts_follow_the_corrected_p_alone() -> None:
    once = compared(clean(0.5), clean(0.43, model="b")).differences.iloc[0]  # p = 1/64
    assert once["p_holm"] == once["p"] < 0.05
    assert once["verdict"] == "better"
    sets = [
        clean(share, model=m, suite=f"s{i}", dataset="d") for i in range(4) for m, share in (("a", 0.5), ("b", 0.43))
    ]
    found = compared(*sets).differences
    assert (found["p"] < 0.05).all()
    assert set(found["verdict"]) == {"tied"}


@pytest.mark.parametrize("names", ["abc", "cab", "bca"])
def test_ranking_says_which_places_are_tied(names: str) -> None:
    best, next_best, worst = names
    found = compared(clean(0.5, model=worst), clean(0.9, model=best), clean(0.88, model=next_best))
    ranking = found.ranking
    assert list(ranking) == RANKING
    assert list(ranking["model"]) == list(names)
    assert list(zip(ranking["best_place"], ranking["worst_place"], ranking["tied_with"], strict=True)) == [
        *((1, 2, next_best), (1, 2, best), (3, 3, "")),
    ]


def test_what_is_not_comparable_is_not_tied() -> None:
    """Of c, d and e none shares an image with a and b, and e none with any."""
    apart = [clean(share, model=model, start=start) for model, share, start in (("c", 0.5, 200), ("d", 0.5, 200))]
    alone = clean(0.5, model="e", start=400)
    ranking = compared(clean(0.5), clean(0.9, model="b"), *apart, alone).ranking.set_index("model")
    assert ranking["tied_with"].to_dict() == {"a": "", "b": "", "c": "d", "d": "c"}
    places = ranking[["best_place", "worst_place"]]
    assert places.loc[["a", "b", "c"]].to_numpy().tolist() == [[2, 5], [1, 4], [1, 5]]
    assert compared(clean(0.5), clean(0.9, model="b", start=100)).ranking.empty


def test_figures_of_different_images_are_resampled_apart() -> None:
    wrong = np.random.default_rng(0).integers(0, 6, (12, 15))
    few = [corrupted(model, wrong[rows]) for model, rows in (("a", slice(4)), ("b", slice(4, 8)))]
    many = [corrupted(m, wrong[:, ::step]).assign(suite="own") for m, step in (("a", 1), ("b", -1))]
    together = compared(*few, *many).differences
    apart = pd.concat([compared(*few).differences, compared(*many).differences])
    pd.testing.assert_frame_equal(
        *(
            table.drop(columns="p_holm").sort_values(["suite", "metric"], ignore_index=True)
            for table in (together, apart)
        ),
        check_exact=False,
    )


def test_pairs_stand_in_the_order_asked_for() -> None:
    records = [clean(share, model=model) for model, share in (("a", 0.9), ("b", 0.5), ("c", 0.2))]
    found = compared(*records, models=("c", "b")).differences
    assert list(zip(found["model"], found["other"], strict=True)) == [("c", "b"), ("c", "a"), ("b", "a")]
    assert list(found["difference"]) == pytest.approx([-0.3, -0.7, -0.4])


def test_images_in_part_in_common_that_do_not_vary_say_both() -> None:
    wrong = np.ones((3, 15), int)
    others = corrupted("b", wrong, sample_id=["0", "1", "elsewhere"] * 75)
    found = compared(corrupted("a", wrong), others).differences
    assert set(found["note"]) == {"over the 2 of 4 images that both have; no interval: the images do not vary"}


def test_only_common_images_count() -> None:
    row = compared(clean(0.5, 10), clean(0.5, 10, "b", start=4)).differences.iloc[0]
    assert (row["n"], row["note"]) == (6, "over the 6 of 14 images that both have")
    assert row["difference"] == pytest.approx(1 / 6 - 5 / 6)


def test_nothing_in_common_is_none_with_a_reason() -> None:
    found = compared(clean(0.5, 10), clean(0.9, 10, "b", start=10))
    row = found.differences.iloc[0]
    assert row[["difference", "low", "high", "p", "p_holm"]].isna().all()
    assert (row["n"], row["verdict"], row["note"]) == (0, "not comparable", "no image of 20 is in common")
    assert found.consistency.iloc[0]["note"] == "no samples; no image of 20 is in common"
    wrong = np.ones((5, 15), int)
    others = corrupted("b", wrong, sample_id=[f"other {index}" for index in range(5)] * 75)
    assert set(compared(corrupted("a", wrong), others).differences["verdict"]) == {"not comparable"}


def test_what_one_model_lacks_is_named() -> None:
    wrong = np.ones((5, 15), int)
    found = compared(corrupted("a", wrong), corrupted("b", wrong[:, 2:], STANDARD[2:])).differences
    assert set(found["note"]) == {"b: gaussian_noise: no records; shot_noise: no records"}
    assert found["difference"].isna().all()


def test_images_that_do_not_vary_have_no_interval() -> None:
    wrong = np.random.default_rng(0).integers(0, 4, (6, 15))
    same = only(compared(corrupted("a", wrong), corrupted("b", wrong)).differences, metric="mean_error")
    assert (same["difference"], same["p"], same["verdict"]) == (0, 1, "tied")
    apart = only(compared(corrupted("a", wrong), corrupted("b", wrong + 1)).differences, metric="mean_error")
    assert pd.isna(apart["p"])
    assert apart["verdict"] == "not comparable"
    assert apart["note"] == "no interval: the images do not vary"


def test_attacks_compare_what_survives_and_the_worst_case() -> None:
    right = [True] * 8
    records = [
        attacked([True] * survivors + [False] * (8 - survivors), right, attack, model=model)
        for model, attack, survivors in (("a", PGD, 7), ("a", APGD, 6), ("b", PGD, 1), ("b", APGD, 2))
    ]
    found = compared(*records).differences
    assert list(found["condition"]) == [APGD, PGD, "worst(norm=linf,eps=4/255)"]
    assert list(found["difference"]) == pytest.approx([0.5, 0.75, 0.625])
    assert set(found["metric"]) == {"robust_accuracy"}
    half = compared(*records[:3]).differences.set_index("condition")
    assert half.loc["worst(norm=linf,eps=4/255)", "note"] == f"b: no records of {APGD}"
    alone = compared(records[0], records[2].assign(clean_correct=None)).differences
    assert alone[["condition", "note"]].values.tolist() == [[PGD, "b: 8 of 8 samples have no clean_correct"]]


def test_conditions_come_clean_first_and_radii_by_size() -> None:
    attacks = ["pgd(norm=linf,eps=16/255)", "pgd(norm=linf,eps=4/255)"]
    names = ("aged 10", "aged 9", "clean")
    shifts = [rows([True] * 3, "own", name, model=m, dataset="own") for m in "ab" for name in names]
    fooled = [attacked([True] * 3, [True] * 3, attack, model=m) for m in "ab" for attack in attacks]
    shown = compared(*shifts, *fooled).differences
    assert shown.loc[shown["suite"] == "own", "condition"].tolist() == ["clean", "aged 9", "aged 10"]
    assert shown.loc[shown["suite"] == "adversarial", "condition"].tolist() == attacks[::-1]


def test_the_worst_case_takes_what_a_search_for_the_nearest_image_found_within_its_radius() -> None:
    records = [
        attacked(correct, [True] * 4, attack, model=model, linf=distance)
        for model, distance in (("a", [0.001, 0.02, 0.02, 0.02]), ("b", [0.001] * 4))
        for attack, correct in ((PGD, [True] * 4), ("fmn(norm=linf,steps=9)", [False] * 4))
    ]
    worst = only(compared(*records).differences, condition="worst(norm=linf,eps=4/255)")
    assert worst["difference"] == pytest.approx(0.75)
    lone = compared(records[0], records[2]).differences.set_index("condition")
    assert "worst(norm=linf,eps=4/255)" not in lone.index


def test_attacks_that_seek_the_nearest_image_compare_at_every_radius() -> None:
    records = [
        attacked([False] * 4, [True] * 4, "fmn(norm=linf,steps=9)", model=model, linf=distances)
        for model, distances in (("a", [0.001, 0.005, 0.01, 0.1]), ("b", [0.1, 0.1, 0.1, 0.1]))
    ]
    found = compared(*records).differences.set_index("condition")["difference"]
    assert found["fmn(norm=linf,steps=9) within 4/255"] == pytest.approx(0.25 - 1)
    assert len(found) == 6


def test_shape_bias_is_higher_or_lower_and_not_ranked() -> None:
    cues = {"suite": "cue-conflict", "dataset": "cue-conflict", "label": [1] * 40, "texture": [2] * 40}
    shape = rows([True] * 40, **cues, pred=[1] * 36 + [2] * 3 + [7], model="a")
    texture = rows([True] * 40, **cues, pred=[1] * 5 + [2] * 34 + [7], model="b")
    found = compared(shape, texture)
    row = only(found.differences, metric="shape_bias")
    assert row["difference"] == pytest.approx(36 / 39 - 5 / 39)
    assert row["verdict"] == "higher"
    assert "shape_bias" not in set(found.ranking["metric"])


def test_undecided_images_widen_the_interval_of_a_shape_bias_and_do_not_move_it() -> None:
    n, rng = 300, np.random.default_rng(0)
    cues = {"suite": "cue-conflict", "dataset": "cue-conflict", "label": [1] * n, "texture": [2] * n}
    decisions = [rng.choice([1, 2, 7], n, p=shares) for shares in ([0.5, 0.2, 0.3], [0.1, 0.5, 0.4])]
    records = [rows([True] * n, **cues, pred=list(pred), model=m) for m, pred in zip("ab", decisions, strict=True)]
    found = only(compared(*records, resamples=1000).differences, metric="shape_bias")
    shapes = [np.where(pred == 7, np.nan, pred == 1) for pred in decisions]
    means = [np.nanmean(shape) for shape in shapes]
    assert found["difference"] == pytest.approx(means[0] - means[1])
    # by the delta method
    one, two = (
        np.nan_to_num(shape - mean) / (shape == shape).mean() for shape, mean in zip(shapes, means, strict=True)
    )
    half = 1.968 * (one - two).std() / math.sqrt(n)
    assert (found["low"], found["high"]) == pytest.approx(
        (means[0] - means[1] - half, means[0] - means[1] + half), abs=0.01
    )


def test_backgrounds_compare_the_gap_and_the_challenge() -> None:
    own = {"suite": "background-challenge", "dataset": "background-challenge"}
    records = [
        rows([index < right for index in range(10)], **own, condition=condition, model=model)
        for model, rights in (("a", (9, 8, 7)), ("b", (9, 3, 1)))
        for condition, right in zip(("mixed_same", "mixed_rand", "challenge"), rights, strict=True)
    ]
    found = compared(*records).differences
    assert only(found, metric="bg_gap")["difference"] == pytest.approx(0.1 - 0.6)
    assert only(found, metric="challenge_accuracy")["difference"] == pytest.approx(0.6)
    assert only(found, metric="bg_gap")["condition"] == "all"
    same = [part for part in records if part["condition"].iloc[0] == "mixed_same"]
    assert set(compared(*same).differences["metric"]) == {"top1"}
    both_of_one = compared(*records[:2], records[3]).differences
    assert "bg_gap" not in set(both_of_one["metric"])


def test_companions_are_not_compared() -> None:
    own = {"suite": "imagenet-a", "dataset": "imagenet-a"}
    records = [clean(0.5, model=m, **which) for m in "ab" for which in ({"suite": "imagenet-a"}, own)]
    assert list(compared(*records).differences["dataset"]) == ["imagenet-a"]


def test_the_order_of_rows_does_not_matter() -> None:
    wrong = np.random.default_rng(0).integers(0, 6, (30, 15))
    records = pd.concat([corrupted("a", wrong), corrupted("b", wrong[::-1]), clean(0.3), clean(0.9, model="b")])
    mixed = records.sample(frac=1, random_state=1)
    one, other = compared(records), compared(mixed)
    pd.testing.assert_frame_equal(one.differences, other.differences, rtol=1e-9)
    pd.testing.assert_frame_equal(one.ranking, other.ranking)


# Bad input


@pytest.mark.parametrize("records", [clean(0.5), clean(0.5)[:0]], ids=["one model", "empty"])
def test_one_model_and_none_give_tables_without_rows(records: pd.DataFrame) -> None:
    found = compared(records)
    assert [len(found.differences), len(found.ranking), len(found.consistency)] == [0, 0, 0]
    assert list(found.differences) == DIFFERENCES


def test_samples_without_a_right_answer_are_not_compared() -> None:
    unlabelled = {"suite": "imagenet-o", "dataset": "imagenet-o", "label": None}
    assert compared(*(rows([None] * 5, **unlabelled, model=m) for m in "ab")).differences.empty


def test_duplicates_and_missing_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="recorded twice"):
        compared(clean(0.5), clean(0.6), clean(0.5, model="b"))
    with pytest.raises(ValueError, match="lack the columns correct"):
        compared(*(clean(0.5, model=model).drop(columns="correct") for model in "ab"))
