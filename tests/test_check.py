"""`python -m datasets check`: what a copy holds, and what is wrong with it."""

import io
from pathlib import Path

import pytest
from PIL import Image

from datasets import SPACES, WNIDS, DataError
from datasets.__main__ import main
from datasets.adapters.corruptions import C_EXTRA, C
from datasets.check import check, describe


def photograph() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 9, 9)).save(file, "JPEG")
    return file.getvalue()


def copy(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(photograph())
    return root


def test_a_whole_copy_has_no_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = SPACES["sixteen"].names
    copy(tmp_path, *(f"{name}/{name}{i}.png" for name in names for i in range(10)))
    report = check("edges", tmp_path, read_all=True, workers=2)
    assert (report.parts, report.official, report.fingerprint.classes) == ({"": 160}, {"": 160}, 16)
    assert report.problems == [] and report.failures == ()
    assert main(["check", "edges", "--data", str(tmp_path)]) == 0


def test_what_is_missing_or_unreadable_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for severity in range(1, 6):
        copy(tmp_path, f"imagenet-c/fog/{severity}/{WNIDS[3]}/a.JPEG", f"imagenet-c/fog/{severity}/{WNIDS[3]}/b.JPEG")
    broken = tmp_path / "imagenet-c" / "fog" / "2" / WNIDS[3] / "b.JPEG"
    broken.write_bytes(photograph()[:-200])
    (tmp_path / "imagenet-c" / "fog" / "4" / WNIDS[3] / "b.JPEG").unlink()
    assert main(["check", "imagenet-c", "--data-root", str(tmp_path), "--decode"]) == 1
    printed = capsys.readouterr().out
    assert "images: 9 in 5 parts (published: 250,000)" in printed
    assert "2 images each in 4; 1 in fog/4" in printed
    assert f"unreadable files: 1\n  fog/2/{WNIDS[3]}/b.JPEG: truncated or corrupt JPEG" in printed
    assert "1 classes, not 1000" in printed and "not there: gaussian_noise/1" in printed
    assert f"fingerprint: {check('imagenet-c', tmp_path / 'imagenet-c').fingerprint.sha256}" in printed
    assert main(["check", "imagenet-c", "--data-root", str(tmp_path)]) == 1
    assert "not looked for; --decode reads every image" in capsys.readouterr().out


def test_files_that_are_not_read_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy(tmp_path, f"{WNIDS[3]}/a.JPEG", f"{WNIDS[3]}/b.tif", f"{WNIDS[4]}/c.JPEG", f"{WNIDS[4]}/d")
    main(["check", "imagenet", "--data", str(tmp_path)])
    printed = capsys.readouterr()
    note = "2 files in class folders that are no pictures by their name (.tif 1, none 1) are not read"
    assert f"other files: {note}\n" in printed.out and note not in printed.err


def test_an_unnamed_selection_of_v2_may_be_any_of_the_three(tmp_path: Path) -> None:
    report = check("imagenet-v2", copy(tmp_path / "own", "3/x.jpeg", "4/x.jpeg"))
    assert report.official == {"selection": 10_000} and report.missing == ()
    assert "other numbers of images than published (selection: 2, not 10,000)" in report.problems
    named = check("imagenet-v2", copy(tmp_path / "imagenetv2-top-images-format-val", "3/x.jpeg", "4/x.jpeg"))
    assert named.missing == ("matched-frequency", "threshold-0.7")


@pytest.mark.parametrize("whole", [C, tuple(name for name in C if name not in C_EXTRA)])
def test_imagenet_c_is_complete_without_the_extra_corruptions(tmp_path: Path, whole: tuple[str, ...]) -> None:
    copy(tmp_path, *(f"{name}/{severity}/{WNIDS[3]}/a.JPEG" for name in whole for severity in range(1, 6)))
    report = check("imagenet-c", tmp_path)
    assert len(report.parts) == 5 * len(whole) and report.missing == ()


def test_every_image_is_read_once_whatever_the_workers(tmp_path: Path) -> None:
    copy(tmp_path, *(f"{wnid}/{i}.JPEG" for wnid in WNIDS[:30] for i in range(10)))
    for workers in (1, 3):
        read: list[int] = []
        report = check("imagenet", tmp_path, read_all=True, workers=workers, advance=read.append)
        assert sum(read) == 300 and report.failures == ()


def test_another_copy_has_another_fingerprint(tmp_path: Path) -> None:
    one, two = (copy(tmp_path / way, f"{WNIDS[3]}/a.JPEG") for way in "ab")
    (two / WNIDS[3] / "a.JPEG").write_bytes(photograph() + b"\0")
    reports = [check("stylized-imagenet", place) for place in (one, two)]
    assert reports[0].fingerprint != reports[1].fingerprint
    assert len({line for report in reports for line in describe(report) if line.startswith("fingerprint")}) == 2


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["edges"], 2, "edges needs --data PATH or --data-root DIR"),
        (["edges", "--data-root", "{}"], 1, "edges is not found in"),
        (["edges", "--data", "{}/absent"], 1, "cannot be opened"),
        (["edgy", "--data", "{}"], 1, "unknown data set 'edgy'; did you mean edges"),
        (["imagenet-a", "--data", "{}"], 1, "is empty"),
    ],
)
def test_what_cannot_be_checked_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, sentence: str
) -> None:
    assert main(["check", *(word.format(tmp_path) for word in words)]) == code
    assert sentence in capsys.readouterr().err


def test_an_unusable_copy_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the corruptions"):
        check("imagenet-c", copy(tmp_path, "x/y.jpg", "z/y.jpg"))
