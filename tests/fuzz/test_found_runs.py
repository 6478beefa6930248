"""What fuzzing found in the folders of runs, a case each."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports import ReportError, stored
from robustness.errors import RunError
from robustness.store import read_header

from . import stored_runs
from .stored_runs import run_files


def _changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    header = json.loads(run_files()["run.json"])
    change(header)
    (folder / "run.json").write_text(json.dumps(header))
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h["identity"]["data"][0].pop("count"), r"identity\.data\.0\.count is missing"),
        (lambda h: h["identity"]["models"][0].pop("name"), r"identity\.models\.0\.name is missing"),
        (lambda h: h.update(name=-1), "name is '-1'"),
        (lambda h: h.update(findings=["x"]), r"findings\.0 is no object"),
        (lambda h: h["environment"].update(x=float("inf")), "cannot be read"),
        (lambda h: h["environment"].update(x="\ud800"), "cannot be read"),
    ],
)
def test_headers_that_reports_cannot_rely_on(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(ReportError, match=said):
        stored.read_header(_changed(tmp_path, change))


@pytest.mark.parametrize("change", [lambda h: h.pop("identity"), lambda h: h.update(start=None)])
def test_headers_that_tell_nothing(tmp_path: Path, change: Any) -> None:
    with pytest.raises(RunError, match="does not tell what was run"):
        read_header(_changed(tmp_path, change))


@pytest.mark.parametrize("number", [3, 4])  # of nulls alone, and with numbers for models
def test_records_without_names(tmp_path: Path, number: int) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "part.000000.parquet").write_bytes(stored_runs._parts()[number])
    with pytest.raises(ReportError, match=r"model.* is no name somewhere"):
        stored.read_records(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",40,", ",inf,", "infinite"),
        (",40,", ",x,", "n is no number"),
        (r"[\d.]+(,[\d.]+,40,)", r"\1", "an interval has one end"),
        (",40,", ",0,", "of no image"),
        ("0.75,", "1e400,", "infinite"),
        (",,", f",{'9' * 40},", "a severity is none of 1 to 5"),
        (",,", ",1.5,", "a severity is none of 1 to 5"),
        (",fraction,This is a sample of 40 images.\n", "\n", "a figure has no unit"),
        (",top1,", ",,", "metric is missing"),
        ("40,fraction", "", "n is no number"),
    ],
)
def test_tables_that_no_run_writes(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ReportError, match=said):
        _scores(tmp_path, old, new)


def test_a_median_without_an_upper_end_is_what_runs_write(tmp_path: Path) -> None:
    assert pd.isna(_scores(tmp_path, r"[\d.]+(,40,)", r"\1").loc[0, "high"])


def _scores(folder: Path, old: str, new: str) -> pd.DataFrame:
    """Read the tables of a run without records, with a change to its scores."""
    stored_runs._write(folder, stored_runs._tables())
    file = folder / "scores.csv"
    file.write_text(re.sub(old, new, file.read_text(), count=1))
    return stored.read_tables(folder, stored.read_header(folder)).scores
