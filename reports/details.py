"""The small tables behind the figures, and the pictures: what a report needs besides scores to be drawn again.

`details/*.csv` lie in a run's folder beside `scores.csv`; `details/examples.csv` lists the pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import pandas as pd

from .errors import ReportError

FOLDER, EXAMPLES = "details", "examples"
_RATE = ("low", "high", "n")
_OWN = ("model", "suite", "dataset")
# table → the columns that it must have
COLUMNS = {
    "reliability": (*_OWN, "condition", "severity", "confidence", "accuracy", *_RATE),
    "classes": (*_OWN, "label", "name", "clean", "shifted", "change", *_RATE),
    "shape_bias": (*_OWN, "name", "shape_bias", *_RATE),
    "testbed": ("suite", "condition", "kind", "model", "clean", "clean_low", "clean_high", "shifted", *_RATE),
    EXAMPLES: ("sample_id", "model", "what", "file", "label", "prediction", "confidence"),
}


@dataclass(frozen=True, slots=True)
class Details:
    """Small tables by name, and the PNG files that the table `examples` lists, by their paths below the run's folder.

    absent: pictures that the run's folder lists and does not have; they are not in the table.

    Rates are fractions. Of `examples`: a row a picture; those of one sample_id stand side by side; `what`: "clean", a
    condition, or how a perturbation was magnified; `confidence` is NA where nothing was predicted. Raises ReportError
    for an unknown table, columns that are missing and pictures that are.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=lambda: MappingProxyType({}))
    pictures: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, table in self.tables.items():
            if name not in COLUMNS:
                raise ReportError(f"unknown details {name!r}; known: {', '.join(COLUMNS)}")
            if missing := [column for column in COLUMNS[name] if column not in table]:
                raise ReportError(f"details/{name}.csv is incomplete; missing: {', '.join(missing)}")
        if absent := [name for name in self.table(EXAMPLES)["file"] if name not in self.pictures]:
            raise ReportError(f"pictures that details/examples.csv lists are missing: {', '.join(map(str, absent))}")

    def table(self, name: str) -> pd.DataFrame:
        """Return a table; one without rows where there is none."""
        return self.tables.get(name, pd.DataFrame(columns=list(COLUMNS[name])))


def read(folder: Path, made: Mapping[str, pd.DataFrame] | None = None, *, examples: bool = True) -> Details:
    """Read the details of the run in `folder`; a table that is not there is left out.

    made: tables made anew, in place of those of the folder, but for the examples. examples: whether to read these and
    their pictures; of those that are not there, the rows are left out. Raises ReportError for a file that cannot be
    read, and for a picture that is no PNG, or not in the folder.
    """
    wanted = [name for name in COLUMNS if (examples if name == EXAMPLES else made is None)]
    paths = {name: folder / FOLDER / f"{name}.csv" for name in wanted}
    tables = {name: _read(path) for name, path in paths.items() if path.exists()} | dict(made or {})
    listed = tables.get(EXAMPLES, pd.DataFrame()).get("file", pd.Series(dtype="str"))
    found = {str(name): _picture(folder, str(name)) for name in listed}
    pictures = {name: content for name, content in found.items() if content is not None}
    if len(pictures) < len(found):
        tables[EXAMPLES] = tables[EXAMPLES][listed.isin(pictures)]
    return Details(tables, pictures, tuple(name for name in found if name not in pictures))


def files(details: Details) -> dict[str, str | bytes]:
    """Render `details/*.csv`, as far as they have rows, and the pictures, with their list if all are there."""
    tables = {
        f"{FOLDER}/{name}.csv": table.to_csv(index=False, lineterminator="\n")
        for name, table in details.tables.items()
        if len(table) and not (name == EXAMPLES and details.absent)
    }
    return tables if details.absent else {**tables, **details.pictures}


def _read(path: Path) -> pd.DataFrame:
    words = ("model", "suite", "dataset", "condition", "name", "sample_id", "what", "file", "label", "prediction")
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(words, "str"), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} cannot be read: {error}") from error
    table = table.fillna(dict.fromkeys([name for name in words if name in table], ""))
    return table.astype({"severity": "Int8"}) if "severity" in table else table


def _picture(folder: Path, name: str) -> bytes | None:
    """Read a picture; None where it is not there."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or relative.suffix != ".png":
        raise ReportError(f"details/examples.csv lists {name!r}, which is no PNG file in the run's folder")
    try:
        return (folder / relative).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReportError(f"picture {name} of details/examples.csv cannot be read: {error.strerror}") from error
