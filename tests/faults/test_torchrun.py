"""The command below torchrun: several processes, one of which may die, and the same records."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pytest

from .command import PATIENCE, Command, assert_same, records

ROOT = Path(__file__).parents[2]
ROUNDING = 1e-5  # of confidences: torchrun gives each process one thread, the undisturbed run has two
SLOWLY = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from faults.broken import SlowModel
from faults.command import Chunks
for change in (Chunks(), SlowModel(0.05)):
    change()
import evaluate_robustness
sys.exit(evaluate_robustness.main())
"""


@contextmanager
def torchrun(folder: Path, words: Sequence[object], *flags: str) -> "Iterator[subprocess.Popen[str]]":
    """Start it, and see that it ends."""
    (folder / "slowly.py").write_text(SLOWLY)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *flags]
    command = [*launch, str(folder / "slowly.py"), *map(str, words), "--out", str(folder / "out")]
    with subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as launcher:
        try:
            yield launcher
        finally:
            launcher.terminate()  # it takes its processes along
            with suppress(subprocess.TimeoutExpired):
                launcher.wait(30)
            launcher.kill()


def somebody(run: Path) -> int:
    """Return the number of a process that has claimed a part."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for claim in run.glob("records/.*.claim"):
            with suppress(FileNotFoundError):  # it was given back meanwhile
                if said := claim.read_text():
                    return int(json.loads(said)["pid"])
    raise AssertionError("nobody has claimed anything")


def test_two_processes_do_what_one_does(words: tuple[object, ...], undisturbed: pd.DataFrame, tmp_path: Path) -> None:
    with torchrun(tmp_path, words) as launcher:
        said, _ = launcher.communicate(timeout=PATIENCE)
    assert launcher.returncode == 0, said
    assert_same(records(Command(words, tmp_path / "out").run), undisturbed, ROUNDING)


@pytest.mark.skipif("ROBUSTNESS_SLOW_TESTS" not in os.environ, reason="half a minute; set ROBUSTNESS_SLOW_TESTS=1")
def test_a_process_that_dies_is_started_again(
    words: tuple[object, ...], undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    command = Command(words, tmp_path / "out")
    with torchrun(tmp_path, words, "--max-restarts=2") as launcher:
        deadline = time.monotonic() + PATIENCE
        while len(command.parts()) < 3:
            assert launcher.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(somebody(command.run), signal.SIGKILL)
        said, _ = launcher.communicate(timeout=PATIENCE)
    assert launcher.returncode == 0, said
    assert_same(records(command.run), undisturbed, ROUNDING)
    assert json.loads((command.run / "run.json").read_text())["end"]
