"""What is fuzzed is judged: slowness is seen, and a process that was stopped meanwhile is not taken for a slow one."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from . import judging
from .parser import Parser


def _wait() -> None:
    time.sleep(60)


def _work_in_one_call() -> None:
    sum(range(30_000_000))


def _be_stopped() -> None:
    """Have alarms wait, as they do for a process that is stopped: however many were due, one comes in the end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(0.5)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})


@pytest.mark.parametrize(
    ("call", "problem"), [(_wait, "TooSlowError"), (_work_in_one_call, "worked for more"), (_be_stopped, "")]
)
def test_slowness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], None], problem: str) -> None:
    monkeypatch.setattr(judging, "SECONDS", 0.2)
    outcome = judging.judge(Parser(st.none(), lambda _value, _folder: str(call()), ()), None, tmp_path)
    assert outcome.problem.startswith(problem) and bool(outcome.problem) == bool(problem)
