"""Top-1 and top-5 accuracy and top-1 error of every condition and severity, as fractions with Wilson's interval.

Where a benchmark has fewer classes than the model, `top1` follows the benchmark's own scoring, and both conventions are
told beside it: `top1_1000way` takes the largest of all outputs, `top1_restricted` the largest of those that belong to
the benchmark's classes.
"""

from collections.abc import Iterator

import pandas as pd

from .background import CHALLENGE
from .evaluation import Evaluation, Row, cells
from .statistics import wilson

_TOP5 = {"top5": ("correct5", "top five")}
_CONVENTIONS = {
    "top1_1000way": ("correct_1000way", "decision among all classes"),
    "top1_restricted": ("correct_restricted", "decision among the benchmark's classes"),
}
_COLUMNS = ["correct", *(column for column, _ in (_TOP5 | _CONVENTIONS).values())]


def accuracy(evaluation: Evaluation) -> Iterator[Row]:
    """Yield `top1` and `error` of each condition, and what else was recorded of `top5` and the two conventions.

    Conditions that search for a failure, attacks and the background challenge, have figures of their own.
    """
    for condition, severity, records in cells(evaluation.records, _COLUMNS):
        if condition != CHALLENGE:
            yield from rates(condition, severity, records)


def rates(condition: str, severity: int | None, records: pd.DataFrame) -> Iterator[Row]:
    """Yield the rates of one condition: right or wrong of all samples, fractions in [0, 1].

    records: columns `correct` (bool), and `correct5`, `correct_1000way` and `correct_restricted` (boolean), NA where
    not recorded.
    """
    n, right = len(records), int(records["correct"].sum())
    yield Row(condition, severity, "top1", wilson(right, n))
    yield from _recorded(condition, severity, records, _TOP5)
    yield Row(condition, severity, "error", wilson(n - right, n))
    yield from _recorded(condition, severity, records, _CONVENTIONS)


def _recorded(
    condition: str, severity: int | None, records: pd.DataFrame, metrics: dict[str, tuple[str, str]]
) -> Iterator[Row]:
    for metric, (column, meaning) in metrics.items():
        known = records[column].dropna()
        if len(known):
            partly = len(known) < len(records)
            note = f"{meaning} recorded for {len(known)} of {len(records)} samples" if partly else ""
            yield Row(condition, severity, metric, wilson(int(known.sum()), len(known), note))
