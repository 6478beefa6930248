"""A disk that is full, fails or is taken away: one sentence, exit code 1, and the same command goes on."""

import errno

import pandas as pd
import pytest

from .broken import FailingRename, FailingSync, SmallFiles
from .command import Change, Command, assert_same, records

FAULTS = {
    "no room for the header": FailingSync(errno.ENOSPC, 1),
    "no room for a part": FailingSync(errno.ENOSPC, 9),
    "the quota is used up": FailingSync(errno.EDQUOT, 12),
    "a failing disk": FailingSync(errno.EIO, 14),
    "a failing disk at the very end": FailingSync(errno.EIO, 43),
    "no renaming of the header": FailingRename(errno.EACCES, 1),
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
