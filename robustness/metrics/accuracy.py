"""Top-1 and top-5 accuracy and top-1 error of every condition and severity, as fractions with Wilson's interval."""

from collections.abc import Iterator

import pandas as pd

from .evaluation import Evaluation, Row, condition_order, is_attacked
from .statistics import wilson


def accuracy(evaluation: Evaluation) -> Iterator[Row]:
    """Yield `top1`, `top5` (where the top five were recorded) and `error` of each condition that is not an attack."""
    records = evaluation.records[~is_attacked(evaluation.records)]
    groups = records.groupby(["condition", "severity"], dropna=False, observed=True)[["correct", "correct5"]]
    cells = {(str(name), 0 if pd.isna(severity) else int(severity)): cell for (name, severity), cell in groups}
    for condition, severity in sorted(cells, key=lambda key: (condition_order(key[0]), key[1])):
        yield from rates(condition, severity or None, cells[condition, severity])


def rates(condition: str, severity: int | None, records: pd.DataFrame) -> Iterator[Row]:
    """Yield the rates of one condition. records: columns `correct` and `correct5`, the latter NA where not recorded."""
    n, right = len(records), int(records["correct"].sum())
    yield Row(condition, severity, "top1", wilson(right, n))
    known = records["correct5"].dropna()
    if len(known):
        note = "" if len(known) == n else f"top five recorded for {len(known)} of {n} samples"
        yield Row(condition, severity, "top5", wilson(int(known.sum()), len(known), note))
    yield Row(condition, severity, "error", wilson(n - right, n))
