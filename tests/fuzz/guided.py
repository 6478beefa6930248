"""One parser fuzzed by atheris, which looks for inputs that reach what none has reached: python -m tests.fuzz --guided.

libFuzzer changes bytes, from which hypothesis builds inputs of the parser's own kind; lines and branches that the
product reaches for the first time have the bytes kept, to be changed further. In a process of its own: `atheris.Fuzz`
does not return, and sees only what is imported under its eyes.
"""

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import atheris
from hypothesis import HealthCheck, given, settings

from .judging import PACKAGES, judge
from .running import DEFECTS, Tally, room

LENGTHS = (64, 512, 4096, 16384)  # of the bytes to begin with, of which each input takes what it needs
OPTIONS = ("-timeout=0", "-rss_limit_mb=0", "-len_control=0", f"-max_len={LENGTHS[-1]}", "-verbosity=0")


def main(name: str, cases: int, number: int, steps: bool) -> None:
    """Judge so many inputs and print the parser's row; exits with DEFECTS if any had a problem. number: the seed."""
    with atheris.instrument_imports(include=[package.strip("/") for package in PACKAGES]):
        from .parsers import PARSERS

    parser, tally, start, stack = PARSERS[name], Tally(), time.perf_counter(), ExitStack()
    folder = stack.enter_context(room())

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(parser.inputs)
    def case(value: Any) -> None:
        tally.add(judge(parser, value, folder), value)
        if tally.cases == cases:
            stack.close()
            print(tally.report(name, time.perf_counter() - start, steps), flush=True)  # noqa: T201 (a command)
            os._exit(DEFECTS if tally.problems else 0)

    corpus = _beginnings(folder / "cache" / "corpus", Random(number))
    atheris.Setup([name, *OPTIONS, f"-seed={number + 1}", str(corpus)], case.hypothesis.fuzz_one_input)
    atheris.Fuzz()


def _beginnings(folder: Path, random: Random) -> Path:
    folder.mkdir(parents=True)
    for place, length in enumerate(LENGTHS * 8):
        (folder / str(place)).write_bytes(random.randbytes(length))
    return folder


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), "--steps" in sys.argv)
