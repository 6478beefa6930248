"""Kill a run at random moments, again and again, and see that nothing of it is lost:

    python -m tests.faults.kills --kills 50 --seed 0 [--processes 2]

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
from .command import Chunks, Command, Running, assert_same, network, records

SLOW = (SlowDisk(0.02), SlowModel(0.01))
STARTING = 0.3  # of the kills
LONG = 900.0  # seconds; of several processes one is left alone with the rest of a slow run
WORDS = ("--suite", "imagenet-c-extra,occlusion,patch", "--attack", "fgsm,pgd", "--eps", "8/255,40/255")


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill: parts on the disk then, how many of them this call had made, and whether one was half written."""

    parts: int
    made: int
    writing: bool

    def __str__(self) -> str:
        return "writing" if self.writing else "computing" if self.made else "starting"


def killed_again_and_again(command: Command, kills: int, seed: int, processes: int = 1) -> list[Kill]:
    """Kill a command until it was killed so often, then let it end; each call is slow enough to be hit.

    A kill comes at a random moment of the start, or after some more parts. Of several processes one is killed.
    """
    generator, done = random.Random(seed), []
    while len(done) < kills:
        before = len(command.parts())
        running = [command.start(rank=rank, size=processes, changes=SLOW) for rank in range(processes)]
        victim = running[generator.randrange(processes)]
        _wait(generator, command, victim, before)
        victim.send(signal.SIGKILL)
        killed = victim.ended(LONG) == -signal.SIGKILL
        writing = bool(list(command.out.glob("**/.*.tmp")))
        if any(one.ended(LONG) for one in running if one is not victim) or not (killed or victim.ended() == 0):
            raise AssertionError("\n".join(one.said() for one in running))
        if killed:
            done.append(Kill(len(command.parts()), len(command.parts()) - before, writing))
        if not killed or processes > 1:  # it was done: something is left for the next to be killed in
            for part in generator.sample(command.parts(), len(command.parts()) // 2):
                part.unlink()
    code, said = command.call()
    if code:
        raise AssertionError(said)
    return done


def _wait(generator: random.Random, command: Command, victim: Running, before: int) -> None:
    """Wait for the moment to kill."""
    if generator.random() < STARTING:
        time.sleep(generator.uniform(0, 2))
        return
    more = generator.randrange(1, 4)
    deadline = time.monotonic() + LONG
    while len(command.parts()) < before + more and victim.process.is_alive():
        if time.monotonic() > deadline:
            raise AssertionError(f"no part within {LONG} s: {victim.said()}")
        time.sleep(0.002)
    time.sleep(generator.uniform(0, 0.2))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        words = ("--model", network(Path(folder)), "--sample", *WORDS, "--formats", "csv")
        quiet = Command(words, Path(folder) / "undisturbed", (Chunks(2),))
        code, said = quiet.call()
        if code:
            raise AssertionError(said)
        command = Command(words, Path(folder) / "killed", (Chunks(2),))
        kills = killed_again_and_again(command, options.kills, options.seed, options.processes)
        expected, found = records(quiet.run), records(command.run)
        for kill in kills:
            print(f"killed while {kill}, {kill.parts} parts")
        print(f"{len(kills)} kills ({dict(Counter(map(str, kills)))}); records: {len(found)} of {len(expected)}")
        assert_same(found, expected)
        print("none missing, none twice, all equal")
    return 0


if __name__ == "__main__":
    sys.exit(main())
