"""Many cases of one parser, counted."""

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, given, seed, settings

from .judging import Outcome, judge
from .parser import Parser

ROW = "{:28} {:>7} {:>8} {:>8} {:>7} {:>8} {:>9}"
DEFECTS = 3  # exit code


@dataclass(slots=True)
class Tally:
    """How the cases of a parser ended. problems: each once, with how often it was seen and its first input."""

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    problems: dict[str, tuple[int, str, Any]] = field(default_factory=dict)
    slowest: float = 0.0

    def add(self, outcome: Outcome, value: Any) -> None:
        """Count one case."""
        self.slowest = max(self.slowest, outcome.seconds)
        (self.refused if outcome.refused else self.accepted)[outcome.step] += 1
        if outcome.problem:
            kind = f"{outcome.step} {outcome.problem.partition(':')[0]}"
            count, first, example = self.problems.get(kind, (0, outcome.problem, value))
            self.problems[kind] = count + 1, first, example

    @property
    def cases(self) -> int:
        return self.accepted.total() + self.refused.total()

    def report(self, name: str, seconds: float, steps: bool) -> str:
        """Write a row of the table, its problems below it, and how far the inputs came, if steps are asked for."""
        defects = sum(count for count, _, _ in self.problems.values())
        counts = self.cases, self.accepted.total(), self.refused.total(), defects
        lines = [ROW.format(name, *counts, f"{seconds:.0f}", f"{self.slowest:.3f} s")]
        for kind, (count, said, value) in self.problems.items():
            lines += [f"    {count} x {kind}: {said}", f"        first: {value!r:.400}"]
        for how, reached in (("accepted", self.accepted), ("refused", self.refused)) if steps else ():
            lines.append(f"    {how}: " + ", ".join(f"{step} {count}" for step, count in reached.most_common(12)))
        return "\n".join(lines)


@contextmanager
def room() -> Iterator[Path]:
    """Give a folder in memory if possible, offline, with a cache of its own, and with nothing logged."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 (a folder of its own is made there)
    silence = logging.root.manager.disable
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=place) as folder:
        changes = {"XDG_CACHE_HOME": f"{folder}/cache", "HF_HUB_OFFLINE": "1", "WORLD_SIZE": "1"}
        with mock.patch.dict(os.environ, changes):
            logging.disable(logging.CRITICAL)
            try:
                yield Path(folder)
            finally:
                logging.disable(silence)


def run(parser: Parser, cases: int, number: int | None, each: Callable[[Outcome, Any], None], folder: Path) -> None:
    """Judge so many inputs; `number` is the seed, None for the same inputs every time."""

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=number is None,
        phases=[Phase.generate] if number is not None else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(parser.inputs)
    def case(value: Any) -> None:
        each(judge(parser, value, folder), value)

    (case if number is None else seed(number)(case))()
