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
from robustness.attacks import attack_condition
from robustness.checkpoints import read_state_dict, unwrap
from robustness.command_line import parse
from robustness.errors import RunError, UsageError
from robustness.models.exported import _loaded

from . import archives, checkpoints, downloads, images, tables
from .damage import DEEP

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


@pytest.mark.parametrize("names", [1.5, "ab", {"a": 1}])
def test_a_schema_note_with_classes_in_no_list_is_refused(tmp_path: Path, names: Any) -> None:
    note = {"info": {"features": {"label": {"_type": "ClassLabel", "names": names}}}}
    (tmp_path / "a.parquet").write_bytes(tables._parquet([None], [0], tables.pa.int64(), json.dumps(note).encode()))
    with pytest.raises(DataError, match=r"names in its schema are .+ and no list"):
        archives.walked(tmp_path / "a.parquet")


def test_transparency_behind_the_pixels_warns_of_nothing(tmp_path: Path) -> None:
    png = images._with_chunks(images._saved("PNG", "P"), [(3, b"tRNS", b"\0\7")])
    assert images._decoded(png, tmp_path) == "decoded"


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


def test_a_redirect_in_circles_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="infinite loop") as refusal:
        downloads._fetched((b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", None, {}, None), tmp_path)
    assert str(refusal.value).count("\n") == 1


@pytest.mark.parametrize("name", ["imagenet", "imagenet-c", "background-challenge", "silhouettes"])
def test_no_name_breaks_a_message(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a\nb" / "\udcff\x1b[31m").mkdir(parents=True)
    for folder, file in (("a\nb", "c\nd.jpg"), ("a\nb/\udcff\x1b[31m", "\udcff.jpg")):
        (tmp_path / folder / file).touch()
    assert datasets_command.main(["check", name, f"--data={tmp_path}"]) == 1
    assert reports_command.main(["render", str(tmp_path / "a\nb")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.isprintable() and r"a\nb" in line for line in lines)


def test_no_name_breaks_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "n01440764").mkdir()
    (tmp_path / "n01440764" / "é\n.jpg").touch()
    assert datasets_command.main(["check", "imagenet", f"--data={tmp_path}", "--decode"]) == 1
    assert "n01440764/é\\n.jpg: the file is empty\n" in capsys.readouterr().out


NO_CHECKPOINTS = [*checkpoints.CODE, checkpoints._repacked(b"\x80\x02" + checkpoints.PICKLES[0][4:])]


@pytest.mark.parametrize("content", NO_CHECKPOINTS, ids=map(str, range(len(NO_CHECKPOINTS))))
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
        *([], {"mean": [0, 0, None]}, {"mean": [0, "a\nb", 0]}, {"input_size": [[]]}, {"crop_pct": [1]}, {"mean": "3"}),
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


@pytest.mark.parametrize("eps", ["1e9999999", "-7313001.3e9367", "1/1e-9999999", "1e-999999999", "nan", "1e400/1e400"])
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
@pytest.mark.parametrize("words", [["nonsense"], ["--non\nsense\x1b[31m"], ["check"], ["compare"]])
def test_misuse_is_told_in_a_line(
    main: Callable[..., int], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ") and told.err[:-1].isprintable() and not told.out


def test_a_run_may_be_called_like_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reports_command.main(["compare", "[1", "[2]", f"--out={tmp_path / 'out'}"]) == 1
    assert capsys.readouterr().err == "error: [1 is not a run: there is no run.json\n"


def test_words_longer_than_names_of_files(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="did you mean --model"):
        parse(["9" * 5000])
    assert datasets_command.main(["check", "imagenet", "--data", "9" * 5000]) == 1
    assert "File name too long" in capsys.readouterr().err


def test_what_reports_could_not_write_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.yaml").write_text('data-root: "\\ud800"\n')
    for words in (["--out", "a\udcff"], ["--model", "pit_s", "--model", "\udcff"], ["--config", f"{tmp_path}/c.yaml"]):
        with pytest.raises(UsageError, match="is not UTF-8"):
            parse(words)
    assert reports_command.main(["compare", "a", "b\udcff", "--out=c"]) == 2
    assert capsys.readouterr().err.startswith("error: not UTF-8, as reports must be: compare a b\\udcff --out=c; ")


def test_files_are_fetched_whatever_their_folder_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datasets_command, "download", lambda _name, root, **_: [root / "a.tar"])
    assert datasets_command.main(["download", "imagenet-a", "--data-root=b\udcff"]) == 0
    assert capsys.readouterr().out == "b\\udcff/a.tar\n"
