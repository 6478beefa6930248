"""A run's folder, as reports and a resumed run read it: header, records, tables."""

import io
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from reports import ReportError, stored
from reports.__main__ import main
from robustness.errors import RunError, UsageError
from robustness.records import SCHEMA
from robustness.runs import find_run
from robustness.store import reopened

from .damage import damaged, damaged_json
from .parser import Parser, refuse_noise

sys.path.append(str(Path(__file__).parents[1]))
import small_runs


@cache
def run_files() -> dict[str, bytes]:
    """The files of a small run of two models, with the tables that a report leaves."""
    with tempfile.TemporaryDirectory() as room, redirect_stdout(io.StringIO()):
        folder = small_runs.run(Path(room) / "run", {"a": 30, "b": 20}, corruptions=("fog",))
        main(["render", str(folder), "--formats", "csv"])
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _tables() -> dict[str, bytes]:
    return {name: content for name, content in run_files().items() if not name.startswith("records")}


def _rendered(asked: tuple[str, bytes], folder: Path) -> str:
    name, content = asked
    run, said = _write(folder / "run", _tables() | {name: content}), io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        code = main(
            ["render", str(run), "--formats", "csv,json,markdown,latex,model-card", "--out", str(folder / "out")]
        )
    return refuse_noise(code, said.getvalue())


_CELLS = ["", "nan", "inf", "-1", "1.5", "x", "1e400", "9" * 40, "a,b", '"', "é", "\0", "NA", "True", "3", "0", "0.5"]


def _csv(content: bytes, changes: Sequence[tuple[int, int, str]]) -> bytes:
    """Change cells of a table."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    for row, column, cell in changes:
        cells = rows[row % len(rows)]
        cells[column % len(cells)] = cell
    return "\n".join(map(",".join, rows)).encode()


@st.composite
def _table_files(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from([name for name in _tables() if name.endswith(".csv")]))
    content = _tables()[name]
    cells = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15), st.sampled_from(_CELLS)), max_size=4)
    return name, draw(st.builds(_csv, st.just(content), cells) | damaged([content], 2))


def _header() -> Any:
    return json.loads(run_files()["run.json"])


_headers = st.deferred(lambda: damaged_json([_header()]))


def _resumed(content: bytes, folder: Path) -> str:
    run = _write(folder / "run", run_files() | {"run.json": content})
    find_run(folder, {"seed": 0})
    opened = reopened(run)
    return f"{opened.records().num_rows and 'records'}"


def _part(table: pa.Table, **how: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, write_page_checksum=True, **how)
    return out.getvalue()


@cache
def _parts() -> list[bytes]:
    whole = run_files()["records/part.000000.parquet"]
    table = pq.read_table(io.BytesIO(whole))
    renamed = table.rename_columns([f"{name}_" if name == "model" else name for name in table.column_names])
    nulls = pa.table([pa.nulls(3, field.type) for field in SCHEMA], schema=SCHEMA)
    other = table.set_column(0, "model", pa.array(range(len(table))))
    return [
        whole,
        _part(table.slice(0, 0)),
        _part(renamed),
        _part(nulls),
        _part(other),
        _part(table.slice(0, 9)),
        b"",
        b"PAR1PAR1",
    ]


_records = st.deferred(lambda: damaged(_parts()))


def _recorded(content: bytes, folder: Path) -> str:
    run = _write(folder / "run", run_files() | {"records/part.000000.parquet": content})
    header = stored.read_header(run)
    stored.as_of(header, stored.read_records(run))
    reopened(run).frame()
    return "read"


PARSERS = {
    "run.json for reports": Parser(_headers.map(lambda content: ("run.json", content)), _rendered, ()),
    "tables of a run": Parser(_table_files(), _rendered, ()),
    "run.json for a resumed run": Parser(_headers, _resumed, (RunError, UsageError)),
    "records of a run": Parser(_records, _recorded, (ReportError, RunError)),
}
