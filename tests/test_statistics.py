"""Scores and their intervals: against closed forms, plain resampling and simulation."""

import math
import tracemalloc

import numpy as np
import pytest

from robustness.metrics import Score, statistics
from robustness.metrics.score import join_notes, unmeasured
from robustness.metrics.statistics import bootstrap_means, bootstrap_score, percentile_interval, wilson

Z = 1.959963984540054  # 97.5 % quantile of the normal distribution


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 20), (18, 20), (20, 20), (7, 13), (40_000, 50_000)])
def test_wilson_is_the_closed_form(successes: int, n: int) -> None:
    rate = successes / n
    centre = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    score = wilson(successes, n)
    assert (score.value, score.n, score.unit) == (rate, n, "fraction")
    assert (score.low, score.high) == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_wilson_of_nothing_is_none_with_a_reason() -> None:
    assert wilson(0, 0) == Score(None, None, None, 0, "fraction", "no samples")


def test_bootstrap_is_resampling_of_whole_images() -> None:
    values = np.random.default_rng(1).normal(size=(11, 3))
    rng = np.random.Generator(np.random.PCG64(5))
    expected = np.stack([values[rng.integers(11, size=11)].mean(axis=0) for _ in range(40)])
    np.testing.assert_allclose(bootstrap_means(values, 40, seed=5), expected, atol=1e-14)


def test_bootstrap_draws_all_columns_of_an_image_together() -> None:
    wrong = np.random.default_rng(0).integers(0, 2, (30, 1)).astype(float)
    means = bootstrap_means(np.hstack([wrong, 1 - wrong]), 500, seed=0)
    np.testing.assert_allclose(means.sum(axis=1), 1, atol=1e-14)
    assert means[:, 0].std() > 0.05


def test_bootstrap_depends_on_its_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 6, (50, 4)).astype(float)
    before = np.random.get_state()[1].copy()
    means = bootstrap_means(values, 200, seed=3)
    assert (np.random.get_state()[1] == before).all()
    assert not np.array_equal(bootstrap_means(values, 200, seed=4), means)
    monkeypatch.setattr(statistics, "BLOCK_BYTES", 8 * 50 * 7)  # blocks of 7, the last one shorter
    assert np.array_equal(bootstrap_means(values, 200, seed=3), means)


def test_bootstrap_spreads_like_the_standard_error() -> None:
    values = np.random.default_rng(2).normal(size=(400, 1))
    means = bootstrap_means(values, 4000, seed=0)
    assert means.mean() == pytest.approx(values.mean(), abs=0.005)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.05)


def test_bootstrap_holds_one_block_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "BLOCK_BYTES", 2**22)
    values = np.ones((5000, 2))
    tracemalloc.start()
    bootstrap_means(values, 1000, seed=0)  # all weights at once would be 40 MB
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 2**22


def test_bootstrap_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        errors = rng.binomial(5, 0.3, size=(60, 1)) / 5
        low, high = percentile_interval(bootstrap_means(errors, 400, seed=seed)[:, 0])
        covered += low <= 0.3 <= high
    assert 0.91 <= covered / 300 <= 0.98


def test_percentile_interval_cuts_both_tails() -> None:
    assert percentile_interval(np.arange(1001) / 1000) == pytest.approx((0.025, 0.975))


def test_no_variation_means_no_interval() -> None:
    score = bootstrap_score(1.0, np.ones(100), 7, "fraction", "all wrong")
    assert (score.value, score.low, score.high, score.n) == (1.0, None, None, 7)
    assert score.note == "all wrong; no interval: the images do not vary"


@pytest.mark.parametrize(
    "numbers", [(math.nan, None, None), (0.5, math.nan, 0.6), (math.inf, None, None), (None, None, None)]
)
def test_a_score_is_a_finite_number_or_none_with_a_reason(numbers: tuple[float | None, ...]) -> None:
    with pytest.raises(ValueError, match=r"finite number|must say why"):
        Score(*numbers, n=1, unit="fraction")


def test_unmeasured_keeps_its_reason() -> None:
    assert unmeasured("no records", "fraction") == Score(None, None, None, 0, "fraction", "no records")
    assert join_notes("", "a", "", "b") == "a; b"
