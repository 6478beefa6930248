"""What a metric is given and what it gives back."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from .alexnet import ERRORS
from .score import Score

_RANKS = {name: rank for rank, name in enumerate(("clean", *ERRORS))}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The records of one model on one suite's data set, and what its figures need besides.

    records: the columns that `fold` describes, of this model, suite and data set only. clean: the model's clean rows
    of suite `imagenet`. seed, resamples: of every bootstrap.
    """

    suite: str
    records: pd.DataFrame
    clean: pd.DataFrame
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
