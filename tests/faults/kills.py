"""Kill a run at random moments, again and again, and see that nothing of it is lost:

    python -m tests.faults.kills --kills 50 --seed 0 [--processes 2] [--longest 6]

Each time it is resumed by the same command. In the end its records are compared with an undisturbed run's: none may be
missing, none be there twice, none differ. It prints what was killed when, and exits with 1 if anything was lost.
"""

# ruff: noqa: T201 (a command)
import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .broken import SlowDisk, SlowModel
from .command import Command, assert_same, network, records

WORDS = ("--suite", "imagenet-c-extra,occlusion,patch", "--attack", "fgsm,pgd", "--eps", "8/255,40/255")


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill: seconds after the start, parts on the disk then, and whether a part was half written."""

    after: float
    parts: int
    writing: bool


def killed_again_and_again(command: Command, kills: int, seed: int, longest: float, processes: int = 1) -> list[Kill]:
    """Kill a command at random moments until it was killed so often, and let it end; each call slow enough to be hit.

    longest: seconds after the start until which a kill may come; a run that ends before begins anew with a part less.
    """
    generator, done = random.Random(seed), []
    slow = (SlowDisk(0.02), SlowModel(0.01))
    while len(done) < kills:
        running = [command.start(rank=rank, size=processes, changes=slow) for rank in range(processes)]
        victim, after = generator.randrange(processes), generator.uniform(0, longest)
        time.sleep(after)
        alive = running[victim].process.is_alive()
        if alive:
            running[victim].send(signal.SIGKILL)
        codes = [one.ended() for one in running]
        others = [code for rank, code in enumerate(codes) if rank != victim]
        if any(others) or (codes[victim] not in (0, -signal.SIGKILL)):
            raise AssertionError("\n".join(one.said() for one in running))
        if codes[victim]:
            writing = bool(list(command.out.glob("**/*.tmp")))
            done.append(Kill(after, len(command.parts()), writing))
        else:  # it was faster: something is left for the next to be killed in
            for part in generator.sample(command.parts(), len(command.parts()) // 2):
                part.unlink()
    code, said = command.call()
    if code:
        raise AssertionError(said)
    return done


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--longest", type=float, default=6.0, help="seconds after which a kill comes at the latest")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        words = ("--model", network(Path(folder)), "--sample", *WORDS, "--formats", "csv")
        quiet = Command(words, Path(folder) / "undisturbed")
        code, said = quiet.call()
        if code:
            raise AssertionError(said)
        command = Command(words, Path(folder) / "killed")
        kills = killed_again_and_again(command, options.kills, options.seed, options.longest, options.processes)
        expected, found = records(quiet.run), records(command.run)
        for kill in kills:
            print(f"killed after {kill.after:5.2f} s, {kill.parts:4} parts, {'a part half written' * kill.writing}")
        hit = Counter("writing" if kill.writing else "computing" if kill.parts else "starting" for kill in kills)
        print(f"{len(kills)} kills ({dict(hit)}); records: {len(found)} of {len(expected)}")
        assert_same(found, expected)
        print("none missing, none twice, all equal")
    return 0


if __name__ == "__main__":
    sys.exit(main())
