"""Folds records, one row per model × condition × sample, into the rows of `scores.csv`."""

from collections.abc import Iterator, Mapping

import pandas as pd

from ..registry import Registry
from .accuracy import accuracy
from .adversarial import adversarial
from .alexnet import SEVERITIES
from .corruption import corruption_errors
from .evaluation import Evaluation, Metric, Row
from .score import join_notes

METRICS: Registry[Metric] = Registry("metric")
METRICS.add("accuracy", accuracy)
METRICS.add("corruption", corruption_errors)
METRICS.add("adversarial", adversarial)

_EVALUATION = ["model", "suite", "dataset"]
_SAMPLE = [*_EVALUATION, "condition", "severity", "sample_id"]
_FLAGS = {"correct": "boolean", "correct5": "boolean", "clean_correct": "boolean", "success": "boolean"}
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
    do not apply, `correct5, clean_correct, success`. Further columns are ignored; the order of rows does not matter.
    seed, resamples: of the bootstrap. notes: suite → text that the notes of all its scores end with.

    Returns the columns `COLUMNS`; `value`, `low` and `high` are NA where `note` says why. Raises ValueError for missing
    columns, impossible severities, and when a sample was recorded twice.
    """
    rows = [
        (*names, *_cells(row, (notes or {}).get(evaluation.suite, "")))
        for names, evaluation in _evaluations(_typed(records), seed, resamples)
        for metric in METRICS.values()
        for row in metric(evaluation)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _evaluations(records: pd.DataFrame, seed: int, resamples: int) -> Iterator[tuple[tuple[str, str, str], Evaluation]]:
    """Cut the records into evaluations, in the order of their names."""
    clean = records[(records["suite"] == "imagenet") & (records["condition"] == "clean")]
    for (model, suite, dataset), own in records.groupby(_EVALUATION, observed=True):
        candidates = clean[clean["model"] == model]
        same = candidates[candidates["dataset"] == dataset]
        yield (model, suite, dataset), Evaluation(suite, own, candidates if same.empty else same, seed, resamples)


def _typed(records: pd.DataFrame) -> pd.DataFrame:
    """Check the records and give the columns that metrics read the types that they rely on."""
    if missing := [name for name in (*_SAMPLE, *_FLAGS) if name not in records]:
        raise ValueError(f"the records lack the columns {', '.join(missing)}")
    names = dict.fromkeys((*_EVALUATION, "condition", "sample_id"), "category")
    typed = records[[*_SAMPLE, *_FLAGS]].astype({**names, "severity": "Int8", **_FLAGS})
    if vague := [name for name in (*names, "correct") if typed[name].isna().any()]:
        raise ValueError(f"the records have rows without {', '.join(vague)}")
    if not typed["severity"].dropna().isin(SEVERITIES).all():
        raise ValueError(f"a severity is one of {SEVERITIES}, or missing")
    twice = typed.duplicated(_SAMPLE)
    if twice.any():
        first = typed.loc[twice, _SAMPLE].iloc[0]
        raise ValueError("recorded twice: " + ", ".join(f"{name} {value}" for name, value in first.items()))
    return typed.astype({"correct": "bool"})


def _cells(row: Row, note: str) -> tuple[object, ...]:
    """Lay out a row's own columns of `scores.csv`."""
    score = row.score
    text = join_notes(score.note, note)
    return row.condition, row.severity, row.metric, score.value, score.low, score.high, score.n, score.unit, text
