"""How often 95 % intervals hold the truth: runs of a simulated classifier whose every figure is known.

    python -m benchmarks.coverage [--runs 1000] [--resamples 2000] [--seed 0]

Images differ in difficulty, which all conditions share: an image is wrong under corruption c at severity s with
probability Phi(a_cs + b * difficulty), where a_cs makes the mean error 0.8 of AlexNet's. Its confidence tells more or
less of how often it is right. Where a figure's truth has no closed form, it is what the runs give on average: that of a
figure for as many images. With 1,000 runs, chance moves a share of 95 % by 0.7 points (standard deviation).
"""

import argparse
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from robustness.metrics.alexnet import CLEAN_ERROR, ERRORS, SEVERITIES, STANDARD, SUMMED_ERRORS
from robustness.metrics.calibration import aurra, rms_terms
from robustness.metrics.corruption import ce, mean_error, relative_ce
from robustness.metrics.out_of_distribution import METRICS as DETECTION
from robustness.metrics.out_of_distribution import detection
from robustness.metrics.probability import ece_terms, equal_mass, equal_width
from robustness.metrics.statistics import (
    Array,
    bootstrap,
    bootstrap_means,
    mean_score,
    percentile_interval,
    rate_difference,
    wilson,
)

SHARE = 0.8  # of AlexNet's errors
SPREAD = 1.5  # of difficulty, in standard deviations of the rest
BETTER = 0.6  # of what confidence promises is kept, in the miscalibrated classifier

Interval = tuple[float | None, float | None]
Run = Callable[[np.random.Generator, int, int], dict[str, tuple[float, Interval]]]


def corruption_run(rng: np.random.Generator, n: int, resamples: int) -> dict[str, tuple[float, Interval]]:
    """Simulate ImageNet-C on n images; returns each figure and its interval."""
    difficulty = SPREAD * rng.standard_normal((n, 1))
    rates = SHARE * np.array([[CLEAN_ERROR] * len(SEVERITIES), *(ERRORS[name] for name in STANDARD)])
    chances = ndtr(ndtri(rates) * np.hypot(1, SPREAD) + difficulty[:, :, None])
    wrong = rng.random(chances.shape) < chances
    values = np.column_stack([wrong[:, 1:].sum(axis=2), wrong[:, 0, 0]]).astype("float64")
    means = np.vstack([values.mean(axis=0), bootstrap_means(values, resamples, seed=int(rng.integers(2**32)))])
    summed, clean = pd.DataFrame(means[:, :-1], columns=list(STANDARD)), pd.Series(means[:, -1])
    figures = {
        "mCE": ce(summed).mean(axis=1),
        "relative mCE": relative_ce(summed, clean).mean(axis=1),
        "CE of fog": ce(summed)["fog"],
        "mean error": mean_error(summed).mean(axis=1),
    }
    return {
        name: (float(column.iloc[0]), percentile_interval(column.iloc[1:].to_numpy()))
        for name, column in figures.items()
    }


def corruption_truth() -> dict[str, float]:
    """Give the figures of all images there could be."""
    summed = pd.DataFrame([{name: SHARE * SUMMED_ERRORS[name] for name in STANDARD}])
    return {
        "mCE": float(ce(summed).mean(axis=1).item()),
        "relative mCE": float(relative_ce(summed, pd.Series([SHARE * CLEAN_ERROR])).mean(axis=1).item()),
        "CE of fog": float(ce(summed)["fog"].item()),
        "mean error": float(mean_error(summed).mean(axis=1).item()),
    }


def rates_run(rng: np.random.Generator, n: int, _resamples: int) -> dict[str, tuple[float, Interval]]:
    """Draw rates of n images, and differences of two."""
    found = {}
    for rate in RATES:
        score = wilson(int(rng.binomial(n, rate)), n)
        found[f"rate {rate} (Wilson)"] = (score.value or 0.0, (score.low, score.high))
    score = rate_difference((int(rng.binomial(n, 0.76)), n), (int(rng.binomial(2 * n, 0.7)), 2 * n))
    found["difference .76 - .7 (Newcombe)"] = (score.value or 0.0, (score.low, score.high))
    return found


RATES = (0.02, 0.1, 0.5, 0.76, 0.97)
RATES_TRUTH = {f"rate {rate} (Wilson)": rate for rate in RATES} | {"difference .76 - .7 (Newcombe)": 0.06}


def confidence_run(
    rng: np.random.Generator, n: int, resamples: int, kept: float = 1.0
) -> dict[str, tuple[float, Interval]]:
    """Simulate n confidences; kept: how much of what they promise is true, all where calibration is perfect."""
    confidence = np.sort(rng.beta(4, 1.5, n))
    correct = (rng.random(n) < kept * confidence).astype("float64")
    seed = int(rng.integers(2**32))
    terms = {
        "ECE": ece_terms(confidence, correct, equal_width(confidence)),
        "adaptive ECE": ece_terms(confidence, correct, equal_mass(confidence)),
        "RMS calibration error": rms_terms(confidence, correct),
        "RMS calibration error, reference": rms_terms(confidence, correct, last_bin=False),
    }
    scores = {name: mean_score(own, "fraction") for name, own in terms.items()}
    found: dict[str, tuple[float, Interval]] = {
        name: (score.value or 0.0, (score.low, score.high)) for name, score in scores.items()
    }

    def rms(counts: Array) -> Array:
        drawn = (np.repeat(np.arange(n), row.astype(np.intp)) for row in counts)
        return np.array([[rms_terms(confidence[images], correct[images]).mean()] for images in drawn])

    ranked = correct[::-1]
    areas = bootstrap(lambda counts: aurra(ranked, counts)[:, None], [n], resamples, seed)[:, 0]
    found["AURRA"] = (float(aurra(ranked, np.ones((1, n)))[0]), percentile_interval(areas))
    name = "RMS calibration error"
    errors = bootstrap(rms, [n], min(resamples, 200), seed)[:, 0]
    found[f"{name}, percentiles of resamples (not used)"] = (found[name][0], percentile_interval(errors))
    return found


def detection_run(rng: np.random.Generator, n: int, resamples: int) -> dict[str, tuple[float, Interval]]:
    """Simulate ImageNet-O's two sets, n images outside and 2 n inside."""
    sets = np.sort(rng.beta(2, 3, n)), np.sort(rng.beta(3, 2, 2 * n))
    sizes = (n, 2 * n)
    seed = int(rng.integers(2**32))
    samples = bootstrap(lambda counts: detection(*sets, counts), sizes, resamples, seed)
    values = detection(*sets, np.ones((1, sum(sizes))))[0]
    return {
        name.upper(): (float(value), percentile_interval(own))
        for name, value, own in zip(DETECTION, values, samples.T, strict=True)
    }


def coverage(
    run: Run, n: int, runs: int, resamples: int, seed: int, truth: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Share of the runs whose interval holds the truth, for each figure. truth: the mean over the runs if None."""
    found = [run(np.random.default_rng([seed, index]), n, resamples) for index in range(runs)]
    known = truth or {name: float(np.mean([each[name][0] for each in found])) for name in found[0]}
    held = {
        name: [low is not None and high is not None and low <= known[name] <= high for low, high in intervals]
        for name in known
        for intervals in [[each[name][1] for each in found]]
    }
    return {name: float(np.mean(hits)) for name, hits in held.items()}


def main() -> None:
    """Simulate, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(
        f"Coverage of 95 % intervals over {options.runs} simulated runs, {options.resamples} resamples each, seed "
        f"{options.seed}. {datetime.now(UTC):%Y-%m-%d}, numpy {np.__version__}.\n\n| data | images | figure | held, % |"
        "\n|---|---|---|---|"
    )
    biased: Run = lambda rng, n, resamples: confidence_run(rng, n, resamples, BETTER)  # noqa: E731
    for data, run, n, truth in (
        ("rates", rates_run, 1000, RATES_TRUTH),
        ("corruptions", corruption_run, 300, corruption_truth()),
        ("detection", detection_run, 300, None),
        ("calibrated", confidence_run, 2000, None),
        ("overconfident", biased, 2000, None),
    ):
        for name, share in coverage(run, n, options.runs, options.resamples, options.seed, truth).items():
            print(f"| {data} | {n} | {name} | {100 * share:.1f} |", flush=True)


if __name__ == "__main__":
    main()
