"""Attacks: time and robust accuracy of this project's against torchattacks, foolbox, ART and the original AutoAttack.

    python -m benchmarks.attacks [--models efficientnet_lite0,pit_ti] [--attacks pgd-10] [--rounds 3] [--quick]

The peers come with requirements-bench.txt. Everybody attacks the same network, our accelerated classifier, pictures and
radius: the bundled photographs that the network gets right when clean. The original AutoAttack attacks the plain
network, too, which is what people give it: timm's, after a module that normalises, neither folded nor channels last.
"bare cost" is as many forward and backward passes to the pixels as the attack has steps. pit_ti has random weights, so
only its times mean something. AutoAttack takes minutes, so it has one round at each of several radii, and is left out
for pit_ti. torchattacks' is left out, too: a slower wrapper of the same code.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before torch starts its threads

import argparse
import warnings
from collections.abc import Iterator
from functools import partial

import torch

import datasets
import pit  # noqa: F401 - importing registers
from robustness import computing, models

from .attackers import AUTO, BARE, LACKS, OURS, STEPS, UNSTOPPED, Contender, Network, Scene, contenders
from .comparison import Comparison, missing, script
from .turns import Clock, take_turns

VIEW = datasets.View(256, 224, "bicubic")
EPS = "4/255"  # of the attacks that have steps
FLAGS = {
    "--models": {"default": f"{models.BUNDLED},pit_ti"},
    "--attacks": {"default": ",".join([*STEPS, AUTO])},
    "--radii": {"default": "1/255,0.5/255,0.25/255", "help": "of AutoAttack"},
    "--images": {"type": int, "default": 20, "help": "photographs, of which those that are right are attacked"},
    "--auto-images": {"type": int, "default": 20, "help": "the same for AutoAttack"},
    "--rounds": {"type": int, "default": 3},
    "--device": {"default": "cuda" if torch.cuda.is_available() else "cpu"},
}
QUICK = {"models": models.BUNDLED, "attacks": "fgsm,pgd-10,autoattack", "radii": "1/255", "auto_images": 4, "rounds": 2}


def scene_of(name: str, device: torch.device, count: int) -> Scene:
    """Take a network, and what it gets right of `count` bundled photographs; random weights are right by definition."""
    trained = name == models.BUNDLED
    torch.manual_seed(0)
    network = Network(models.resolve(name, models.Weights(random=not trained), device).classifier).eval()
    (batch,) = datasets.load(datasets.open_sample(), [VIEW])
    images, labels = (batch.views[0].float() / 255).to(device)[:count], batch.labels.to(device)[:count]
    with torch.inference_mode():
        decided = network(images).argmax(1)
    right = decided == (labels if trained else decided)
    return Scene(name, network, images[right], decided[right].clone())


def compare(scene: Scene, attack: str, eps: str, rounds: int) -> Iterator[Comparison]:
    """Let everybody take turns."""
    robust: dict[str, int] = {}
    place = f" on {torch.cuda.get_device_name()}" if scene.images.is_cuda else ""
    subject = f"{scene.name}, {attack} within {eps}, {len(scene.labels)} images{place}"

    def turn(whose: str, perturb: Contender) -> float:
        torch.manual_seed(0)
        clock = Clock()
        adversarial = perturb()
        if adversarial.is_cuda:
            torch.cuda.synchronize()
        seconds, _ = clock()
        with torch.inference_mode():
            robust[whose] = int((scene.network(adversarial).argmax(1) == scene.labels).sum())
        return seconds

    everybody = dict(contenders(scene, attack, eps))
    work = {whose: partial(turn, whose, perturb) for whose, perturb in everybody.items() if perturb}
    many = attack in STEPS
    costs = take_turns(work, rounds if many else 1, warm_up=many)
    pairs = [(OURS, peer) for peer in everybody if peer not in (OURS, UNSTOPPED)]
    for own, peer in [*pairs, (UNSTOPPED, BARE)] if many else pairs:
        if peer in costs:
            survivors = f"withstand: {robust[own]} ours" + (f", {robust[peer]} its" if peer != BARE else "")
            lacks = LACKS.get(peer.partition(",")[0], "")
            yield Comparison(subject, own, peer, "s", costs[own], costs[peer], lacks, survivors)
        else:
            yield missing(subject, peer, "it is not installed")


def measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare model by model, attack by attack."""
    computing.keep_freed_memory()
    warnings.simplefilter("ignore")  # the peers'
    for name in options.models.split(","):
        for attack in options.attacks.split(","):
            if attack in STEPS:
                scene = scene_of(name, torch.device(options.device), options.images)
                yield from compare(scene, attack, EPS, options.rounds)
            elif name == models.BUNDLED:
                scene = scene_of(name, torch.device(options.device), options.auto_images)
                for eps in options.radii.split(","):
                    yield from compare(scene, attack, eps, 1)


if __name__ == "__main__":
    script(__doc__, measure, FLAGS, QUICK)
