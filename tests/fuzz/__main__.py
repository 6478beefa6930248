"""Fuzz the parsers: python -m tests.fuzz --cases 10000 [--parser NAME] [--seed N] [--steps] [--guided]."""

import argparse
import importlib.util
import subprocess
import sys
import time

from .parsers import PARSERS
from .running import DEFECTS, ROW, Tally, room, run


def main() -> int:
    """Run and print a table; the exit code is 3 if a case was neither read nor refused in a sentence."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("--cases", type=int, default=1000)
    asked.add_argument("--parser", action="append", choices=[*PARSERS], help="may be repeated; all if not given")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--steps", action="store_true", help="say how far the inputs came")
    asked.add_argument("--guided", action="store_true", help="by what they reach (pip install atheris), not at random")
    words = asked.parse_args()
    if words.guided and importlib.util.find_spec("atheris") is None:
        asked.error("--guided needs a fuzzer: pip install atheris")
    print(ROW.format("parser", "cases", "accepted", "refused", "defects", "seconds", "slowest"), flush=True)
    one = _guided if words.guided else _random
    sound = [one(name, words.cases, words.seed, words.steps) for name in words.parser or PARSERS]
    return 0 if all(sound) else DEFECTS


def _random(name: str, cases: int, seed: int, steps: bool) -> bool:
    tally, start = Tally(), time.perf_counter()
    with room() as folder:
        run(PARSERS[name], cases, seed, tally.add, folder)
    print(tally.report(name, time.perf_counter() - start, steps), flush=True)
    return not tally.problems


def _guided(name: str, cases: int, seed: int, steps: bool) -> bool:
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(cases), str(seed), *["--steps"] * steps]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, DEFECTS):
        print(done.stderr, file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
