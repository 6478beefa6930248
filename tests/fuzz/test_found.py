"""What fuzzing found, a case each: every one was once a traceback, a page of text, or an endless wait."""

import gzip
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

import datasets.__main__ as datasets_command
import reports.__main__ as reports_command
from datasets import DataError
from datasets.downloads.partial import Part
from datasets.label_files import find_labels
from datasets.registry import open_data
from datasets.sources.members import Members
from reports import ReportError, stored
from robustness.attacks import attack_condition
from robustness.checkpoints import read_state_dict, unwrap
from robustness.command_line import parse
from robustness.errors import RunError, UsageError
from robustness.models.exported import _loaded
from robustness.store import read_header

from . import archives, checkpoints, downloads, stored_runs, tables
from .damage import DEEP
from .stored_runs import run_files

FILE = ord("0")


def _tar(name: str, kind: int = FILE, content: bytes = b"", pax: dict[str, str] | None = None) -> bytes:
    return archives.tar_of([(name, kind, content, pax or {}, None)])


def _without_labels(parquet: bytes) -> bytes:
    at = pq.read_metadata(io.BytesIO(parquet)).row_group(0).column(2).data_page_offset
    return parquet[:at] + b"\xff" * 20 + parquet[at + 20 :]


def _meta(folder: Path) -> Path:
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_bytes(b"1\n")
    (folder / "meta.mat").write_bytes(tables._matlab(more=1)[:200])
    return folder


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tar", archives.TARS[1], "recursion"),
        ("a.tar.gz", gzip.compress(archives.TARS[2]), "recursion"),
        ("a.tar", _tar("d/" * 30_000 + "a.jpg"), "in 30001 folders"),
        ("a.tar", _tar("d/" * 900 + "a.jpg"), "in 901 folders"),
        ("a.tar", _tar("a.jpg", pax={"path": "9" * 50_000}), "hundreds of digits"),
        ("a.zip", archives._with_zip64(archives.ZIPS[0], struct.pack("<3Q", 2**64 - 1, 9, 0)), "is damaged"),
        ("val.tar", _tar("a.jpg")[:512] + _tar("a.json", content=b"[" * DEEP), "no label"),
        ("a.parquet", _without_labels(tables.SEED), "cut off, damaged or no parquet file"),
    ],
)  # fmt: skip
def test_archives_and_tables(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as refusal:
        archives.walked(tmp_path / name)
    assert "\n" not in str(refusal.value)


def test_an_encrypted_member_without_a_name_is_no_file(tmp_path: Path) -> None:
    content = bytearray(archives.zip_of([("a.jpg", b"", 0)], []).replace(b"a.jpg", b"\0.jpg"))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + flags] |= 1  # encrypted
    (tmp_path / "a.zip").write_bytes(content)
    assert archives.walked(tmp_path / "a.zip") == "nothing in it"


def test_a_schema_note_without_end_is_left_out(tmp_path: Path) -> None:
    content = tables._parquet([None] * 3, [0, 1, 1], tables.pa.int64(), b"[" * DEEP)
    (tmp_path / "a.parquet").write_bytes(content)
    assert archives.walked(tmp_path / "a.parquet") == "rows"
    assert open_data(tmp_path / "a.parquet").class_names is None  # type: ignore[union-attr]


@pytest.mark.parametrize("changed", [{"offsets": np.array(["a", "b"])}, {"firsts": np.array([0, 9, 2])}])
def test_an_index_of_other_arrays_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="members"):
        Members(archives._GOOD | changed)


def test_a_damaged_development_kit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs the development kit's meta\.mat"):
        find_labels(_meta(tmp_path))


@pytest.mark.parametrize(
    "note", [b"[" * DEEP, b'{"address": "a", "validator": "\\ud800"}', b'{"address": "a", "validator": 3}']
)
def test_notes_of_downloads_that_are_none(tmp_path: Path, note: bytes) -> None:
    (tmp_path / "f.part").write_bytes(b"0123")
    (tmp_path / "f.part.json").write_bytes(note)
    with Part(tmp_path / "f", ()) as part:
        assert part.origin is None


@pytest.mark.parametrize("range_", [f"bytes 4-{'9' * 5000}/*", f"bytes {'9' * 5000}-9/10"])
def test_ranges_without_end(tmp_path: Path, range_: str) -> None:
    answer = f"HTTP/1.1 206 Partial\r\nContent-Range: {range_}\r\nContent-Length: 6\r\n\r\n456789".encode()
    with pytest.raises(DataError, match="another range than it was asked for"):
        downloads._fetched((answer, None, {}, None), tmp_path)


@pytest.mark.parametrize(
    "content", [*checkpoints.CODE, checkpoints._repacked(b"\x80\x02" + checkpoints.PICKLES[0][4:])]
)
def test_checkpoints_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(RunError, match="cannot be read as tensors only"):
        read_state_dict(tmp_path / "a.pth")
    assert not checkpoints.OUTSIDE.exists()


def test_tensors_without_names(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="tensors without a name: 1, None"):
        unwrap({1: torch.ones(1), None: torch.ones(1)}, tmp_path)


@pytest.mark.parametrize(
    "facts",
    [
        *([], {"mean": [0, 0, None]}, {"mean": [0, "a\nb", 0]}, {"input_size": [[]]}, {"crop_pct": [1]}, {"mean": 3}),
        *(
            {"input_size": True, "crop_pct": {}},
            {"input_size": 1.5},
            {"interpolation": ["bicubic"]},
            {"crop_pct": 1e-320},
        ),
    ],
)
def test_sidecars_in_other_words(tmp_path: Path, facts: Any) -> None:
    content = facts if facts == [] else checkpoints.FACTS | facts
    (tmp_path / "net.onnx.json").write_text(json.dumps(content))
    (tmp_path / "net.onnx").touch()
    with pytest.raises(UsageError) as refusal:
        _loaded(tmp_path / "net.onnx", nn.Identity(), differentiable=False)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("eps", ["1e9999999", "-7313001.3e9367", "1/1e-9999999", "nan", "1e400/1e400"])
def test_radii_beyond_numbers(eps: str) -> None:
    with pytest.raises(UsageError):
        attack_condition("pgd", eps=eps)


@pytest.mark.parametrize("content", ["1: 2\n", "- a\n", "[" * 500, "a: [\nb: {\n", "3\n"])
def test_configs_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(UsageError, match="--config") as refusal:
        parse(["--config", str(tmp_path / "c.yaml")])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("main", [datasets_command.main, reports_command.main])
@pytest.mark.parametrize("words", [["nonsense"], ["--nonsense"], ["check"], ["compare"]])
def test_misuse_is_told_in_a_line(
    main: Callable[..., int], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ") and told.err.count("\n") == 1 and not told.out


def test_words_longer_than_names_of_files(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="did you mean --model"):
        parse(["9" * 5000])
    assert datasets_command.main(["check", "imagenet", "--data", "9" * 5000]) == 1
    assert "File name too long" in capsys.readouterr().err


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
        (",40,", ",0,", "of no image"),
        ("0.75,", "1e400,", "infinite"),
    ],
)
def test_tables_that_no_run_writes(tmp_path: Path, old: str, new: str, said: str) -> None:
    for name, content in run_files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if "records" not in name:
            (tmp_path / name).write_bytes(content)
    (tmp_path / "scores.csv").write_text((tmp_path / "scores.csv").read_text().replace(old, new, 1))
    with pytest.raises(ReportError, match=said):
        stored.read_tables(tmp_path, stored.read_header(tmp_path))
