"""Fuzz the parsers: python -m tests.fuzz --cases 10000 [--parser NAME] [--seed N] [--steps]."""

import argparse
import sys
import time

from .parsers import PARSERS
from .running import Tally, room, run

ROW = "{:28} {:>7} {:>8} {:>8} {:>7} {:>8} {:>9}"


def main() -> int:
    """Run and print a table; the exit code is 1 if a case was neither read nor refused in a sentence."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("--cases", type=int, default=1000)
    asked.add_argument("--parser", action="append", choices=[*PARSERS], help="may be repeated; all if not given")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--steps", action="store_true", help="say how far the inputs came")
    words = asked.parse_args()
    print(ROW.format("parser", "cases", "accepted", "refused", "defects", "seconds", "slowest"))
    defects = 0
    for name in words.parser or PARSERS:
        tally, start = Tally(), time.perf_counter()
        with room() as folder:
            run(PARSERS[name], words.cases, words.seed, tally.add, folder)
        counts = tally.accepted.total(), tally.refused.total(), sum(count for count, _, _ in tally.problems.values())
        seconds = f"{time.perf_counter() - start:.0f}"
        print(ROW.format(name, sum(counts[:2]), *counts, seconds, f"{tally.slowest:.3f} s"), flush=True)
        for kind, (count, said, value) in tally.problems.items():
            print(f"    {count} x {kind}: {said}\n        first: {value!r:.400}", flush=True)
        if words.steps:
            for how, steps in (("accepted", tally.accepted), ("refused", tally.refused)):
                print(f"    {how}: " + ", ".join(f"{step} {count}" for step, count in steps.most_common(12)))
        defects += len(tally.problems)
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
