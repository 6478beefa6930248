"""What a metric is given and what it gives back."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from .alexnet import ERRORS
from .score import Score

CLEAN = "clean"
IMAGENET = "imagenet"  # the suite, and the validation set
EVALUATION = ["model", "suite", "dataset"]  # the columns in which the rows of one agree
_RANKS = {name: rank for rank, name in enumerate((CLEAN, *ERRORS))}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The records of one model on one suite's data set, and what its figures need besides.

    records: the columns that `fold` describes, of this model, suite and data set only, where there is a right answer.
    unanswerable: those where there is none. clean: the model's clean rows of suite `imagenet`. companion: its clean
    rows of the same suite on data set `imagenet`, which holds the same classes. seed, resamples: of every bootstrap.
    """

    suite: str
    records: pd.DataFrame
    unanswerable: pd.DataFrame
    clean: pd.DataFrame
    companion: pd.DataFrame
    seed: int
    resamples: int


@dataclass(frozen=True, slots=True)
class Row:
    """A score and what it is the score of; `severity` is None where it spans severities or has none."""

    condition: str
    severity: int | None
    metric: str
    score: Score


Metric = Callable[[Evaluation], Iterable[Row]]


def condition_order(condition: str) -> tuple[int, tuple[str | float, ...]]:
    """Sort key: clean, the corruptions in their papers' order, then the rest by name with numbers by size."""
    parts = _NUMBER.split(condition)
    natural = tuple(float(part) if index % 2 else part for index, part in enumerate(parts))
    return _RANKS.get(condition, len(_RANKS)), natural


def is_attacked(records: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows belong to attacks: only those know whether the sample was right when clean, or was fooled."""
    return records["clean_correct"].notna() | records["success"].notna()


def cells(records: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[str, int | None, pd.DataFrame]]:
    """Yield each condition and severity that is not an attack, in order, with the `columns` of its rows."""
    names = ["condition", "severity"]
    plain = records.loc[~is_attacked(records), [*names, *columns]]
    groups = plain.groupby(names, dropna=False, observed=True)[[*columns]]
    found = {(str(name), 0 if pd.isna(severity) else int(severity)): cell for (name, severity), cell in groups}
    for condition, severity in sorted(found, key=lambda key: (condition_order(key[0]), key[1])):
        yield condition, severity or None, found[condition, severity]


def lacking(records: pd.DataFrame, column: str) -> str:
    """Say how many samples do not have `column`; empty when all have it."""
    unknown = int(records[column].isna().sum())
    return f"{unknown} of {len(records)} samples have no {column}" if unknown else ""


def companion_gap(evaluation: Evaluation) -> str:
    """Say that the evaluation has no companion records; empty when it has."""
    missing = evaluation.companion.empty
    return f"suite {evaluation.suite} has no clean records on data set {IMAGENET}" if missing else ""
