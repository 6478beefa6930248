"""A forward pass: this project's classifiers against timm's own models, same weights, same images.

    python -m benchmarks.forward [--models pit_s,resnet50] [--batch 16] [--rounds 5] [--device auto] [--quick]

Both sides have the settings of allocator and OpenMP that the command makes; one contender in a process of its own,
which takes turns too, shows timm without them. What is compiled is so for both. Only EfficientNet-Lite0 has trained
weights.
"""

import os

if __name__ == "__main__":  # and not in the process that is to do without
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before torch starts its threads

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from statistics import median
from unittest import mock

import torch
from torch import Tensor, nn

import datasets
from robustness import computing
from robustness.classifier import Classifier, ModuleClassifier, Precision
from robustness.models import BUNDLED

from .comparison import Comparison, script
from .networks import Normalised, networks
from .photographs import pixels
from .turns import take_turns

SECONDS = 0.5  # a turn repeats its forward pass for at least so long
VIEW = datasets.View(256, 224, "bicubic")
PLAIN = "timm, as it comes"
LACKS = "takes normalised tensors, and leaves folding, memory format and the allocator to its user"
Mode = tuple[Precision, bool]  # compiled
Contender = tuple[str, Mode]
EAGER: Contender = ("timm", ("fp32", False))
FLAGS = {
    "--models": {"default": f"pit_ti,pit_s,deit_small_patch16_224,resnet50,{BUNDLED}"},
    "--precisions": {"default": "fp32,bf16"},
    "--batch": {"type": int, "default": 16},
    "--rounds": {"type": int, "default": 5},
    "--device": {"default": "auto"},
    "--compile": {"action": argparse.BooleanOptionalAction, "default": True},
}
QUICK = {"models": f"pit_s,resnet50,{BUNDLED}", "precisions": "fp32", "rounds": 3, "compile": False}


@dataclass(frozen=True, slots=True)
class Peer:
    """timm's model as its documentation runs it: channels first, normalised, autocast for low precision."""

    network: Callable[[Tensor], Tensor]
    precision: Precision
    device: torch.device

    def __call__(self, images: Tensor) -> Tensor:
        """Return logits [B,K] for images [B,3,H,W] in [0,1]."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return self.network(images).float()


def contender(name: str, which: Contender, device: torch.device) -> Classifier:
    """Build one contender, from pixels to logits."""
    whose, (precision, compiled) = which
    ours, theirs, preprocessing = networks(name)
    if whose == "ours":
        return ModuleClassifier(ours, preprocessing, device, precision, compiled)
    network: nn.Module = Normalised(theirs, preprocessing).eval().to(device)
    return Peer(torch.compile(network) if compiled else network, precision, device)


def photographs(batch: int, device: torch.device) -> Tensor:
    """Take `batch` photographs [B,3,224,224] in [0,1]."""
    return pixels(VIEW, batch, device).float() / 255


def turn(classify: Callable[[Tensor], Tensor], images: Tensor) -> float:
    """Classify for at least `SECONDS`; returns milliseconds an image."""
    start, done = time.perf_counter(), 0
    with torch.inference_mode():
        while not done or time.perf_counter() - start < SECONDS:
            classify(images)
            done += len(images)
            if images.is_cuda:
                torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - start) / done


@cache
def _plain(name: str, batch: int) -> tuple[Classifier, Tensor]:
    device = torch.device("cpu")
    return contender(name, EAGER, device), photographs(batch, device)


def plain_turn(name: str, batch: int) -> float:
    """Take a turn with timm's eager float32 in a process that sets nothing up."""
    return turn(*_plain(name, batch))


def plain_process() -> ProcessPoolExecutor:
    """Start a process that inherits no setting of OpenMP."""
    with mock.patch.dict(os.environ):
        os.environ.pop("OMP_WAIT_POLICY", None)
        process = ProcessPoolExecutor(1, get_context("spawn"))
        process.submit(os.getpid).result()
    return process


def compare(name: str, modes: Sequence[Mode], images: Tensor, rounds: int) -> Iterator[Comparison]:
    """Compare the contenders of one model."""
    torch.compiler.reset()  # else torch.compile gives up on `Normalised.forward` after 8 translations
    everybody = dict.fromkeys([EAGER, *((whose, mode) for mode in modes for whose in ("ours", "timm"))])
    classifiers = {one: contender(name, one, images.device) for one in everybody}
    with torch.inference_mode():
        logits = {one: classify(images).float().cpu() for one, classify in classifiers.items()}  # compiles, too
    contenders = {one: partial(turn, classify, images) for one, classify in classifiers.items()}
    with plain_process() as alone:
        if not images.is_cuda:
            work = (plain_turn, name, len(images))
            contenders[PLAIN, EAGER[1]] = lambda: alone.submit(*work).result()
        costs = take_turns(contenders, rounds)
    exact, unit = logits[EAGER], "ms an image"
    place = f" on {torch.cuda.get_device_name()}" if images.is_cuda else ""
    for mode in modes:
        precision, compiled = mode
        ours, theirs = pair = [(whose, mode) for whose in ("ours", "timm")]
        apart = " and ".join(f"{float((logits[one] - exact).abs().max()):.1g}" for one in pair)
        agree = " and ".join(str(int((logits[one].argmax(1) == exact.argmax(1)).sum())) for one in pair)
        faster = median(slow / own for own, slow in zip(costs[ours], costs[EAGER], strict=True))
        note = "" if mode == EAGER[1] else f"{faster:.2f} times as fast as timm's eager fp32; "
        yield Comparison(
            f"{name}, {precision}{', compiled' if compiled else ''}, batch {len(images)}{place}",
            *("ours", "timm", unit, costs[ours], costs[theirs], LACKS),
            f"{note}logits up to {apart} from timm's eager fp32, of {exact.abs().max():.2g} at most; "
            f"same predictions {agree} of {len(images)}",
        )
    for (whose, mode), cost in costs.items():
        if whose == PLAIN and ("ours", mode) in costs:
            subject = f"{name}, fp32, batch {len(images)}"
            note = "what a script gets that sets nothing"
            yield Comparison(subject, "ours", PLAIN, unit, costs["ours", mode], cost, note=note)


def measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare model by model."""
    computing.keep_freed_memory()
    found = "cuda" if torch.cuda.is_available() else "cpu"
    images = photographs(options.batch, torch.device(found if options.device == "auto" else options.device))
    modes = [
        (precision, compiled)
        for precision in options.precisions.split(",")
        for compiled in ((False, True) if options.compile else (False,))
    ]
    for name in options.models.split(","):
        yield from compare(name, modes, images, options.rounds)


if __name__ == "__main__":
    script(__doc__, measure, FLAGS, QUICK)
