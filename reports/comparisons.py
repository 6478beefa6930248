"""Models side by side, and beside what was published of them: the tables that people read, and the files."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .cells import NOT_MEASURED, figure, number
from .published import Match, matches
from .results import Results, rows
from .table import Subject, Table, labels

TIED, UNKNOWN = "tied", "not comparable"  # verdicts
FILES = {"differences": "comparisons.csv", "ranking": "ranking.csv", "consistency": "error_consistency.csv"}
_LEAST_P = 0.0001  # that is written out


def comparison_table(results: Results) -> Table:
    """One row per pair and figure: the paired difference, its corrected p-value and the verdict."""
    cells = tuple(
        (row["model"], row["other"], name, _difference(row), _p(row["p_holm"]), _said(row), str(row["n"]))
        for name, row in _rows(results, "differences")
    )
    columns = ("model", "compared with", "figure", "difference", "corrected p", "so the model is", "n")
    caption = (
        "Differences on the same n images, with paired 95 % intervals in brackets; points are percentage points. "
        "Corrected p: by Holm over the whole table; only below 0.05 is a model called better or worse. On a natural "
        "shift the difference in top-1 is relative robustness (Taori et al. 2020, arXiv:2007.00644)."
    )
    return Table(caption, columns, cells, text_columns=3, words=frozenset({5}))


def comparison_grid(results: Results) -> Table:
    """Lay out the same differences with a row a pair and a column a figure, for narrow places."""
    found = _rows(results, "differences")
    figures = tuple(dict.fromkeys(name for name, _ in found))
    pairs: dict[str, dict[str, str]] = {}
    for name, row in found:
        said = row["verdict"] if row["difference"] is None else f"{_difference(row)} {row['verdict']}"
        pairs.setdefault(f"{row['model']} − {row['other']}", {})[name] = said
    cells = tuple((pair, *(own.get(name, NOT_MEASURED) for name in figures)) for pair, own in pairs.items())
    caption = "Comparison: paired differences; better and worse are said where p < 0.05 after Holm's correction."
    return Table(caption, ("models", *figures), cells)


def ranking_table(results: Results) -> Table:
    """One row per figure and model: its value, and the places that it may hold."""
    cells = tuple(
        (name, row["model"], number(row["value"], row["unit"]), _places(row), row["tied_with"] or "")
        for name, row in _rows(results, "ranking")
    )
    caption = (
        "Ranking: the places that a model may hold, and the models that it is statistically tied with. Of two that are "
        "not comparable either may be ahead; what is comparable with none has no place."
    )
    columns = ("figure", "model", "value", "place", "tied with")
    return Table(caption, columns, cells, text_columns=2, words=frozenset({4}))


def consistency_table(results: Results) -> Table:
    """One row per pair and rate: kappa of their errors."""
    cells = tuple(
        (row["model"], row["other"], name, _kappa(row), str(row["n"])) for name, row in _rows(results, "consistency")
    )
    caption = (
        "Consistency of errors (Cohen's kappa; Geirhos et al. 2020, arXiv:2006.16736): 1 means the same mistakes, 0 as "
        "many shared ones as independent models make."
    )
    return Table(caption, ("model", "compared with", "figure", "kappa", "n"), cells, text_columns=3)


def published_table(results: Results) -> Table:
    """One row per figure that was published of the same weights."""
    found = [(_subject(asdict(match.measured)), match) for match in matches(results)]
    names = labels(subject for subject, _ in found)
    cells = tuple(
        (
            match.measured.model,
            names[subject],
            figure(match.measured),
            number(match.published.value, match.measured.unit),
            _signed(match.gap, match.measured.unit),
            _judged(match),
            match.published.source,
        )
        for subject, match in found
    )
    columns = ("model", "figure", "measured", "published", "gap", "which is", "source")
    caption = "Published figures of the same weights; the sampling error is that of the measured figure's interval."
    return Table(caption, columns, cells, text_columns=2, words=frozenset({5, 6}))


def files(results: Results) -> dict[str, str]:
    """Render `comparisons.csv`, `ranking.csv` and `error_consistency.csv`, as far as they have rows."""
    if results.comparison is None:
        return {}
    tables = {file: getattr(results.comparison, name) for name, file in FILES.items()}
    return {file: table.to_csv(index=False, lineterminator="\n") for file, table in tables.items() if len(table)}


def _rows(results: Results, name: str) -> list[tuple[str, dict[str, Any]]]:
    """List the rows of one of the comparison's tables, behind its figure's name; None for what was not measured."""
    if results.comparison is None:
        return []
    found = rows(getattr(results.comparison, name))
    names = labels(map(_subject, found))
    return [(names[_subject(row)], row) for row in found]


def _subject(row: Mapping[str, Any]) -> Subject:
    return row["suite"], row["dataset"], row["condition"], row["metric"]


def _difference(row: Mapping[str, Any]) -> str:
    """Write a difference and its interval: `+2.1 points [1.0, 3.2]`."""
    if row["difference"] is None:
        return NOT_MEASURED
    text = _signed(row["difference"], row["unit"])
    if row["low"] is None or row["high"] is None:
        return text
    scale = 100 if row["unit"] == "fraction" else 1
    return f"{text} [{row['low'] * scale:.1f}, {row['high'] * scale:.1f}]"


def _signed(value: float, unit: str) -> str:
    return f"{100 * value:+.1f} points" if unit == "fraction" else f"{value:+.1f}"


def _p(value: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    return f"< {_LEAST_P}" if value < _LEAST_P else f"{value:.2g}"


def _said(row: Mapping[str, Any]) -> str:
    """Write the verdict, and why there is none."""
    return f"{row['verdict']}: {row['note']}" if row["verdict"] == UNKNOWN else str(row["verdict"])


def _places(row: Mapping[str, Any]) -> str:
    best, worst = row["best_place"], row["worst_place"]
    return str(best) if best == worst else f"{best}–{worst}"


def _kappa(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return NOT_MEASURED
    bounds = "" if row["low"] is None else f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{row['value']:.2f}{bounds}"


def _judged(match: Match) -> str:
    """Say what a gap means."""
    if match.published.protocol is None:
        return "not judged: the source states no protocol"
    if not match.same_protocol:
        return f"not judged: {match.published.protocol} there, {match.protocol} here"
    if match.allowed is None:
        return "not judged: there is no interval"
    return "LARGER than the sampling error: check crop and weights" if match.flagged else "within the sampling error"
