"""Milliseconds an image for every corruption: ours, batched, against `imagecorruptions`, on one thread of the CPU.

    python -m benchmarks.corruptions [--batch 32] [--rounds 5] [--peer-images 4] [--quick]

Both sides turn uint8 into uint8, without JPEG. Ours is what a run does: a generator for each sample, drawing, applying.
The sides take turns in one process, A B A B …; times are the process's own, which neighbours on the machine disturb
little. A time is a median over the rounds, averaged over the five severities, with the fastest and the slowest round in
brackets; a ratio is the median of the rounds'. Beside them stands the time that reading the batch and writing it once
takes: the floor of any corruption. Where there is a CUDA device, images a second on it follow, once with draws made on
the CPU and once with the draws there already. `--quick` takes one round, and one image of the peer.
"""

import os

# before the libraries start their threads
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import math
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

import cv2
import numpy as np
import torch
from torch import Tensor

import datasets
from benchmarks.forward import processor
from benchmarks.reference_corruptions import imagecorruptions
from robustness import computing
from robustness.corruptions import CORRUPTIONS, EXTRA, STANDARD, corrupt
from robustness.seeds import generator

SEVERITIES = (1, 2, 3, 4, 5)
ENOUGH = 5000  # images a second that every corruption is to reach on an H100
Times = list[float]  # ms an image, mean over the severities, one for each round


def photographs(batch: int) -> Tensor:
    """Take the bundled photographs, repeated to `batch` images, uint8 [B,3,224,224]."""
    found = next(datasets.load(datasets.open_sample(), [datasets.IMAGENET_C_VIEW])).views[0]
    return found.repeat(-(-batch // len(found)), 1, 1, 1)[:batch].contiguous()


def clock(work: Callable[[], object], images: int) -> float:
    """Return the milliseconds of processor time an image that `work` takes."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000 / images


def clock_on_gpu(work: Callable[[], object], images: int) -> float:
    """Return the milliseconds an image that `work` takes, the GPU's work included."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1000 / images


def ours(images: Tensor, name: str, severity: int) -> Tensor:
    """Corrupt as a run does."""
    return corrupt(images, name, severity, [generator(0, f"{name}:{severity}", str(i)) for i in range(len(images))])


def take_turns(images: Tensor, name: str, rounds: int, peer_images: int) -> tuple[Times, Times, Times]:
    """Measure ours, the peer and the floor in every round."""
    pictures = [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in images[:peer_images]]
    peer, result = imagecorruptions().corrupt, torch.empty_like(images)
    for severity in SEVERITIES:  # makes tables
        ours(images[:1], name, severity)
    times: list[list[Times]] = [[[] for _ in SEVERITIES] for _ in range(3)]
    for _ in range(rounds):
        for index, severity in enumerate(SEVERITIES):
            times[0][index].append(clock(partial(ours, images, name, severity), len(images)))
            times[1][index].append(statistics.mean(clock(partial(peer, one, severity, name), 1) for one in pictures))
            times[2][index].append(clock(partial(result.copy_, images), len(images)))
    mine, theirs, floor = ([statistics.mean(round_) for round_ in zip(*side, strict=True)] for side in times)
    return mine, theirs, floor


def summary(names: Sequence[str], times: Mapping[str, tuple[Times, Times, Times]]) -> str:
    """Write geometric mean and ratio of totals over `names`, each the median of the rounds'."""
    rounds = range(len(times[names[0]][0]))
    ratios = [[times[name][1][i] / times[name][0][i] for name in names] for i in rounds]
    totals = [sum(times[name][1][i] for name in names) / sum(times[name][0][i] for name in names) for i in rounds]
    mean = statistics.median(math.exp(statistics.mean(map(math.log, row))) for row in ratios)
    return f"geometric mean of the ratios {mean:.2f}, ratio of total time {statistics.median(totals):.1f}"


def spread(times: Times) -> str:
    """Write a median with its extremes."""
    return f"{statistics.median(times):.3f} [{min(times):.3f}–{max(times):.3f}]"


def on_cpu(names: Sequence[str], batch: int, rounds: int, peer_images: int) -> None:
    """Print the table of the CPU."""
    images, times = photographs(batch), {}
    print("| corruption | ours, ms an image | imagecorruptions | ratio | ours, images/s | floor, ms an image |")
    print("|---|---|---|---|---|---|")
    for name in names:
        # The loop of the peer's glass blur takes a second an image, and is steady.
        times[name] = mine, theirs, floor = take_turns(images, name, rounds, 1 if name == "glass_blur" else peer_images)
        ratio = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
        print(
            f"| {name} | {spread(mine)} | {spread(theirs)} | {ratio:.2f} | {1000 / statistics.median(mine):.0f} "
            f"| {statistics.median(floor):.4f} |",
            flush=True,
        )
    standard = [name for name in STANDARD if name in times]
    print(f"\nThe {len(standard)} standard corruptions: {summary(standard, times)}.")
    rest = [name for name in standard if name != "glass_blur"]
    print(f"Without glass blur: {summary(rest, times)}.")
    print(f"With the extra ones: {summary(names, times)}.")


def on_gpu(names: Sequence[str], batch: int, rounds: int) -> None:
    """Print the table of the GPU, draws included and draws made before."""
    images, with_draws = photographs(batch).cuda(), {}
    print(f"\n{torch.cuda.get_device_name()}, batch {batch}, images/s, draws made on the CPU, and made beforehand:\n")
    print("| corruption | with draws | applying alone |\n|---|---|---|")
    for name in names:
        full, alone = [], []
        for severity in SEVERITIES:
            draws = [CORRUPTIONS[name].draw(severity, (224, 224), generator(0, name, str(i))) for i in range(batch)]
            ready = {key: torch.stack([draw[key] for draw in draws]).cuda() for key in draws[0]}
            CORRUPTIONS[name].apply(images, severity, ready)
            apply = partial(CORRUPTIONS[name].apply, images, severity, ready)
            full += [clock_on_gpu(partial(ours, images, name, severity), batch) for _ in range(rounds)]
            alone += [clock_on_gpu(apply, batch) for _ in range(rounds)]
        with_draws[name], speed = 1000 / statistics.median(full), 1000 / statistics.median(alone)
        print(f"| {name} | {with_draws[name]:.0f} | {speed:.0f} |", flush=True)
    slow = [name for name, speed in with_draws.items() if speed < ENOUGH]
    mean = math.exp(statistics.mean(map(math.log, with_draws.values())))
    print(f"\nGeometric mean {mean:.0f} images/s; below {ENOUGH}: {', '.join(slow) or 'none'}.")


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--peer-images", type=int, default=4, help="images the peer gets in a turn; its times vary little"
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="this corruption alone; repeatable")
    parser.add_argument("--quick", action="store_true", help="one round, one image of the peer")
    options = parser.parse_args()
    rounds, peer_images = (1, 1) if options.quick else (options.rounds, options.peer_images)
    names = options.only or STANDARD + EXTRA
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    computing.keep_freed_memory()
    print(
        f"{options.batch} photographs of 224×224 pixels, {rounds} rounds. {datetime.now(UTC):%Y-%m-%d}, {processor()}, "
        f"1 thread, Python {platform.python_version()}, torch {torch.__version__}, "
        + ", ".join(f"{package} {version(package)}" for package in ("numpy", "scipy", "pillow", "imagecorruptions"))
        + ".\n"
    )
    on_cpu(names, options.batch, rounds, peer_images)
    if torch.cuda.is_available():
        on_gpu(names, 128, rounds)


if __name__ == "__main__":
    main()
