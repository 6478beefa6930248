"""What reports are made of: the header of a run and its scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from .details import Details
from .errors import ReportError
from .unfinished import UNFINISHED

SCHEMA = 1
COLUMNS = ["model", "suite", "dataset", "condition", "severity", "metric", "value", "low", "high", "n", "unit", "note"]
_PAIR, _SUBJECT = ("model", "other"), ("suite", "dataset", "condition", "metric")
COMPARISON_COLUMNS = {
    "differences": (*_PAIR, *_SUBJECT, "difference", "low", "high", "p", "p_holm", "n", "unit", "verdict", "note"),
    "ranking": (*_SUBJECT, "model", "value", "n", "unit", "best_place", "worst_place", "tied_with"),
    "consistency": (*_PAIR, *_SUBJECT, "value", "low", "high", "n", "note"),
}
_HEADER = ("name", "command", "version", "start", "notes", "identity", "environment")
_IDENTITY = ("seed", "precision", "models", "data", "suites")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the scores; None where the table has no value."""

    model: str
    suite: str
    dataset: str
    condition: str
    severity: int | None
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    note: str

    @property
    def so_far(self) -> bool:
        """Whether the figure is of a suite that is not complete, and will change."""
        return UNFINISHED in self.note


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models side by side, in three tables. Raises ReportError for columns that are missing.

    differences: a row a pair and figure; `verdict` is of `model` as against `other`, or "not comparable" for the reason
    in `note`. ranking: a row a figure and model. consistency: a row a pair and rate, kappa of the models' errors.
    """

    differences: pd.DataFrame
    ranking: pd.DataFrame
    consistency: pd.DataFrame

    def __post_init__(self) -> None:
        for name, columns in COMPARISON_COLUMNS.items():
            if missing := [column for column in columns if column not in getattr(self, name)]:
                raise ReportError(f"the comparison is incomplete; missing in {name}: {', '.join(missing)}")


@dataclass(frozen=True)
class Results:
    """A run's header, which is what `run.json` holds, and its scores, with the columns of `scores.csv`.

    comparison: of its models, where there are several. details: what figures are drawn from besides. runs: by name,
    where these are the results of several. Raises ReportError for another schema than 1 and for parts of header or
    scores that are missing.
    """

    header: Mapping[str, Any]
    scores: pd.DataFrame
    comparison: Comparison | None = None
    details: Details = field(default_factory=Details)
    runs: Mapping[str, "Results"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        schema = self.header.get("schema")
        if schema != SCHEMA:
            raise ReportError(f"the header has schema {schema!r}; these reports read schema {SCHEMA}")
        missing = [f"header: {name}" for name in _HEADER if name not in self.header]
        missing += [f"identity: {name}" for name in _IDENTITY if name not in self.header.get("identity", _IDENTITY)]
        missing += [f"scores: {name}" for name in COLUMNS if name not in self.scores]
        if missing:
            raise ReportError(f"the results are incomplete; missing in {', '.join(missing)}")

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """The scores as plain values, models in the header's order and otherwise as they stand."""
        ranks = {model: rank for rank, model in enumerate(self.models)}
        return tuple(sorted(map(_measurement, rows(self.scores[COLUMNS])), key=lambda row: ranks[row.model]))

    def data_of(self, dataset: str) -> Mapping[str, Any] | None:
        """Find what the header says of a data set that records name; None if it says nothing."""
        names = dataset, f"{dataset}-sample"  # the bundled photographs go by the name of what they are a sample of
        return next((data for data in self.header["identity"]["data"] if data["dataset"] in names), None)

    @cached_property
    def models(self) -> list[str]:
        """Names of the models: the header's, then any that only the scores know."""
        named = (model["name"] for model in self.header["identity"]["models"])
        return list(dict.fromkeys((*named, *self.scores["model"])))


def data_name(dataset: str) -> str:
    """Return a data set's own name, a word, without what a comparison puts behind it to tell other images apart."""
    return dataset.partition(" ")[0]


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """List the rows of a table as plain values, None for what is missing."""
    found: list[dict[str, Any]] = table.astype(object).where(table.notna(), None).to_dict("records")
    return found


def _measurement(row: Mapping[str, Any]) -> Measurement:
    """Type the cells of one row: a table read from a file has floats for integers, and nothing for an empty note."""
    severity = None if row["severity"] is None else int(row["severity"])
    return Measurement(**{**row, "severity": severity, "note": row["note"] or ""})
