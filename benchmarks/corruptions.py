"""Every corruption: ours, batched, against `imagecorruptions`, on one thread of the CPU.

    python -m benchmarks.corruptions [--batch 32] [--rounds 5] [--peer-images 4] [--only NAME,NAME] [--quick]

Both sides turn uint8 into uint8, without JPEG. Ours is what a run does: a generator for each sample, drawing, applying.
Times are the process's own, averaged over the five severities. Beside them stands how often a batch could be copied
meanwhile: the floor of any corruption. The ratio of the geometric means is the geometric mean of the ratios. Where
there is a CUDA device, ours follow on it, once with draws made on the CPU and once with the draws there already.
"""

import os

# before the libraries start their threads
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from statistics import geometric_mean, mean, median

import cv2
import numpy as np
import torch
from torch import Tensor

import datasets
from robustness import computing
from robustness.corruptions import CORRUPTIONS, EXTRA, STANDARD, corrupt
from robustness.seeds import generator

from .comparison import Comparison, missing, script
from .photographs import pixels
from .reference_corruptions import imagecorruptions
from .turns import take_turns, used, wall

SEVERITIES = (1, 2, 3, 4, 5)
SIDES = OURS, PEER = "ours", "imagecorruptions"
UNIT = "processor ms an image"
LACKS = (
    "takes one picture at a time, draws from NumPy's global generator, runs on the CPU alone, "
    "and fails to import beside NumPy 2 unless names are put back as is done here"
)
FLAGS = {
    "--batch": {"type": int, "default": 32},
    "--rounds": {"type": int, "default": 5},
    "--peer-images": {"type": int, "default": 4, "help": "that the peer gets in a turn; its times vary little"},
    "--only": {"default": ",".join(STANDARD + EXTRA), "metavar": "NAME,NAME", "help": "these corruptions"},
}
QUICK = {"rounds": 2, "peer_images": 1}
OTHER_WORK = ("motion_blur", "snow", "frost", "elastic_transform")  # where the peer differs from the original
Costs = Mapping[str, list[float]]


def ours(images: Tensor, name: str, severity: int) -> Tensor:
    """Corrupt as a run does."""
    return corrupt(images, name, severity, [generator(0, f"{name}:{severity}", str(i)) for i in range(len(images))])


def compare(images: Tensor, name: str, rounds: int, peer_images: int) -> Costs:
    """Let ours, the peer and a copy take turns; returns milliseconds an image."""
    pictures = [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in images[:peer_images]]
    peer, result = imagecorruptions().corrupt, torch.empty_like(images)

    def over_severities(count: int, work: Callable[[int], object]) -> float:
        return mean(1000 * used(partial(work, severity)) / count for severity in SEVERITIES)

    def theirs(severity: int) -> None:
        for picture in pictures:
            peer(picture, severity, name)

    over_severities(1, partial(ours, images[:1], name))  # makes tables
    contenders = {
        OURS: partial(over_severities, len(images), partial(ours, images, name)),
        PEER: partial(over_severities, len(pictures), theirs),
        "copy": partial(over_severities, len(images), lambda _: result.copy_(images)),
    }
    return take_turns(contenders, rounds, warm_up=False)


def on_cpu(names: list[str], images: Tensor, rounds: int, peer_images: int) -> Iterator[Comparison]:
    """Compare corruption by corruption, and all of them."""
    costs: dict[str, Costs] = {}
    for name in names:
        # The loop of the peer's glass blur takes a second an image, and is steady.
        found = costs[name] = compare(images, name, rounds, 1 if name == "glass_blur" else peer_images)
        floor = median(own / least for own, least in zip(found[OURS], found["copy"], strict=True))
        note = f"ours is {floor:.0f} copies"
        if name in OTHER_WORK:
            note += "; not the same work: the peer differs from the original"
        yield Comparison(name, *SIDES, UNIT, found[OURS], found[PEER], LACKS, note)
    standard = [name for name in STANDARD if name in costs]
    yield from together(costs, {"standard": standard} | ({"": names} if len(names) > len(standard) else {}))


def together(costs: Mapping[str, Costs], groups: Mapping[str, list[str]]) -> Iterator[Comparison]:
    """Compare what groups of corruptions cost, with and without glass blur, whose loop in Python outweighs the rest."""
    for kind, group in groups.items():
        for blurred in (True, False) if "glass_blur" in group and len(group) > 1 else (True,):
            members = [name for name in group if blurred or name != "glass_blur"]
            what = f"{len(members)} {kind} corruptions{'' if blurred else ' without glass blur'}".replace("  ", " ")
            for how, fold in {"geometric mean": geometric_mean, "sum": sum}.items():
                sides = [
                    [fold(row) for row in zip(*(costs[name][side] for name in members), strict=True)] for side in SIDES
                ]
                yield Comparison(f"{what}, {how}", *SIDES, UNIT, *sides, LACKS)


def on_gpu(name: str, images: Tensor, rounds: int) -> Comparison:
    """Compare a corruption with its own work on the GPU, for which the draws are there already."""
    batch = len(images)

    def clocked(work: Callable[[int], Tensor]) -> float:
        return mean(1000 * wall(lambda: (work(severity), torch.cuda.synchronize())) / batch for severity in SEVERITIES)  # noqa: B023

    ready = {}
    for severity in SEVERITIES:
        draws = [CORRUPTIONS[name].draw(severity, (224, 224), generator(0, name, str(i))) for i in range(batch)]
        ready[severity] = {key: torch.stack([draw[key] for draw in draws]).cuda() for key in draws[0]}
    apply = CORRUPTIONS[name].apply
    contenders = {
        "ours": lambda: clocked(partial(ours, images, name)),
        "alone": lambda: clocked(lambda severity: apply(images, severity, ready[severity])),
    }
    costs = take_turns(contenders, rounds)
    note = f"{1000 / median(costs['ours']):.0f} images a second; the peer has no such thing"
    subject = f"{name} on {torch.cuda.get_device_name()}, batch {batch}"
    return Comparison(
        subject, "ours", "ours, draws made before", "ms an image", costs["ours"], costs["alone"], note=note
    )


def measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare on the CPU, and on a GPU if there is one."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    computing.keep_freed_memory()
    names = options.only.split(",")
    if importlib.util.find_spec(PEER) is None:
        yield missing("corruptions", PEER, "it is not installed")
    else:
        yield from on_cpu(names, pixels(datasets.IMAGENET_C_VIEW, options.batch), options.rounds, options.peer_images)
    if torch.cuda.is_available():
        images = pixels(datasets.IMAGENET_C_VIEW, 128, torch.device("cuda"))
        yield from (on_gpu(name, images, options.rounds) for name in names)


if __name__ == "__main__":
    script(__doc__, measure, FLAGS, QUICK)
