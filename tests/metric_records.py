"""Hand-made records for the tests of metrics, and the one figure they are asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from robustness.metrics import fold
from robustness.metrics.alexnet import SEVERITIES, STANDARD


def rows(
    correct: Sequence[bool | None], suite: str = "imagenet", condition: str = "clean", **columns: Any
) -> pd.DataFrame:
    """Records of one condition, sample ids `0`, `1`, ..."""
    absent = {"severity": None, "correct5": None, "clean_correct": None, "success": None}
    ids = [str(index) for index in range(len(correct))]
    given = {"model": "m", "suite": suite, "dataset": "imagenet", "condition": condition, "sample_id": ids}
    frame = pd.DataFrame(given | {"correct": list(correct)} | absent | columns)
    return frame.astype({"severity": "Int8", "correct5": "boolean", "clean_correct": "boolean", "success": "boolean"})


def folded(*records: pd.DataFrame, seed: int = 0, **options: Any) -> pd.DataFrame:
    return fold(pd.concat(records, ignore_index=True), seed=seed, **{"resamples": 100} | options)


def score(scores: pd.DataFrame, condition: str, metric: str, severity: int | None = None, **where: str) -> pd.Series:
    """The one row of a figure."""
    same = scores["severity"].isna() if severity is None else (scores["severity"] == severity).fillna(False)
    found = scores[(scores["condition"] == condition) & (scores["metric"] == metric) & same]
    for column, value in where.items():
        found = found[found[column] == value]
    assert len(found) == 1
    return found.iloc[0]


def attacked(correct: Sequence[bool], clean: Sequence[bool], condition: str, **columns: Any) -> pd.DataFrame:
    """Records of an attack that is content with any wrong class."""
    success = [not right if was_right else None for right, was_right in zip(correct, clean, strict=True)]
    given = {"clean_correct": list(clean), "success": success} | columns
    return rows(correct, "adversarial", condition, **given)


def corrupted(
    right: Callable[[str, int], Sequence[bool]], names: Sequence[str] = STANDARD, suite: str = "imagenet-c"
) -> pd.DataFrame:
    """Records of all severities of the corruptions `names`."""
    return pd.concat(
        [rows(right(name, severity), suite, name, severity=severity) for name in names for severity in SEVERITIES],
        ignore_index=True,
    )


def half_right(_name: str, _severity: int) -> list[bool]:
    return [True, False, True, False]
