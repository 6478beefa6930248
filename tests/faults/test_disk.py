"""A disk that is full, fails or is taken away: one sentence, exit code 1, and the same command goes on."""

import errno
import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from .broken import FailingRename, FailingSync, SmallFiles
from .command import Change, Command, assert_same, records

FAULTS = {
    "no room for the header": FailingSync(errno.ENOSPC, 1),
    "no room for a part": FailingSync(errno.ENOSPC, 9),
    "a failing disk": FailingSync(errno.EIO, 14),
    "a failing disk at the very end": FailingSync(errno.EIO, 43),
    "no renaming of a part": FailingRename(errno.EROFS, 6),
    "no files of that length": SmallFiles(2000, 10),
}


def last_line(said: str) -> str:
    return said.strip().splitlines()[-1]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_disk_that_refuses(command: Command, undisturbed: pd.DataFrame, fault: Change) -> None:
    code, said = command.call("--name", "run", changes=(fault,))
    assert code == 1, said
    assert last_line(said).startswith("error: cannot write"), said
    assert str(command.out / "run") in last_line(said) and "Traceback" not in said
    kept = {path: path.stat().st_mtime_ns for path in command.parts()}
    code, said = command.call("--name", "run")
    assert code == 0, said
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # nothing finished is done again
    assert_same(records(command.run), undisturbed)
    assert not list(command.out.glob("**/*.tmp"))


@pytest.mark.parametrize("size", [1, 2])
def test_a_disk_that_is_really_full(
    words: tuple[object, ...], undisturbed: pd.DataFrame, tmp_path: Path, size: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        command = Command(words, disk)
        for running in [command.start("--name", "run", rank=rank, size=size) for rank in range(size)]:
            code, said = running.ended(), running.said()
            assert code == 1 and last_line(said).startswith(f"error: cannot write {disk}"), said
            assert "No space left on device; what was finished is kept" in last_line(said), said
        assert 0 < len(command.parts()) < 20
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        for running in [command.start("--name", "run", rank=rank, size=size) for rank in range(size)]:
            assert running.ended() == 0, running.said()
        assert_same(records(command.run), undisturbed)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # of a test that failed somebody is still there


def test_a_folder_that_may_not_be_written(command: Command, undisturbed: pd.DataFrame) -> None:
    """What a read-only disk says, for root too: the folder of records is a file when the run begins, and then none."""
    command.out.mkdir(parents=True)
    (command.out / "run").touch()
    code, said = command.call("--name", "run")
    assert code == 1 and last_line(said).startswith(f"error: cannot write to {command.out / 'run'}: "), said
    (command.out / "run").unlink()
    code, said = command.call("--name", "run")
    assert code == 0, said
    assert_same(records(command.run), undisturbed)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_by_anybody_but_root(command: Command) -> None:
    command.out.mkdir(parents=True)
    (command.out / "run" / "records").mkdir(parents=True)
    (command.out / "run").chmod(0o500)
    code, said = command.call("--name", "run")
    assert code == 1 and last_line(said).startswith("error: cannot write to"), said


def test_damaged_parts_are_named_and_repair_does_them_again(command: Command, undisturbed: pd.DataFrame) -> None:
    code, said = command.call()
    assert code == 0, said
    flipped, cut, empty, *_ = command.parts()
    content = bytearray(flipped.read_bytes())
    content[len(content) // 3] ^= 0x55
    flipped.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-100])
    code, said = command.call("--fold", command.run)
    assert code == 1 and last_line(said).startswith(f"error: {flipped} is damaged") and "--repair" in last_line(said)
    empty.write_bytes(b"")
    code, said = command.call("--repair")
    assert code == 0, said
    assert said.count("damaged, to be done again: ") == 3
    assert_same(records(command.run), undisturbed)
