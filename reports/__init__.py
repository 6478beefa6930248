"""Reports on runs: they need their headers and scores, but no model, no data set and no torch."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from . import comparisons, html, json_file, latex, markdown, model_card, scores_csv
from .errors import ReportError
from .results import Comparison, Results
from .text import render as text
from .unfinished import so_far

__all__ = ["FORMATS", "Comparison", "ReportError", "Results", "check_formats", "so_far", "text", "write"]

# A format makes the texts of its files, by file name.
FORMATS: dict[str, Callable[[Results], dict[str, str]]] = {
    "csv": lambda results: scores_csv.render(results) | comparisons.files(results),
    "markdown": markdown.render,
    "html": html.render,
    "latex": latex.render,
    "json": json_file.render,
    "model-card": model_card.render,
}


def check_formats(formats: Iterable[str]) -> None:
    """Raise ReportError, which lists the known formats, when one of `formats` is unknown."""
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ReportError(f"unknown format {', '.join(unknown)}; known: {', '.join(FORMATS)}")


def write(results: Results, folder: Path, formats: Iterable[str]) -> list[Path]:
    """Write the files of `formats` into `folder`, which is made if need be; returns their paths.

    A file is whole or absent: a crash leaves no half of it, and an old one stays until the new one is complete. Raises
    ReportError for an unknown format, before anything is written.
    """
    wanted = list(dict.fromkeys(formats))
    check_formats(wanted)
    files = {name: content for each in wanted for name, content in FORMATS[each](results).items()}
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(folder / name, content) for name, content in files.items()]


def _write(path: Path, content: str) -> Path:
    """Write under a temporary name beside `path`, then rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(content, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
