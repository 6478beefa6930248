"""Whole runs of the command: against what people run today, and against the bare cost of the work.

    python -m benchmarks.end_to_end [--data imagenet/val] [--limit 16] [--clean 480] [--full 16] [--rounds 3] [--quick]

- overhead: ImageNet-C on the fly against its bare cost, in one process: the same corruptions, JPEG round trips and
  forward passes of the same classifier on pixels and generators that are there already, and nothing else.
- clean: a validation run against timm's loader and loop with the defaults of its validate.py (batch 256, 4 workers).
- ImageNet-C against Pillow, `imagecorruptions` and a JPEG round trip in a torch DataLoader with two workers, and timm's
  model, eager. One loader serves all conditions, which spares the peer 75 starts of its workers, and keeps both busy to
  the end.

Peers run as they come, and once more with the allocator and OpenMP set as the command sets them. Every contender has a
process that is set up for it alone, in which it first works on one image. Model loading and imports are no part of
a turn: what the command needs beside it is stated apart. Processor time includes workers.
"""

# Nothing that starts threads is imported up here: each contender's process has settings of its own.
import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context, set_start_method
from pathlib import Path
from statistics import median

from .comparison import DATA, Comparison, script
from .turns import take_turns
from .whole_runs import MODEL, Turn, bare, ours, people, timm_loop

BARE, TIMM, PEOPLE = "bare cost", "timm's validation", "DataLoader + imagecorruptions + timm"
PLAIN, SET_UP = ", as it comes", ", set up as ours"
LACKS = {
    TIMM: "keeps no record of an image, gives no interval, cannot resume, knows no corruption and no attack",
    PEOPLE: "is a script that everybody writes anew: no draw repeatable by image, no records, intervals or resuming",
}
FLAGS = {
    "--data": DATA,
    "--limit": {"type": int, "default": 16, "help": "images of the overhead; 0 leaves it out"},
    "--clean": {"type": int, "default": 480, "help": "images of the clean validation; 0 leaves it out"},
    "--full": {
        "type": int,
        "default": 16,
        "help": "images of ImageNet-C, of which the peer takes some ten seconds each",
    },
    "--rounds": {"type": int, "default": 3},
}
QUICK = {"limit": 8, "clean": 64, "full": 2, "rounds": 1}
Contender = tuple[ProcessPoolExecutor, Callable[[Path], Turn]]


def started() -> ProcessPoolExecutor:
    """Start a process for a contender, while nothing here has set the environment up for it."""
    process = ProcessPoolExecutor(1, get_context("spawn"), initializer=fork_workers)
    process.submit(os.getpid).result()
    return process


def fork_workers() -> None:
    """Let loaders start their workers as they do outside a benchmark: a process that was spawned would spawn them."""
    set_start_method("fork", force=True)


def imported() -> float:
    """Import the command; returns the seconds that it took."""
    start = time.perf_counter()
    import evaluate_robustness  # noqa: F401

    return time.perf_counter() - start


def let_work(contenders: Mapping[str, Contender], few: Path, data: Path, rounds: int) -> dict[str, list[Turn]]:
    """Let everybody work on `data` in every round, after a turn on `few` images."""

    def turn(name: str, folder: Path) -> Turn:
        process, work = contenders[name]
        found = process.submit(work, folder).result()
        print(f"{name}, {folder.name}: {found.wall:.1f} s, processor {found.processor:.1f} s", file=sys.stderr)
        return found

    for name in contenders:
        turn(name, few)
    return take_turns({name: partial(turn, name, data) for name in contenders}, rounds, warm_up=False)


def rows(subject: str, turns: Mapping[str, Sequence[Turn]], imports: float) -> Iterator[Comparison]:
    """Compare wall and processor time; ours stands first."""
    (name, mine), *others = turns.items()
    beside = (
        f"beside it: import {imports:.1f} s, weights, data and reports {median(turn.beside for turn in mine):.1f} s"
    )
    for peer, theirs in others:
        notes = {"wall": beside, "processor": ""}
        if theirs[0].right is not None:
            notes["processor"] = f"right: {mine[0].right:.1%} ours, {theirs[0].right:.1%} its"
        if theirs[0].decisions:
            other = sum(theirs[0].decisions[key] != mine[0].decisions[key] for key in theirs[0].decisions)
            notes["processor"] += f"; {other} decided otherwise"
        for kind, note in notes.items():
            costs = [[getattr(turn, kind) for turn in side] for side in (mine, theirs)]
            yield Comparison(
                subject, name, peer, f"{kind} s", *costs, LACKS[peer.partition(",")[0]] if peer != BARE else "", note
            )


def measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare run by run."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own, plain, set_up = (stack.enter_context(started()) for _ in range(3))
        imports = own.submit(imported).result()
        from .photographs import class_folders, origin

        def both_ways(peer: str, work: Callable[..., Turn]) -> dict[str, Contender]:
            return {f"{peer}{PLAIN}": (plain, work), f"{peer}{SET_UP}": (set_up, partial(work, as_ours=True))}

        few = class_folders(root / "one image", options, 1)
        corrupting, validating = (own, partial(ours, "imagenet-c")), (own, partial(ours, "imagenet"))
        comparisons: dict[str, tuple[int, dict[str, Contender]]] = {
            "ImageNet-C on the fly, overhead": (options.limit, {"ours": corrupting, BARE: (own, bare)}),
            "clean validation": (
                options.clean,
                {"ours": validating, **both_ways(TIMM, timm_loop)},
            ),
            "ImageNet-C on the fly": (options.full, {"ours": corrupting, **both_ways(PEOPLE, people)}),
        }
        for what, (count, contenders) in comparisons.items():
            if count:
                turns = let_work(contenders, few, class_folders(root / what, options, count), options.rounds)
                yield from rows(f"{what}, {MODEL}, {count} {origin(options)}", turns, imports)


if __name__ == "__main__":
    script(__doc__, measure, FLAGS, QUICK)
