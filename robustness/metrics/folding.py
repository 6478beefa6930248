"""Folds records, one row per model × condition × sample, into the rows of `scores.csv`."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd

from ..registry import Registry
from .accuracy import accuracy
from .accuracy_drop import accuracy_drop
from .adversarial import adversarial
from .alexnet import SEVERITIES
from .background import background
from .calibration import calibration
from .corruption import corruption_errors
from .effective import SUITES, effective_robustness
from .evaluation import CLEAN, EVALUATION, IMAGENET, Evaluation, Metric, Row
from .out_of_distribution import out_of_distribution
from .probability import probability
from .score import join_notes
from .shape_bias import shape_bias

METRICS: Registry[Metric] = Registry("metric")
METRICS.add("accuracy", accuracy)
METRICS.add("corruption", corruption_errors)
METRICS.add("adversarial", adversarial)
METRICS.add("probability", probability)
METRICS.add("calibration", calibration)
METRICS.add("accuracy_drop", accuracy_drop)
METRICS.add("effective_robustness", effective_robustness)
METRICS.add("out_of_distribution", out_of_distribution)
METRICS.add("shape_bias", shape_bias)
METRICS.add("background", background)

# Metrics of single benchmarks: taken of the data set of the suite's own name. All others are taken of every data set.
BENCHMARKS = {
    "calibration": ("imagenet-a", "imagenet-r"),
    "accuracy_drop": ("imagenet-a", "imagenet-r"),
    "effective_robustness": SUITES,
    "out_of_distribution": ("imagenet-o",),
    "shape_bias": ("cue-conflict",),
    "background": ("background-challenge",),
}

_SAMPLE = [*EVALUATION, "condition", "severity", "sample_id"]
_FLAGS = {"correct": "boolean", "correct5": "boolean", "clean_correct": "boolean", "success": "boolean"}
_OPTIONAL = {
    "label": "Int16",
    "pred": "Int16",
    "texture": "Int16",
    "confidence": "float32",
    "nll": "float32",
    "brier": "float32",
    "correct_1000way": "boolean",
    "correct_restricted": "boolean",
    "linf": "float32",
    "l2": "float32",
    "l1": "float32",
    "queries": "Int32",
    "backward": "Int32",
    "correct_8bit": "boolean",
    "success_8bit": "boolean",
}
_HIGHEST = {"confidence": 1.0, "nll": 1e9, "brier": 2.0}
COLUMNS = {
    "model": "str",
    "suite": "str",
    "dataset": "str",
    "condition": "str",
    "severity": "Int8",
    "metric": "str",
    "value": "Float64",
    "low": "Float64",
    "high": "Float64",
    "n": "Int64",
    "unit": "str",
    "note": "str",
}


def fold(
    records: pd.DataFrame, *, seed: int, resamples: int = 10_000, notes: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Compute every figure that the records allow, with its 95 % interval.

    records: columns `model, suite, dataset, condition, severity` (1-5 or NA), `sample_id, correct` and, NA where they
    do not apply, `correct5, clean_correct, success`; besides `label, pred, texture, confidence, nll` (-log of the
    label's probability), `brier` (of the sample), `correct_1000way, correct_restricted, linf, l2, l1, queries,
    backward, correct_8bit, success_8bit`, of which each that is missing, as in older runs, counts as NA in all rows.
    `correct` is NA where there is no right answer, and only where `label` is recorded as NA too. Further columns are
    ignored; the order of rows does not matter. seed, resamples: of the bootstrap. notes: suite → text that its scores'
    notes end with.

    Returns the columns `COLUMNS`; `value`, `low` and `high` are NA where `note` says why. Raises ValueError for missing
    columns, impossible severities or probabilities, answers that are missing, and when a sample was recorded twice.
    """
    if resamples < 1:
        raise ValueError(f"an interval needs one resample or more, not {resamples}")
    rows = [
        (*names, *_cells(row, (notes or {}).get(evaluation.suite, "")))
        for names, evaluation in _evaluations(typed(records), seed, resamples)
        for name, metric in METRICS.items()
        if _applies(name, evaluation.suite, dataset=names[-1])
        for row in metric(evaluation)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _applies(metric: str, suite: str, dataset: str) -> bool:
    return metric not in BENCHMARKS or (suite in BENCHMARKS[metric] and dataset == suite)


def _evaluations(records: pd.DataFrame, seed: int, resamples: int) -> Iterator[tuple[tuple[str, str, str], Evaluation]]:
    """Cut the records into evaluations, in the order of their names."""
    all_clean = _answered(records[records["condition"] == CLEAN])
    for (model, suite, dataset), own in records.groupby(EVALUATION, observed=True):
        clean = all_clean[all_clean["model"] == model]
        plain = clean[clean["suite"] == IMAGENET]
        same = plain[plain["dataset"] == dataset]
        yield (
            (model, suite, dataset),
            Evaluation(
                suite,
                _answered(own),
                own[own["correct"].isna()],
                plain if same.empty else same,
                clean[(clean["suite"] == suite) & (clean["dataset"] == IMAGENET)],
                seed,
                resamples,
            ),
        )


def _answered(records: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows that have a right answer."""
    answered = records["correct"].notna()
    return (records if answered.all() else records[answered]).astype({"correct": "bool"})  # most often no copy


def typed(records: pd.DataFrame, optional: Collection[str] = tuple(_OPTIONAL)) -> pd.DataFrame:
    """Check the records and give the columns that metrics read the types that they rely on.

    optional: which of the columns that may be missing to return besides those that may not. Raises ValueError as `fold`
    does.
    """
    if missing := [name for name in (*_SAMPLE, *_FLAGS) if name not in records]:
        raise ValueError(f"the records lack the columns {', '.join(missing)}")
    names = (*EVALUATION, "condition", "sample_id")
    types = {"severity": "Int8", **_FLAGS, **{name: _OPTIONAL[name] for name in optional}}
    columns = {name: _named(records[name]) for name in names} | {
        name: records[name].astype(kind) if name in records else pd.Series(index=records.index, dtype=kind)
        for name, kind in types.items()
    }
    typed = pd.DataFrame(columns, copy=False)
    unanswered = typed["correct"].isna() & (records["label"].notna() if "label" in records else True)
    incomplete = {name: typed[name].isna() for name in names} | {"correct": unanswered}
    if vague := [name for name, rows in incomplete.items() if rows.any()]:
        raise ValueError(f"the records have rows without {', '.join(vague)}")
    if not typed["severity"].dropna().isin(SEVERITIES).all():
        raise ValueError(f"a severity is one of {SEVERITIES}, or missing")
    for name, highest in _HIGHEST.items():
        if name in typed and not typed[name].dropna().between(0, highest * (1 + 1e-6)).all():  # float32 may round up
            raise ValueError(f"{name} lies in [0, {highest:.4g}], or is missing")
    twice = _repeats(typed)
    if twice.any():
        first = typed.loc[twice, _SAMPLE].iloc[0]
        raise ValueError("recorded twice: " + ", ".join(f"{name} {value}" for name, value in first.items()))
    return typed


def _named(column: "pd.Series[str]") -> "pd.Series[str]":
    """Make a column of names categorical, its categories in order whatever order they came in."""
    named = column.astype("category")
    names = named.cat.categories
    return named if names.is_monotonic_increasing else named.cat.reorder_categories(names.sort_values())


def _repeats(typed: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows stand for a sample that an earlier row stands for."""
    names = [name for name in _SAMPLE if name != "severity"]
    places = [typed[name].cat.codes.to_numpy(dtype=np.int64) for name in names]
    sizes = [max(1, len(typed[name].cat.categories)) for name in names]
    severities = typed["severity"].fillna(0).to_numpy(dtype=np.int64)
    # One number a row, since numbers sort much faster than rows compare.
    samples = np.ravel_multi_index((*places, severities), (*sizes, len(SEVERITIES) + 1))
    if (np.diff(np.sort(samples)) > 0).all():
        return pd.Series(False, typed.index)
    return pd.Series(samples, typed.index).duplicated()


def _cells(row: Row, note: str) -> tuple[object, ...]:
    """Lay out a row's own columns of `scores.csv`."""
    score = row.score
    text = join_notes(score.note, note)
    return row.condition, row.severity, row.metric, score.value, score.low, score.high, score.n, score.unit, text
