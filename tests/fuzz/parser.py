"""What is fuzzed: a parser, the inputs that it is given, and how it may say no."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, slots=True)
class Parser:
    """One reader of outside input.

    inputs: what it is given. call: has it read one, with an empty folder of the case's own; returns the step that was
    reached. refusals: the errors by which it may say no. lines: of a refusal's message at most.
    """

    inputs: SearchStrategy[Any]
    call: Callable[[Any, Path], str]
    refusals: tuple[type[BaseException], ...]
    lines: int = 1


def refuse_noise(code: int, said: str) -> str:
    """Hold a command to its word: a known exit code, and one line of error; returns how it ended."""
    errors = [line for line in said.splitlines() if line.strip()]
    if code not in (0, 1, 2) or "Traceback" in said or (code == 2 and len(errors) > 2):
        raise AssertionError(f"exit code {code}, and it says {said[:300]!r}")
    return f"exit {code}"
