"""A picture that cannot be read is a failure of its own; a disk that has gone ends the run."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

import datasets
import evaluate_robustness
from datasets import DataError, Dataset, FolderSource, Sample
from robustness import engine

from .broken import SlowModel
from .command import Command, assert_same, records

VIEW = datasets.View(20, 16, "bilinear")
FILES = ("a/1.png", "a/2.png", "b/3.png")


@dataclass(frozen=True)
class Refusing:
    """A source whose every read fails in one way."""

    code: int

    def read(self, sample_id: str) -> bytes:
        raise OSError(self.code, os.strerror(self.code), sample_id)

    def size(self, sample_id: str) -> int:
        return 1


def data_set(source: datasets.dataset.Source) -> Dataset:
    return Dataset("some", tuple(Sample(name, 0) for name in FILES), source, "folder", "here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photographs = datasets.open_sample()
    for name, sample in zip(FILES, photographs.samples, strict=False):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_bytes(photographs.source.read(sample.sample_id))
    return tmp_path / "root"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EBADMSG])
def test_what_is_wrong_with_one_file_is_that_files_failure(code: int) -> None:
    (batch,) = datasets.load(data_set(Refusing(code)), [VIEW])
    assert [failure.reason for failure in batch.failures] == [f"cannot be read: {os.strerror(code)}"] * 3


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    "code", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT, errno.EHOSTDOWN]
)
def test_what_is_wrong_with_a_disk_ends_the_run(code: int, workers: int) -> None:
    with pytest.raises(DataError, match=rf"png cannot be read \({os.strerror(code)}\).*What was finished is kept"):
        list(datasets.load(data_set(Refusing(code)), [VIEW], workers=workers))


def test_files_that_were_there_before_have_gone(folder: Path) -> None:
    data = data_set(FolderSource(folder))
    data.fingerprint()
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(DataError, match="it was there before and has gone"):
        list(datasets.load(data, [VIEW]))
    folder.with_name("elsewhere").rename(folder)
    (batch,) = datasets.load(data, [VIEW])
    assert len(batch.sample_ids) == 3 and batch.failures == ()


def test_one_file_that_goes_is_told_from_one_that_never_was(folder: Path) -> None:
    (folder / "a" / "1.png").unlink()
    (folder / "a" / "1.png").symlink_to("nowhere")
    data = data_set(FolderSource(folder))
    data.fingerprint()
    (batch,) = datasets.load(data, [VIEW])
    assert [failure.sample_id for failure in batch.failures] == ["a/1.png"]
    (folder / "b" / "3.png").unlink()
    with pytest.raises(DataError, match=r"b/3\.png cannot be read"):
        list(datasets.load(data, [VIEW]))


def test_what_one_tree_has_seen_counts_for_all_that_are_opened_from_it(folder: Path) -> None:
    tree = FolderSource(folder)
    assert tree.below("b").size("3.png") > 0
    again = tree.below("b")
    (folder / "b" / "3.png").unlink()
    with pytest.raises(OSError, match="has gone") as error:
        again.read("3.png")
    assert error.value.errno == errno.ESTALE
    (folder / "a" / "1.png").unlink()
    with pytest.raises(FileNotFoundError):  # of this folder nobody has asked for sizes
        tree.below("a").read("1.png")


def test_a_part_that_lost_images_before_it_was_opened_again_ends_the_run() -> None:
    """Else the same places in the order would be other samples."""
    data = {"some": SimpleNamespace(open=lambda _part: data_set(Refusing(0)))}
    pictures = evaluate_robustness.Pictures(data, [VIEW], None)  # type: ignore[arg-type]
    task = engine.Task("some", "fog/1", 5, ())
    with pytest.raises(DataError, match="here had 5 images when the run began and has 3 now"):
        pictures.read(task, ())


def test_a_data_folder_that_vanishes_in_mid_run(words: tuple[object, ...], tmp_path: Path) -> None:
    photographs, data = datasets.open_sample(), tmp_path / "data"
    for sample in photographs.samples:
        target = data / datasets.WNIDS[sample.label] / Path(sample.sample_id).with_suffix(".JPEG").name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(photographs.source.read(sample.sample_id))
    own = [*(word for word in words if word != "--sample"), "--workers", "0"]  # else all may be read before it goes
    quiet = Command((*own, "--data", data), tmp_path / "quiet")
    assert quiet.call()[0] == 0
    command = Command((*own, "--data", data), tmp_path / "out")
    running = command.start(changes=(SlowModel(0.05),))
    command.wait_for_parts(2, running)
    data.rename(tmp_path / "elsewhere")
    assert running.ended() == 1
    last = running.said().strip().splitlines()[-1]
    assert last.startswith("error: n") and "What was finished is kept" in last
    kept = len(command.parts())
    assert 2 <= kept < 20 and not list(command.run.glob("failures/*"))
    (tmp_path / "elsewhere").rename(data)
    code, said = command.call()
    assert code == 0, said
    assert_same(records(command.run), records(quiet.run))
