"""Every parser of outside input reads it or refuses it in a sentence; `python -m tests.fuzz` tries far more."""

import subprocess
import sys
from typing import Any

import pytest

from .judging import Outcome
from .parsers import PARSERS
from .running import room, run

CASES = 40


@pytest.mark.parametrize("name", PARSERS)
def test_damaged_input_is_read_or_refused_in_a_sentence(name: str) -> None:
    def each(outcome: Outcome, _value: Any) -> None:
        assert not outcome.problem, f"{outcome.step}: {outcome.problem}"

    with room() as folder:
        run(PARSERS[name], CASES, None, each, folder)


def test_a_parser_guided_by_what_its_input_reaches() -> None:
    pytest.importorskip("atheris", reason="a fuzzer that has no wheel for this machine: pip install atheris")
    command = [sys.executable, "-m", "tests.fuzz", "--guided", "--parser", "label files", "--cases", str(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    name, cases, *_counts, _slowest, _unit = done.stdout.splitlines()[1].rsplit(maxsplit=7)
    assert done.returncode == 0 and (name, cases) == ("label files", str(CASES)), done.stdout + done.stderr
