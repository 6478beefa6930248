"""Summary and comparison for a terminal: figures down, models or pairs across, within 100 columns."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from . import differing
from .cells import printable
from .comparisons import comparison_grid
from .limits import warnings
from .results import Results
from .table import Table, summary

WIDTH = 100
_GAP = "  "
_LABEL_WIDTH = 44
_CELL_WIDTH = 26

Column = list[list[str]]  # cells, each of them lines


def render(results: Results) -> str:
    """Render the warnings, the summary and the comparison; ends with a line break."""
    lines = [line for warning in warnings(results) for line in _wrap(f"Warning: {warning}", WIDTH)]
    for table in (_differences(results), summary(results), comparison_grid(results)):
        lines += _table(table) if table.rows else []
    return "\n".join(lines).lstrip("\n") + "\n"


def _differences(results: Results) -> Table:
    """Lay out what differs between runs with a row a run, as the others have a row a model."""
    found = differing.table(results.header.get("differences", {}))
    across = zip(found.columns[1:], *(row[1:] for row in found.rows), strict=True)
    return Table(found.caption, ("", *(row[0] for row in found.rows)), tuple(across) if found.rows else ())


def _table(table: Table) -> Iterator[str]:
    """Lay a table on its side, with as many of its rows side by side as fit, above its caption."""
    labels = [_wrap(label, _LABEL_WIDTH) for label in ("", *table.columns[1:])]
    columns = [[_wrap(cell, _CELL_WIDTH) for cell in row] for row in table.rows]
    for block in _blocks(columns, WIDTH - _width(labels)):
        yield from ("", *_lines(labels, block))
    yield from ("", *_wrap(table.caption, WIDTH))


def _wrap(content: str, width: int) -> list[str]:
    return textwrap.wrap(printable(content), width, subsequent_indent=_GAP) or [""]


def _width(column: Column) -> int:
    return max(len(line) for cell in column for line in cell)


def _blocks(columns: Sequence[Column], room: int) -> Iterator[list[Column]]:
    """Deal the columns into blocks that fit into `room` letters, at least one column each."""
    block: list[Column] = []
    for column in columns:
        if block and sum(len(_GAP) + _width(one) for one in (*block, column)) > room:
            yield block
            block = []
        block.append(column)
    if block:
        yield block


def _lines(labels: Column, block: Sequence[Column]) -> Iterator[str]:
    """Write one block; a row is as high as its highest cell."""
    widths = [_width(column) for column in block]
    for label, *cells in zip(labels, *block, strict=True):
        for left, *lines in zip_longest(label, *cells, fillvalue=""):
            right = (line.rjust(width) for line, width in zip(lines, widths, strict=True))
            yield _GAP.join((left.ljust(_width(labels)), *right)).rstrip()
