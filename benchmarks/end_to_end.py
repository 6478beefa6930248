"""Whole runs of the command: against what people run today, and against the bare cost of the work.

    python -m benchmarks.end_to_end --data imagenet/val [--limit 16] [--clean 480] [--full N] [--rounds 3]

- overhead: ImageNet-C on the fly against its bare cost, in one process: the same corruptions, JPEG round trips and
  forward passes of the same classifier on pixels and generators that are there already, and nothing else.
- clean: a validation run against timm's loader and loop with the defaults of its validate.py (batch 256, 4 workers),
  as it comes, and once with the allocator and OpenMP set as the command sets them. Images are repeated up to `--clean`.
- ImageNet-C, with `--full N` alone, as the peer takes some ten seconds an image: against Pillow, `imagecorruptions` and
  a JPEG round trip in a torch DataLoader with two workers, and timm's model, eager. One loader serves all conditions,
  which spares the peer 75 starts of its workers, and keeps both busy to the end.

Every contender has a process of its own, in which it first works on one image; then all take turns, A B C … A B C ….
Model loading and imports are no part of a turn: what the command needs to start is stated apart. Times are medians over
the rounds with the extremes in brackets, ratios medians of the rounds' ratios. Processor time includes workers.
"""

# Nothing that starts threads is imported up here: each contender's process has settings of its own.
import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version
from itertools import cycle, islice
from multiprocessing import get_context, set_start_method
from pathlib import Path
from typing import Any
from unittest.mock import patch

MODEL = "efficientnet_lite0"
PHASES = ("prepare", "execute", "conclude")  # of the command; the second is the run itself
PEER_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn took, and what came out.

    wall, processor: seconds of the run itself. phases: wall seconds of all parts of the command. right: the share of
    decisions that were. decisions: by file name, where there is one for each.
    """

    wall: float
    processor: float
    phases: Mapping[str, float] = field(default_factory=dict)
    right: float | None = None
    decisions: Mapping[str, int] = field(default_factory=dict)


Contender = Callable[[Path], Turn]  # works on a folder of class folders


class Clock:
    """Seconds of wall and processor time since it was made, those of finished workers included."""

    def __init__(self) -> None:
        self.start, self.used = time.perf_counter(), sum(os.times()[:4])

    def __call__(self) -> tuple[float, float]:
        """Return both."""
        return time.perf_counter() - self.start, sum(os.times()[:4]) - self.used


@contextmanager
def clocked(module: Any, times: dict[str, tuple[float, float]]) -> Iterator[None]:
    """Note what the command's phases take, while the context lasts."""

    def noting(name: str, phase: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            clock = Clock()
            try:
                return phase(*given)
            finally:
                times[name] = clock()

        return run

    with ExitStack() as stack:
        for name in PHASES:
            stack.enter_context(patch.object(module, name, noting(name, getattr(module, name))))
        yield


def ours(suite: str, data: Path) -> Turn:
    """Run what the command runs."""
    import evaluate_robustness as command
    from robustness.store import reopened

    times: dict[str, tuple[float, float]] = {}
    with (
        tempfile.TemporaryDirectory() as out,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        clocked(command, times),
    ):
        flags = ["--model", MODEL, "--suite", suite, "--data", str(data), "--out", out, "--name", "run"]
        code = command.main([*flags, "--device", "cpu"])
        if code:
            raise RuntimeError(f"the command ended with {code}")
        records = reopened(Path(out) / "run").records().to_pandas()
    records = records[records["suite"] == suite]
    decisions = dict(zip(records["sample_id"], records["pred"], strict=True)) if suite == "imagenet" else {}
    return Turn(
        *times["execute"], {name: wall for name, (wall, _) in times.items()}, records["correct"].mean(), decisions
    )


def bare(data: Path) -> Turn:
    """Corrupt, compress and classify as the command does, in a process that it has set up, and nothing else."""
    import torch

    import datasets
    from robustness import computing, suites
    from robustness.corruptions import apply_jpeg, corrupt
    from robustness.evaluation import as_float
    from robustness.seeds import generator

    computing.keep_freed_memory()
    classifier, size = _our_classifier(), computing.BATCH_SIZE["cpu"]
    files = [path.read_bytes() for path in images_below(data)]
    pieces = torch.stack([datasets.IMAGENET_C_VIEW(datasets.decode(file)) for file in files]).contiguous().split(size)
    conditions = suites.SUITES["imagenet-c"].conditions or ()
    generators = {
        (condition, start): [generator(0, condition.key, f"{start}/{row}") for row in range(len(piece))]
        for condition in conditions
        for start, piece in enumerate(pieces)
    }
    clock = Clock()
    with torch.inference_mode():
        for piece in pieces:  # clean accuracy comes along with every suite
            classifier(as_float(piece))
        for condition in conditions:
            for start, piece in enumerate(pieces):
                drawn = generators[condition, start]
                corrupted = corrupt(piece, condition.name, condition.severity or 0, drawn)
                classifier(as_float(apply_jpeg(corrupted, suites.JPEG_QUALITY)))
    return Turn(*clock())


@cache
def _our_classifier() -> Any:
    import torch

    from robustness import models

    return models.resolve(MODEL, models.Weights(), torch.device("cpu")).classifier


@cache
def _timm_model() -> Any:
    from robustness.models import Weights
    from robustness.models.bundled import load_bundled

    return load_bundled(MODEL, Weights()).module.eval()


def timm_loop(data: Path, *, as_ours: bool = False) -> Turn:
    """Validate with timm's data set, loader and transform, and its model in float32. as_ours: set the process up so."""
    if as_ours:
        import evaluate_robustness  # noqa: F401 - before torch: its OpenMP policy
    import torch
    from timm.data import create_dataset, create_loader, resolve_data_config

    from datasets import WNIDS
    from robustness import computing

    if as_ours:
        computing.keep_freed_memory()
    model = _timm_model()
    config = resolve_data_config(model=model)
    keep = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
    dataset = create_dataset("", str(data), class_map={wnid: number for number, wnid in enumerate(WNIDS)})
    clock, decided, right = Clock(), [], 0
    loader = create_loader(
        dataset,
        batch_size=256,
        num_workers=4,
        device=torch.device("cpu"),
        **{name: config[name] for name in keep},
    )
    with torch.inference_mode():
        for batch, labels in loader:
            decisions = model(batch).argmax(1)
            right += int((decisions == labels).sum())
            decided += decisions.tolist()
    wall, _ = clock()
    del loader  # ends its workers, whose time counts from then on
    decisions = dict(zip(dataset.filenames(), decided, strict=True))
    return Turn(wall, clock()[1], {}, right / len(decided), decisions)


class Corrupted:
    """ImageNet-C on the fly as people write it: a torch data set of all images under all conditions."""

    def __init__(self, data: Path) -> None:
        from torchvision import transforms

        from benchmarks.reference_corruptions import imagecorruptions
        from datasets import WNIDS
        from robustness.suites import SUITES

        self.corrupt = imagecorruptions().corrupt
        self.files = [(path, WNIDS.index(path.parent.name)) for path in images_below(data)]
        self.conditions = SUITES["imagenet-c"].conditions or ()
        self.crop = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
        self.finish = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])

    def __len__(self) -> int:
        return len(self.files) * len(self.conditions)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Read, crop, corrupt, compress, normalise: float [3,224,224] and the label."""
        import io

        import numpy as np
        from PIL import Image

        condition, (path, label) = self.conditions[index // len(self.files)], self.files[index % len(self.files)]
        with Image.open(path) as image:
            picture = np.asarray(self.crop(image.convert("RGB")))
        corrupted = np.uint8(self.corrupt(picture, condition.severity, condition.name))
        file = io.BytesIO()
        Image.fromarray(corrupted).save(file, "JPEG", quality=85)
        return self.finish(Image.open(file)), label


def people(data: Path) -> Turn:
    """Run ImageNet-C as people do."""
    import warnings

    import torch
    from torch.utils.data import DataLoader

    warnings.simplefilter("ignore")  # of imagecorruptions, in the workers too
    model, dataset = _timm_model(), Corrupted(data)
    clock, right = Clock(), 0
    loader: Any = DataLoader(dataset, batch_size=32, num_workers=PEER_WORKERS)  # type: ignore[arg-type]
    with torch.inference_mode():
        for batch, labels in loader:
            right += int((model(batch).argmax(1) == labels).sum())
    wall, _ = clock()
    return Turn(wall, clock()[1], {}, right / len(dataset))


def images_below(folder: Path) -> list[Path]:
    """List the images of class folders."""
    return sorted(folder.glob("*/*.JPEG"))


def chosen(source: Path, target: Path, count: int) -> Path:
    """Copy `count` images of different classes, as far as there are, and again from the start if there are too few."""
    found = sorted(images_below(source), key=lambda path: (path.name, path.parent.name))
    for number, path in enumerate(islice(cycle(found), count)):
        (target / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.parent.name / f"{number:06d}.JPEG")
    return target


def take_turns(
    contenders: Mapping[str, tuple[ProcessPoolExecutor, Contender]], data: Path, few: Path, rounds: int
) -> dict[str, list[Turn]]:
    """Let everybody work on `data` in every round, after a turn on `few` images."""
    turns: dict[str, list[Turn]] = {name: [] for name in contenders}
    for index in range(rounds + 1):
        for name, (process, work) in contenders.items():
            turn = process.submit(work, data if index else few).result()
            turns[name] += [turn] if index else []
            print(f"round {index}, {name}: {turn.wall:.1f} s, processor {turn.processor:.1f} s", file=sys.stderr)
    return turns


def rows(title: str, turns: Mapping[str, Sequence[Turn]]) -> list[str]:
    """Write the rows of one comparison; ours stands first."""
    from benchmarks.forward import ratio, spread

    mine, *_ = turns.values()
    reference = mine[0].decisions
    lines = []
    for name, theirs in turns.items():
        walls, used = [t.wall for t in theirs], [t.processor for t in theirs]
        right = "" if theirs[0].right is None else f"{statistics.median(t.right or 0 for t in theirs):.1%}"
        other = sum(theirs[0].decisions[key] != reference[key] for key in theirs[0].decisions)
        lines.append(
            f"| {title} | {name} | {spread(walls)} | {ratio(walls, [t.wall for t in mine])} | {spread(used)} "
            f"| {ratio(used, [t.processor for t in mine])} | {right} | {other if reference else ''} |"
        )
    return lines


def heading(rounds: int) -> str:
    """Say what was measured where, and begin the table."""
    from benchmarks.forward import processor

    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "timm", "imagecorruptions", "pillow"))
    return (
        f"{MODEL}, {rounds} rounds. {datetime.now(UTC):%Y-%m-%d}, {processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {packages}.\n\n"
        "| run | whose | wall, s | / ours | processor, s | / ours | right | decided otherwise |\n"
        "|---|---|---|---|---|---|---|---|"
    )


def apart(turns: Mapping[str, Sequence[Turn]]) -> str:
    """Say what the command's phases took, and how far the run itself is above the bare cost."""
    from benchmarks.forward import ratio

    mine, unit = turns["ours"], turns.get("bare cost")
    medians = [f"{name} {statistics.median(turn.phases[name] for turn in mine):.1f}" for name in PHASES]
    if unit:
        walls, used = ([getattr(turn, kind) for turn in mine] for kind in ("wall", "processor"))
        bare_walls, bare_used = ([getattr(turn, kind) for turn in unit] for kind in ("wall", "processor"))
        medians.append(f"ours / bare cost {ratio(walls, bare_walls)} (processor {ratio(used, bare_used)})")
    return ", ".join(medians)


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


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="class folders of JPEG files")
    parser.add_argument("--limit", type=int, default=16, help="images of the overhead; 0 leaves it out")
    parser.add_argument("--clean", type=int, default=480, help="images of the clean validation; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", type=int, default=0, metavar="N", help="N images of ImageNet-C against its peer, too")
    options = parser.parse_args()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own, plain, set_up = (stack.enter_context(started()) for _ in range(3))
        few = chosen(options.data, root / "few", 1)
        own_work = {"ours": (own, partial(ours, "imagenet-c"))}
        comparisons: dict[str, tuple[int, dict[str, tuple[ProcessPoolExecutor, Contender]]]] = {
            "ImageNet-C, overhead": (options.limit, own_work | {"bare cost": (own, bare)}),
            "clean": (
                options.clean,
                {
                    "ours": (own, partial(ours, "imagenet")),
                    "timm": (plain, timm_loop),
                    "timm, set up as ours": (set_up, partial(timm_loop, as_ours=True)),
                },
            ),
            "ImageNet-C": (options.full, own_work | {"DataLoader, imagecorruptions, timm": (plain, people)}),
        }
        notes = [f"\nThe command itself, seconds of wall time: import {own.submit(imported).result():.1f}"]
        print(heading(options.rounds), flush=True)
        for what, (count, contenders) in comparisons.items():
            if count:
                data, title = chosen(options.data, root / what, count), f"{what}, {count} images"
                turns = take_turns(contenders, data, few, options.rounds)
                print("\n".join(rows(title, turns)), flush=True)
                notes.append(f"- {title}: {apart(turns)}")
    print("\n".join(notes))


if __name__ == "__main__":
    main()
