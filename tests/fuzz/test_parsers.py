"""Every parser of outside input reads it or refuses it in a sentence; `python -m tests.fuzz` tries far more."""

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
