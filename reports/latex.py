r"""The tables of figures for a paper: `tables.tex`, to be read with `\input{tables}`.

Needs the packages booktabs and array, any engine, and text in UTF-8. Columns share the line's width, so a table fits
one column or two; a table with too many columns or rows for a page goes on in another.
"""

import re
from collections.abc import Iterator, Sequence

from .cells import printable
from .document import Section, document
from .limits import warnings
from .results import Results
from .table import BEST, Table

_SECTIONS = (
    *("What differs between the runs", "Summary", "Comparison", "Published figures"),
    *("Accuracy", "Corruptions", "Attacks"),
)
_ROWS = 30  # of a table on a page
_LETTERS = 78  # of \footnotesize in a line of LaTeX's article
_GAP = 3  # letters between two columns
_NARROWEST, _WIDEST, _LONGEST = 5, 13, 30  # letters that a column is counted for; the last, of a word or an interval

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "-": "{-}",  # two would become one dash
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "−": r"\ensuremath{-}",
    "×": r"\ensuremath{\times}",
    "±": r"\ensuremath{\pm}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
} | {letter: f"\\{letter}" for letter in "{}#$%&_"}
_ACCENTED = frozenset("ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöøùúûüýÿßÆæ")  # all engines and fonts have them
_BREAK = re.compile(r"(?<=\w)(?:[_,(=/:]|\.(?!\d))(?=\w)")  # behind these a name may go on in the next line
_MINUS = re.compile(r"(?<!\w)-(?=\d)")
_INTERVAL = re.compile(r"(\[[^] ]*), ([^] ]*\])")


def render(results: Results) -> dict[str, str]:
    """Render `tables.tex`."""
    protocol = " ".join(_protocol(results))
    tables = [
        text
        for section in document(results).sections
        if section.title in _SECTIONS
        for text in _section(section, protocol)
    ]
    opening = f"% {printable(results.header['name'])}\n% needs \\usepackage{{booktabs,array}}"
    return {"tables.tex": "\n\n".join([opening, *tables]) + "\n"}


def escape(text: str) -> str:
    """Make `text` stand for itself in one line of a paragraph, a caption or a cell; names may break behind signs.

    What not every engine can print is written as its code point, `[U+4E2D]`.
    """
    line = _MINUS.sub("−", " ".join(text.split()))
    breaks = {match.start() for match in _BREAK.finditer(line)}
    written = "".join(_letter(letter) + r"\allowbreak{}" * (place in breaks) for place, letter in enumerate(line))
    written = _INTERVAL.sub(r"\1,~\2", written)
    return "{}" + written if written[:1] in ("[", "*") else written  # behind \\ these would be an option


def _letter(letter: str) -> str:
    if letter in _COMMANDS:
        return _COMMANDS[letter]
    return letter if (letter.isascii() and letter.isprintable()) or letter in _ACCENTED else f"[U+{ord(letter):04X}]"


def _protocol(results: Results) -> Iterator[str]:
    """Say how the figures came about and what stands on top of every report, for captions."""
    identity, said = results.header["identity"], warnings(results)
    data = ", ".join(f"{data['dataset']} ({data['count']} images)" for data in identity["data"])
    yield f"Data: {data}; precision {identity['precision']}, seed {identity['seed']}."
    suites: dict[str, list[str]] = {}
    sources = results.header.get("suite_sources", {})
    for suite, note in results.header.get("suite_notes", {}).items():
        for warning in said:
            note = note.replace(warning, "")
        suites.setdefault(" ".join(f"{sources.get(suite, '')}. {note}".lstrip(". ").split()), []).append(suite)
    yield from (f"{', '.join(names)}: {note}" for note, names in suites.items() if note)
    yield from said


def _section(section: Section, protocol: str) -> Iterator[str]:
    for number, table in enumerate(section.tables, start=1):
        parts = [part for columns in _blocks(table) for part in _parts(table, columns)]
        for place, part in enumerate(parts, start=1):
            bold = f" {BEST}" if part.best else ""
            which = f" Part {place} of {len(parts)}." if len(parts) > 1 else ""
            rest = f"{which} {protocol}" if place == 1 else f"{which} Protocol: see part 1."
            label = "-".join(map(str, (section.title.lower().replace(" ", "-"), number, place)))
            yield _table(part, escape(f"{part.caption}{bold}{rest}"), f"tab:{label}")


def _blocks(table: Table) -> Iterator[list[int]]:
    """Deal the columns of numbers into lines, each behind the columns of words."""
    sizes = _sizes(table)
    words = list(range(table.text_columns))
    block: list[int] = []
    for column in range(len(words), len(table.columns)):
        if block and sum(sizes[one] + _GAP for one in (*words, *block, column)) > _LETTERS + _GAP:
            yield words + block
            block = []
        block.append(column)
    yield words + block


def _parts(table: Table, columns: Sequence[int]) -> Iterator[Table]:
    """Cut the chosen columns of a table into pages."""
    for start in range(0, len(table.rows), _ROWS):
        rows = table.rows[start : start + _ROWS]
        best = {(row - start, columns.index(column)) for row, column in table.best if column in columns}
        best = {(row, column) for row, column in best if 0 <= row < len(rows)}
        yield Table(
            table.caption,
            tuple(table.columns[column] for column in columns),
            tuple(tuple(row[column] for column in columns) for row in rows),
            table.text_columns,
            best=frozenset(best),
            words=frozenset(place for place, column in enumerate(columns) if table.holds_words(column)),
        )


def _sizes(table: Table) -> list[int]:
    """Count the letters that each column should have room for: those of its longest word or part of a name at least."""
    sizes = []
    for name, *cells in zip(table.columns, *table.rows, strict=True):
        words = (
            word for text in (name, *cells) for word in _BREAK.sub(r"\g<0> ", _INTERVAL.sub(r"\1,-\2", text)).split()
        )
        longest = min(_LONGEST, max(map(len, words)))
        sizes.append(max(_NARROWEST, longest, min(_WIDEST, max(map(len, cells)))))
    return sizes


def _table(table: Table, caption: str, label: str) -> str:
    cells = [
        [_bold(escape(cell)) if (row, column) in table.best else escape(cell) for column, cell in enumerate(line)]
        for row, line in enumerate(table.rows)
    ]
    lines = [" & ".join(line) + r" \\" for line in ([escape(column) for column in table.columns], *cells)]
    return "\n".join(
        (
            r"\begin{table}[tbp]\centering\footnotesize",
            rf"\caption{{{caption}}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{{_format(table)}}}",
            *(r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"),
            r"\end{tabular}",
            r"\end{table}",
        )
    )


def _bold(text: str) -> str:
    return rf"\textbf{{{text}}}"


def _format(table: Table) -> str:
    r"""Share out the line, less 2\tabcolsep between two columns."""
    sizes = _sizes(table)
    gaps = 2 * (len(sizes) - 1)
    columns = []
    for place, size in enumerate(sizes):
        share, side = size / sum(sizes), "raggedright" if table.holds_words(place) else "raggedleft"
        width = rf"\dimexpr {share:.4f}\linewidth-{share * gaps:.4f}\tabcolsep\relax"
        columns.append(rf">{{\{side}\arraybackslash}}p{{{width}}}")
    return f"@{{}}{''.join(columns)}@{{}}"
