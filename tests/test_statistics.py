"""Scores and their intervals: against statsmodels, SciPy, plain resampling and simulation."""

import math
import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from robustness.metrics import Score, statistics
from robustness.metrics.score import join_notes, unmeasured
from robustness.metrics.statistics import (
    bootstrap,
    bootstrap_means,
    bootstrap_score,
    mean_score,
    percentile_interval,
    wilson,
)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example((0, 1))
@example((1, 1))
@example((20, 20))
@example((40_000, 50_000))
def test_wilson_is_that_of_statsmodels_and_scipy(rate: tuple[int, int]) -> None:
    successes, n = rate
    score = wilson(successes, n)
    assert (score.value, score.n, score.unit) == (successes / n, n, "fraction")
    assert score.low is not None and score.value is not None and score.high is not None
    assert 0 <= score.low <= score.value <= score.high <= 1
    found = (score.low, score.high)
    assert found == pytest.approx(proportion_confint(successes, n, method="wilson"), abs=1e-9)
    assert found == pytest.approx(tuple(binomtest(successes, n).proportion_ci(method="wilson")), abs=1e-9)


def test_wilson_at_the_ends_touches_them() -> None:
    assert (wilson(0, 20).low, wilson(20, 20).high) == (0, 1)


def test_wilson_of_nothing_is_none_with_a_reason() -> None:
    assert wilson(0, 0) == Score(None, None, None, 0, "fraction", "no samples")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 10, width=32), min_size=2, max_size=30))
def test_mean_has_students_interval(terms: list[float]) -> None:
    values = np.array(terms)
    score = mean_score(values, "nats")
    assert (score.value, score.n, score.unit) == (pytest.approx(values.mean()), len(terms), "nats")
    if (values == values[0]).all():
        assert (score.low, score.note) == (None, "no interval: the images do not vary")
    else:
        low, high = DescrStatsW(values).tconfint_mean()
        assert (score.low, score.high) == (pytest.approx(max(low, 0), abs=1e-9), pytest.approx(high, abs=1e-9))


def test_a_fraction_has_no_bound_beyond_one() -> None:
    terms = np.array([0.5, 1.0])
    assert (mean_score(terms, "fraction").low, mean_score(terms, "fraction").high) == (0, 1)
    assert (mean_score(terms, "nats").high or 0) > 3


def test_mean_of_little() -> None:
    assert mean_score(np.array([]), "nats") == Score(None, None, None, 0, "nats", "no samples")
    assert mean_score(np.array([2.0]), "nats", "alone").note == "alone; no interval: the images do not vary"


def test_bootstrap_is_resampling_of_whole_images() -> None:
    values = np.random.default_rng(1).normal(size=(11, 3))
    rng = np.random.Generator(np.random.PCG64(5))
    expected = np.stack([values[rng.integers(11, size=11)].mean(axis=0) for _ in range(40)])
    np.testing.assert_allclose(bootstrap_means(values, 40, seed=5), expected, atol=1e-14)


def test_percentile_interval_is_scipys_bootstraps() -> None:
    values = np.random.default_rng(0).binomial(5, 0.3, 500).astype(float)
    peer = scipy.stats.bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=1).confidence_interval
    found = percentile_interval(bootstrap_means(values[:, None], 4000, seed=0)[:, 0])
    assert found == pytest.approx(tuple(peer), abs=0.01)


def test_bootstrap_draws_each_set_by_itself() -> None:
    counts = bootstrap(lambda counts: counts.copy(), [3, 5], 50, seed=0)
    assert (counts[:, :3].sum(axis=1) == 3).all() and (counts[:, 3:].sum(axis=1) == 5).all()
    assert len(np.unique(counts, axis=0)) > 40


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
