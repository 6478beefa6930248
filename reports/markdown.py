"""The report as GitHub-flavoured Markdown: `report.md`."""

import re
from collections.abc import Iterator

import pandas as pd

from .document import Section, document
from .results import Results
from .table import BEST, Table

# Underscores inside words are no emphasis, and brackets alone no link: names and intervals stay readable.
_SPECIAL = re.compile(r"[\\`*|~#$]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render(results: Results) -> dict[str, str]:
    """Render `report.md`."""
    content = document(results)
    blocks = [f"# {escape(content.title)}"]
    blocks += [f"> **Warning:** {escape(warning)}" for warning in content.warnings]
    blocks += [block for section in content.sections for block in _section(section)]
    return {"report.md": "\n\n".join(blocks) + "\n"}


def escape(text: str) -> str:
    """Make `text` stand for itself, in one line, in a paragraph as well as in a table's cell."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split())).translate(_ENTITIES)


def _section(section: Section) -> Iterator[str]:
    yield f"## {escape(section.title)}"
    yield from map(escape, section.paragraphs)
    if section.items:
        yield "\n".join(f"- {escape(item)}" for item in section.items)
    for table in section.tables:
        yield escape(f"{table.caption} {BEST}" if table.best else table.caption)
        yield grid(table)
    if section.code:
        yield fence(section.code)


def grid(table: Table) -> str:
    """Render a table as GFM, its columns aligned for who reads the text itself; the best figures are bold."""
    cells = pd.DataFrame(
        [
            [f"**{escape(cell)}**" if (row, column) in table.best else escape(cell) for column, cell in enumerate(line)]
            for row, line in enumerate(table.rows)
        ]
    )
    alignment = ["left" if table.holds_words(place) else "right" for place in range(len(table.columns))]
    headers = [escape(column) for column in table.columns]
    return str(cells.to_markdown(index=False, headers=headers, disable_numparse=True, colalign=alignment))


def fence(code: str) -> str:
    """Set `code` in a fence longer than any run of backticks in it."""
    longest = max(map(len, re.findall(r"`+", code)), default=0)
    bars = "`" * max(3, longest + 1)
    return f"{bars}sh\n{code}\n{bars}"
