"""The report as sections of words and tables, which each format renders in its own markup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from . import differing
from .cells import plain
from .class_tables import class_tables
from .comparisons import comparison_table, consistency_table, published_table, ranking_table
from .examples import Example, examples
from .figures import Drawn, Figure
from .limits import audit, limits, warnings
from .results import Results
from .table import Table, accuracy_table, attack_table, severity_tables, summary, unmeasured_table
from .transfer import transfer_tables
from .verdict import verdict

_COMPARED = (comparison_table, ranking_table, consistency_table)
_CONTENT = ("paragraphs", "items", "tables", "figures", "examples")


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report; all texts are plain, without markup. code: a command to copy.

    figures, examples: for formats that show them.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    code: str = ""
    figures: tuple[Figure, ...] = ()
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]


def document(results: Results, drawn: Drawn = MappingProxyType({}), *, pictures: bool = False) -> Document:
    """Lay out the report; sections and tables without content are left out.

    drawn: the figures of each section. pictures: whether to show examples.
    """
    runs, different = list(results.runs.values()) or [results], results.header.get("differences", {})
    sections = (
        Section("What differs between the runs", tables=_filled(differing.table(different))),
        Section("Verdict", paragraphs=verdict(results)),
        Section("Summary", tables=_filled(summary(results))),
        Section("Comparison", tables=_filled(*(table(results) for table in _COMPARED))),
        Section("Published figures", tables=_filled(*map(published_table, runs))),
        Section("Accuracy", tables=_filled(accuracy_table(results))),
        Section("Clean against robust"),
        Section("Corruptions", tables=tuple(severity_tables(results).values())),
        Section("Attacks", tables=(*_filled(attack_table(results)), *transfer_tables(results))),
        Section("Audit of the attacks", items=tuple(item for run in runs for item in audit(run))),
        Section("Calibration"),
        Section("Shape or texture"),
        Section("Classes", tables=class_tables(results)),
        Section("Examples", _absent(results), examples=examples(results) if pictures else ()),
        Section("Not measured", tables=_filled(unmeasured_table(results))),
        Section("Data and protocol", tables=_data_tables(results.header["identity"])),
        Section("Provenance", tables=_provenance_tables(results.header)),
        Section("How to reproduce", paragraphs=(_reproduction(results.header),), code=_commands(results)),
        Section("What limits these figures", items=limits(results)),
    )
    illustrated = (replace(section, figures=drawn.get(section.title, ())) for section in sections)
    kept = (section for section in illustrated if any(getattr(section, part) for part in _CONTENT))
    return Document(f"Robustness report: {results.header['name']}", warnings(results), tuple(kept))


def _filled(*tables: Table) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)


def _absent(results: Results) -> tuple[str, ...]:
    """Say that pictures are not there."""
    absent = results.details.absent
    return (f"Not there, and left out: {', '.join(absent)}.",) if absent else ()


def _data_tables(identity: Mapping[str, Any]) -> tuple[Table, ...]:
    protocol = {
        "suites": identity["suites"],
        "samples of each data set at most": identity.get("limit") or "all",
        "JPEG quality 85 after a corruption": identity.get("jpeg"),
        "precision": identity["precision"],
        "seed": identity["seed"],
    }
    columns = {"dataset": "data set", "layout": "layout", "count": "images", "classes": "classes", "sha256": "SHA-256"}
    models = [{"model": model["name"], **model.get("preprocessing", {})} for model in identity["models"]]
    preprocessing = dict.fromkeys(name for model in models for name in model)
    return (
        _records("Data, with the hash of sample names and sizes.", columns, identity["data"]),
        _records("Preprocessing of each model.", {name: name.replace("_", " ") for name in preprocessing}, models),
        _pairs("Protocol.", protocol),
    )


def _provenance_tables(header: Mapping[str, Any]) -> tuple[Table, ...]:
    columns = {
        "name": "model",
        "spec": "given as",
        "architecture": "architecture",
        "source": "source of the weights",
        "random_weights": "random weights",
        "parameters": "parameters",
        "weights_sha256": "SHA-256 of the weights",
    }
    surrogates = header["identity"].get("surrogates", ())
    run = {"program version": header["version"], "started": header["start"], "ended": header.get("end")}
    return (
        _records("Models.", columns, header["identity"]["models"]),
        *_filled(_records("Models that attacks were made on.", columns, surrogates)),
        _pairs("Run and environment.", run | header["environment"]),
    )


def _reproduction(header: Mapping[str, Any]) -> str:
    return (
        f"With version {header['version']} of this program, the same weights and the same data (the hashes are above), "
        "this command gives the same figures, those of gradient attacks up to float rounding:"
    )


def _commands(results: Results) -> str:
    commands = (run.header["command"] for run in (*results.runs.values(), results))
    return "\n".join(dict.fromkeys(commands))


def _records(caption: str, columns: Mapping[str, str], records: Sequence[Mapping[str, Any]]) -> Table:
    """A table of `records`, one a row; columns: key → heading."""
    rows = tuple(tuple(plain(record.get(key)) for key in columns) for record in records)
    return Table(caption, tuple(columns.values()), rows, text_columns=len(columns))


def _pairs(caption: str, values: Mapping[str, Any]) -> Table:
    """A table of names and values; a mapping among the values gets a row for each of its entries."""
    rows = tuple((name, plain(value)) for name, value in differing.flat(values).items())
    return Table(caption, ("what", "value"), rows, 2)
