"""What reports are made of: the header of a run and its scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .errors import ReportError

SCHEMA = 1
COLUMNS = ["model", "suite", "dataset", "condition", "severity", "metric", "value", "low", "high", "n", "unit", "note"]
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


@dataclass(frozen=True, slots=True)
class Results:
    """A run's header, which is what `run.json` holds, and its scores, with the columns of `scores.csv`.

    Raises ReportError for another schema than 1 and for parts of either that are missing.
    """

    header: Mapping[str, Any]
    scores: pd.DataFrame

    def __post_init__(self) -> None:
        schema = self.header.get("schema")
        if schema != SCHEMA:
            raise ReportError(f"the header has schema {schema!r}; these reports read schema {SCHEMA}")
        missing = [f"header: {name}" for name in _HEADER if name not in self.header]
        missing += [f"identity: {name}" for name in _IDENTITY if name not in self.header.get("identity", _IDENTITY)]
        missing += [f"scores: {name}" for name in COLUMNS if name not in self.scores]
        if missing:
            raise ReportError(f"the results are incomplete; missing in {', '.join(missing)}")

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The scores as plain values, models in the header's order and otherwise as they stand."""
        ranks = {model: rank for rank, model in enumerate(self.models)}
        table = self.scores[COLUMNS].astype(object).where(self.scores[COLUMNS].notna(), None)
        rows = [_measurement(*row) for row in table.itertuples(index=False)]
        return tuple(sorted(rows, key=lambda row: ranks[row.model]))

    @property
    def models(self) -> list[str]:
        """Names of the models: the header's, then any that only the scores know."""
        named = (model["name"] for model in self.header["identity"]["models"])
        return list(dict.fromkeys((*named, *self.scores["model"])))


def _measurement(*row: Any) -> Measurement:
    """Type the cells of one row: a table read from a file has floats for integers, and nothing for an empty note."""
    cells = dict(zip(COLUMNS, row, strict=True))
    severity, note = cells.pop("severity"), cells.pop("note")
    return Measurement(**cells | {"severity": None if severity is None else int(severity), "note": note or ""})
