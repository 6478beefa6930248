"""Images per second of a forward pass: this project's classifiers against timm's own models, same weights, same images.

    python -m benchmarks.forward [--models pit_s,resnet50] [--batch 16] [--rounds 5] [--device auto] [--quick]

All contenders of a model take turns in one process: A B C … A B C …; every speed is a median over the rounds, with the
lowest and the highest in brackets, and every ratio the median of the rounds' ratios. Both sides have the allocator
setting that the command makes; one contender in a process of its own, which takes turns too, shows timm without it.
`--quick` leaves out what must be compiled.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before torch starts its threads

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

import datasets
import pit
from robustness import computing
from robustness.classifier import Classifier, ModuleClassifier, Precision, Preprocessing
from robustness.models import BUNDLED
from robustness.models.bundled import load_bundled
from robustness.models.model import Weights

MODELS = ("pit_ti", "pit_s", "deit_small_patch16_224", "resnet50", BUNDLED)
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
SECONDS = 0.5  # a turn repeats its forward pass for at least so long
Contender = tuple[str, Precision, bool]  # whose, precision, compiled
SIDES = ("ours", "timm")
BASELINE: Contender = ("timm", "fp32", False)
SYSTEM: Contender = ("timm with the system's allocator", "fp32", False)
HEADING = """\
| model | mode | ours | timm | ours / timm | ours / timm's eager fp32 | largest logit | furthest from the latter, \
ours / timm | same predictions, ours / timm |
|---|---|---|---|---|---|---|---|---|"""


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


class Normalised(nn.Module):
    """A network with its normalisation in front."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels in [0, 1] to logits."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def networks(name: str) -> tuple[nn.Module, nn.Module, Preprocessing]:
    """Make our network and timm's with the same weights: trained for the bundled model, else random from one seed."""
    if name == BUNDLED:
        ours, theirs = (load_bundled(BUNDLED, Weights()) for _ in range(2))
        return ours.module, theirs.module, ours.preprocessing
    torch.manual_seed(0)
    ours_module, theirs_module = (
        timm.create_model(name),
        timm.create_model(f"{name}_224" if name in pit.CONFIGS else name),
    )
    randomise_statistics(theirs_module)
    state = theirs_module.state_dict()
    ours_module.load_state_dict(pit.official_layout(state) if name in pit.CONFIGS else state)
    cfg = theirs_module.pretrained_cfg
    size = cfg["input_size"][-1]
    resize = round(size / cfg["crop_pct"])
    return ours_module, theirs_module, Preprocessing(size, resize, "bicubic", "center", cfg["mean"], cfg["std"])


def randomise_statistics(module: nn.Module) -> None:
    """Give batch norms statistics and factors that are not 0 and 1, else folding them would prove nothing."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            statistics_of = dict(norm.named_buffers())
            nn.init.normal_(statistics_of["running_mean"], 0, 0.1)
            nn.init.uniform_(statistics_of["running_var"], 0.5, 1.5)
            nn.init.uniform_(norm.weight, 0.4, 1.0)  # residual branches must not explode
            nn.init.normal_(norm.bias, 0, 0.1)


def contender(name: str, which: Contender, device: torch.device) -> Classifier:
    """Build one contender, from pixels to logits."""
    whose, precision, compiled = which
    ours, theirs, preprocessing = networks(name)
    if whose == "ours":
        return ModuleClassifier(ours, preprocessing, device, precision, compiled)
    network: nn.Module = Normalised(theirs, preprocessing).eval().to(device)
    return Peer(torch.compile(network) if compiled else network, precision, device)


def photographs(batch: int, device: torch.device) -> Tensor:
    """Take the bundled photographs, repeated to `batch` images [B,3,224,224] in [0,1]."""
    view = datasets.View(256, 224, "bicubic")
    found = next(datasets.load(datasets.open_sample(), [view])).views[0]
    return (found.repeat(-(-batch // len(found)), 1, 1, 1)[:batch].float() / 255).to(device)


def turn(classify: Callable[[Tensor], Tensor], images: Tensor) -> float:
    """Classify for at least `SECONDS`; returns images per second."""
    start, done = time.perf_counter(), 0
    with torch.inference_mode():
        while not done or time.perf_counter() - start < SECONDS:
            classify(images)
            done += len(images)
            if images.is_cuda:
                torch.cuda.synchronize()
    return done / (time.perf_counter() - start)


@cache
def _system_allocator(name: str, batch: int) -> tuple[Classifier, Tensor]:
    device = torch.device("cpu")
    return contender(name, BASELINE, device), photographs(batch, device)


def turn_with_system_allocator(name: str, batch: int) -> float:
    """Take a turn with timm's eager float32 in a process that leaves the allocator alone."""
    return turn(*_system_allocator(name, batch))


def take_turns(
    classifiers: Mapping[Contender, Classifier], images: Tensor, name: str, rounds: int
) -> dict[Contender, list[float]]:
    """Measure images per second of all contenders in each round, after one round to warm up."""
    speeds: dict[Contender, list[float]] = {}
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        for index in range(rounds + 1):
            taken = {one: turn(classify, images) for one, classify in classifiers.items()}
            if not images.is_cuda:
                taken[SYSTEM] = alone.submit(turn_with_system_allocator, name, len(images)).result()
            if index:
                for one, speed in taken.items():
                    speeds.setdefault(one, []).append(speed)
    return speeds


def measure(name: str, modes: Sequence[tuple[Precision, bool]], images: Tensor, rounds: int) -> list[str]:
    """Compare the contenders of one model; returns the rows of the table."""
    torch.compiler.reset()  # else torch.compile gives up on `Normalised.forward` after 8 translations
    classifiers: dict[Contender, Classifier] = {
        (whose, *mode): contender(name, (whose, *mode), images.device) for mode in modes for whose in SIDES
    }
    with torch.inference_mode():
        logits = {one: classify(images).float().cpu() for one, classify in classifiers.items()}  # compiles, too
    speeds = take_turns(classifiers, images, name, rounds)
    exact, rows = logits[BASELINE], []
    for precision, compiled in modes:
        ours, theirs = pair = [(whose, precision, compiled) for whose in SIDES]
        apart = [f"{float((logits[one] - exact).abs().max()):.1g}" for one in pair]
        agree = [str(int((logits[one].argmax(1) == exact.argmax(1)).sum())) for one in pair]
        rows.append(
            f"| {name} | {precision}{', compiled' if compiled else ''} | {spread(speeds[ours])} "
            f"| {spread(speeds[theirs])} | {ratio(speeds[ours], speeds[theirs])} "
            f"| {ratio(speeds[ours], speeds[BASELINE])} | {exact.abs().max():.2g} | {' / '.join(apart)} "
            f"| {' / '.join(agree)} of {len(images)} |"
        )
    if SYSTEM in speeds:
        compared = ratio(speeds[("ours", "fp32", False)], speeds[SYSTEM])
        rows.append(f"| {name} | fp32, the system's allocator | | {spread(speeds[SYSTEM])} | {compared} | | | | |")
    return rows


def spread(speeds: list[float]) -> str:
    """Write a median with its extremes."""
    return f"{statistics.median(speeds):.1f} [{min(speeds):.1f}–{max(speeds):.1f}]"


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Take the median of the rounds' ratios: a neighbour that slows a round down slows both."""
    return f"{statistics.median(a / b for a, b in zip(ours, theirs, strict=True)):.2f}"


def processor() -> str:
    """Name the processor."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="nothing compiled")
    options = parser.parse_args()
    computing.keep_freed_memory()
    device = torch.device(
        ("cuda" if torch.cuda.is_available() else "cpu") if options.device == "auto" else options.device
    )
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    images = photographs(options.batch, device)
    modes = [(precision, compiled) for precision in PRECISIONS for compiled in (False, not options.quick)]
    print(
        f"Forward pass, images per second: median [lowest–highest] of {options.rounds} rounds, batch {options.batch}. "
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, timm {timm.__version__}.\n\n{HEADING}"
    )
    for name in options.models.split(","):
        print("\n".join(measure(name, list(dict.fromkeys(modes)), images, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
