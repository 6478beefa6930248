"""Which classes lose and win most under each suite."""

import pandas as pd

from .cells import number, place
from .results import Results
from .selection import shown
from .table import Table

SIDE = 5  # classes at either end
_COLUMNS = ("model", "class", "clean", "shifted", "change in points", "n")
_FIELDS = ("label", "name", "clean", "shifted", "change", "low", "high", "n")


def class_tables(results: Results) -> tuple[Table, ...]:
    """One table a suite and data set: of each model the classes that lose most, then those that lose least or win."""
    models, table = shown(results), results.details.table("classes")
    tables = []
    for (suite, dataset), own in table.groupby(["suite", "dataset"], sort=False):
        by_model = [(model, own[own["model"] == model].sort_values(["change", "label"])) for model in models]
        ends = [(model, changes, _ends(changes)) for model, changes in by_model if len(changes) > 1]
        rows = tuple((model, *_cells(row)) for model, _, ends in ends for row in ends.itertuples(index=False))
        if rows:
            classes = max(len(changes) for _, changes, _ in ends)
            tables.append(Table(_caption(str(suite), str(dataset), classes), _COLUMNS, rows, text_columns=2))
    return tuple(tables)


def _ends(changes: pd.DataFrame) -> pd.DataFrame:
    """Take both ends of a sorted table; all of a short one."""
    return changes if len(changes) <= 2 * SIDE else pd.concat([changes.head(SIDE), changes.tail(SIDE)])


def _cells(row: object) -> tuple[str, ...]:
    label, name, clean, shifted, change, low, high, n = (getattr(row, field) for field in _FIELDS)
    bounds = "" if pd.isna(low) or pd.isna(high) else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    said = f"{100 * change + 0:+.1f}{bounds}"  # + 0 makes -0 a plain one
    title = str(name) if str(name) == str(label) else f"{name} ({label})"
    return title, number(clean, "fraction"), number(shifted, "fraction"), said, str(n)


def _caption(suite: str, dataset: str, classes: int) -> str:
    return (
        f"Classes that lose and win most under {place(suite, dataset)}, of {classes}, with 95 % intervals of the "
        "change. The most extreme of many classes look more extreme than they are. n: images of the class."
    )
