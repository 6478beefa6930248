"""Intervals hold the truth as often as they say, over simulated runs; `benchmarks.coverage` prints the whole table."""

from benchmarks.coverage import RATES_TRUTH, corruption_run, corruption_truth, coverage, rates_run


def test_rates() -> None:
    held = coverage(rates_run, 1000, 1000, resamples=1, seed=0, truth=RATES_TRUTH)
    assert held.keys() == RATES_TRUTH.keys()
    assert all(0.93 <= share <= 0.97 for share in held.values()), held


def test_corruption_errors() -> None:
    held = coverage(corruption_run, 150, 1000, resamples=250, seed=0, truth=corruption_truth())
    assert {"mCE", "relative mCE"} < held.keys()
    assert all(0.93 <= share <= 0.97 for share in held.values()), held
