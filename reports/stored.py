"""A run's folder, read again without what made it: its header, and its records or, where these are gone, its tables."""

import json
import math
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from . import details
from .comparisons import FILES
from .errors import ReportError
from .header_shape import misfits
from .results import COLUMNS, COMPARISON_COLUMNS, SCHEMA, Comparison, Results
from .unfinished import so_far

HEADER, RECORDS, SCORES = "run.json", "records", "scores.csv"
_NAMES = ["model", "suite", "dataset", "condition", "sample_id"]  # few different ones in many rows
_NUMBERS = ("severity", "value", "difference", "low", "high", "p", "p_holm")  # what may be missing from tables
_COUNTS = ("n", "best_place", "worst_place")
_WORDS = sorted({*COLUMNS, *chain(*COMPARISON_COLUMNS.values())} - {*_NUMBERS, *_COUNTS})
_MAY_LACK = ("unit", "note", "tied_with")


def read_header(folder: Path) -> dict[str, Any]:
    """Read `run.json`. Raises ReportError when there is none, or a damaged or incomplete one, or of another schema."""
    path = folder / HEADER
    if not path.exists():
        raise ReportError(f"{folder} is not a run: there is no {HEADER}")
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(header, allow_nan=False, ensure_ascii=False).encode()  # ValueError for what cannot be written again
    except (OSError, ValueError, RecursionError) as error:
        raise ReportError(f"{path} cannot be read: {error}") from error
    if not isinstance(header, dict) or not isinstance(header.get("identity"), dict):
        raise ReportError(f"{path} is not the header of a run")
    schema = header.get("schema")
    if schema != SCHEMA:
        raise ReportError(
            f"{path} has schema {schema!r}, and this version reads schema {SCHEMA}; read it with version "
            f"{header.get('version', 'that wrote it')} of the program"
        )
    try:
        Results(header, pd.DataFrame(columns=COLUMNS))
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from error
    if wrong := next(misfits(header), None):
        raise ReportError(f"{path} is damaged: {wrong!a}"[:300])
    return header


def read_records(folder: Path) -> pd.DataFrame:
    """Read all records; columns that an older version did not write are missing, or NA if some parts have them.

    Raises ReportError when there are none, and for a part that is damaged.
    """
    paths = sorted((folder / RECORDS).glob("*.parquet"))
    tables = [_table(path) for path in paths]
    if not any(table.num_rows for table in tables):
        raise ReportError(f"{folder} has no records")
    try:
        records = pa.concat_tables(tables, promote_options="default").unify_dictionaries().to_pandas()
    except (pa.ArrowException, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ReportError(f"{folder / RECORDS} is damaged ({reason})") from error
    if missing := [name for name in _NAMES if name not in records]:
        raise ReportError(f"the records of {folder} lack the columns {', '.join(missing)}")
    if odd := [name for name in _NAMES if not all(isinstance(value, str) for value in records[name].unique())]:
        raise ReportError(f"the records of {folder} are damaged: {', '.join(odd)} is no name somewhere")
    return records


def _table(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True, read_dictionary=_NAMES)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())  # Arrow's words may be of several lines
        raise ReportError(
            f"{path} is damaged ({reason}); the run's own command with --repair does this part again"
        ) from error
    return table.replace_schema_metadata(None)


def has_records(folder: Path) -> bool:
    """Say whether the run's records are there."""
    return any((folder / RECORDS).glob("*.parquet"))


def as_of(header: Mapping[str, Any], records: pd.DataFrame) -> dict[str, Any]:
    """Say in the header how far its records are."""
    return so_far(header, records["suite"].value_counts().to_dict())


def read_tables(folder: Path, header: Mapping[str, Any]) -> Results:
    """Read scores and comparison as the run wrote them. Raises ReportError when they are not there or damaged."""
    if not (folder / SCORES).exists():
        raise ReportError(f"{folder} has neither records nor {SCORES}: nothing to report")
    paths = {name: folder / file for name, file in FILES.items()}
    tables = {
        name: _csv(path) if path.exists() else pd.DataFrame(columns=COMPARISON_COLUMNS[name])
        for name, path in paths.items()
    }
    compared = any(map(len, tables.values()))
    return Results(header, _csv(folder / SCORES), Comparison(**tables) if compared else None, details.read(folder))


def _number(text: str) -> float | None:
    return float(text) if text else None  # to the last digit, which pandas 2 does not read


def _refuse_impossible(table: pd.DataFrame) -> None:
    """Raise ValueError for what no run writes, and no report can show."""
    if table.isin([math.inf, -math.inf]).any(axis=None):
        raise ValueError("a number is infinite")
    if "severity" in table and not table["severity"].dropna().isin(range(1, 6)).all():
        raise ValueError("a severity is none of 1 to 5")
    for name in _COUNTS:
        if name in table and len(table) and not pd.api.types.is_numeric_dtype(table[name]):
            raise ValueError(f"{name} is no number somewhere")
    for name in _WORDS:
        if name in table and name not in _MAY_LACK and (table[name] == "").any():
            raise ValueError(f"{name} is missing somewhere")
    if {"low", "high"} <= {*table}:
        low, high = table["low"].notna(), table["high"].notna()  # a median's upper end may lie beyond what was found
        if (high & ~low if "severity" in table else high != low).any():
            raise ValueError("an interval has one end")
    figures = table[table.filter(["value", "difference"]).notna().any(axis=1)]
    if "n" in figures and (figures["n"] < 1).any():
        raise ValueError("a figure is of no image")
    if "unit" in figures and (figures["unit"] == "").any():
        raise ValueError("a figure has no unit")


def _csv(path: Path) -> pd.DataFrame:
    try:
        # "NA" is a name
        words = dict.fromkeys(_WORDS, "str")
        table = pd.read_csv(path, dtype=words, keep_default_na=False, converters=dict.fromkeys(_NUMBERS, _number))
        _refuse_impossible(table)
        return table.astype({"severity": "Int8"}) if "severity" in table else table
    except (OSError, ValueError, TypeError) as error:
        raise ReportError(f"{path} cannot be read: {error}") from error
