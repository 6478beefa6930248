"""Reports on runs: they need their headers and scores, but no model, no data set and no torch."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from . import comparisons, details, html, json_file, latex, markdown, model_card, scores_csv
from .details import Details
from .details import read as read_details
from .errors import ReportError
from .results import Comparison, Results
from .stored import read_header
from .text import render as text
from .unfinished import so_far

__all__ = [
    "FORMATS",
    "Comparison",
    "Details",
    "ReportError",
    "Results",
    "check_formats",
    "read_details",
    "read_header",
    "so_far",
    "text",
    "write",
]

Files = Mapping[str, str | bytes]  # by their paths below the run's folder

# A format makes its files.
FORMATS: dict[str, Callable[[Results], Files]] = {
    "csv": lambda r: scores_csv.render(r) | comparisons.files(r) | details.files(r.details),
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
    return [_write(folder / name, content) for name, content in files.items()]


def _write(path: Path, content: str | bytes) -> Path:
    """Write under a temporary name beside `path`, then rename; a text as UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
