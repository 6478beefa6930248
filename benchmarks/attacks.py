"""Time and robust accuracy of attacks: this project's against torchattacks, foolbox, ART and the original AutoAttack.

    python -m benchmarks.attacks [--models efficientnet_lite0,pit_ti] [--rounds 3] [--quick]

The peers come with requirements-bench.txt; one that is not installed is left out by name. Everybody attacks the same
network, pictures and radius: the bundled photographs that the network gets right when clean. The unit is the bare cost:
as many forward and backward passes to the pixels as the attack has steps. All contenders of an attack take turns in one
process: A B C … A B C …; a time is the median over the rounds, a ratio the median of the rounds' ratios. pit_ti has
random weights, so only its times mean something. AutoAttack takes minutes, so it has one round at each of several
radii, and is left out by `--quick` and for pit_ti. torchattacks' is left out, too: a slower wrapper of the same code.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before torch starts its threads

import argparse
import importlib.util
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import datasets
import pit  # noqa: F401 - importing registers
from benchmarks.forward import processor, ratio, spread
from robustness import computing, models
from robustness.attacks import Goal, Victim, as_pixels, attack_condition, build
from robustness.seeds import generator

EPS = {
    "fgsm": ("4/255",),
    "pgd-10": ("4/255",),
    "pgd-40": ("4/255",),
    "autoattack": ("1/255", "0.5/255", "0.25/255"),
}
STEPS = {"fgsm": 1, "pgd-10": 10, "pgd-40": 40}
SIZE = 224


class Network(nn.Module):
    """Our classifier as a module from pixels in [0, 1] to logits, which is what the peers want."""

    def __init__(self, model: models.Model) -> None:
        super().__init__()
        self.classifier = model.classifier
        self.anchor = nn.Parameter(torch.zeros(1))  # the peers look for the device of the first parameter

    def forward(self, images: Tensor) -> Tensor:
        """Classify."""
        return self.classifier(images)


@dataclass(frozen=True, slots=True)
class Never(Goal):
    """A goal that is never reached: switches early stopping off."""

    def reached(self, logits: Tensor) -> Tensor:
        """Say no."""
        return torch.zeros(len(logits), dtype=torch.bool, device=logits.device)

    def __getitem__(self, where: Tensor | slice) -> "Never":
        """Return the goals of some of the images."""
        return Never(self.labels[where])


@dataclass(frozen=True, slots=True)
class Scene:
    """What is attacked: a network and pictures float [B,3,224,224] that it gets right."""

    network: Network
    images: Tensor
    labels: Tensor


Contender = Callable[[], Tensor]  # returns adversarial images


def bare(scene: Scene, steps: int) -> Contender:
    """Make the unit: forward and backward passes to the pixels, and nothing else."""

    def passes() -> Tensor:
        pixels = scene.images.clone().requires_grad_(True)
        for _ in range(steps):
            loss = F.cross_entropy(scene.network(pixels), scene.labels, reduction="sum")
            torch.autograd.grad(loss, pixels)
        return scene.images

    return passes


def clean_pass(scene: Scene) -> Contender:
    """Make the pass that finds out which pictures are right when clean."""

    def once() -> Tensor:
        with torch.inference_mode():
            scene.network(scene.images)
        return scene.images

    return once


def ours(scene: Scene, name: str, eps: str, *, stop: bool = True) -> Contender:
    """Attack as the command does; stop: whether pictures that are fooled leave the batch."""
    attack, _, steps = name.partition("-")
    given = {"steps": int(steps)} if steps else {}
    condition = attack_condition(attack, eps=eps, **given)
    batch_size = computing.BATCH_SIZE[scene.images.device.type]
    goal = Goal(scene.labels) if stop else Never(scene.labels)

    def attacked() -> Tensor:
        generators = [generator(0, condition.key, str(i)) for i in range(len(scene.images))]
        victim = Victim(scene.network.classifier, batch_size)
        return build(condition)(victim, scene.images, goal, generators).images

    return attacked


def torchattacks(scene: Scene, name: str, eps: float) -> Contender | None:
    """Attack with torchattacks."""
    import torchattacks

    if name == "autoattack":
        return None
    if name == "fgsm":
        return lambda: torchattacks.FGSM(scene.network, eps=eps)(scene.images, scene.labels)
    attack = torchattacks.PGD(scene.network, eps=eps, alpha=eps / 4, steps=STEPS[name])
    return lambda: attack(scene.images, scene.labels)


def foolbox(scene: Scene, name: str, eps: float) -> Contender | None:
    """Attack with foolbox, which has no AutoAttack."""
    import foolbox

    if name == "autoattack":
        return None
    network = foolbox.PyTorchModel(scene.network.eval(), bounds=(0, 1), device=scene.images.device)
    attack = (
        foolbox.attacks.LinfFastGradientAttack()
        if name == "fgsm"
        else foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=STEPS[name])
    )
    return lambda: attack(network, scene.images, scene.labels, epsilons=eps)[1]


def art(scene: Scene, name: str, eps: float) -> Contender | None:
    """Attack with ART; its AutoAttack is another one than the standard and left out."""
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    if name == "autoattack":
        return None
    shape, device = tuple(scene.images.shape[1:]), "gpu" if scene.images.is_cuda else "cpu"
    loss = nn.CrossEntropyLoss()
    estimator = PyTorchClassifier(scene.network, loss, shape, 1000, clip_values=(0.0, 1.0), device_type=device)
    batch = len(scene.images)
    attack = (
        FastGradientMethod(estimator, eps=eps, batch_size=batch)
        if name == "fgsm"
        else ProjectedGradientDescent(
            estimator,
            eps=eps,
            eps_step=eps / 4,
            max_iter=STEPS[name],
            num_random_init=1,
            batch_size=batch,
            verbose=False,
        )
    )
    images, labels = scene.images.cpu().numpy(), scene.labels.cpu().numpy()
    return lambda: torch.from_numpy(attack.generate(images, labels)).to(scene.images.device)


def original(scene: Scene, name: str, eps: float) -> Contender | None:
    """Attack with the authors' AutoAttack."""
    import pyautoattack

    if name != "autoattack":
        return None
    attack = pyautoattack.AutoAttack(scene.network, norm="Linf", eps=eps, seed=0, device=scene.images.device)
    attack.verbose = False
    return lambda: attack.run_standard_evaluation(scene.images, scene.labels, batch_size=len(scene.images))[0]


PEERS = {"torchattacks": torchattacks, "foolbox": foolbox, "art": art, "pyautoattack": original}


def contenders(scene: Scene, name: str, eps: str) -> Iterator[tuple[str, Contender]]:
    """Yield everybody who can do attack `name`, the unit first."""
    if name in STEPS:
        yield "bare cost", bare(scene, STEPS[name])
        yield "clean pass", clean_pass(scene)
        yield "ours, no early stop", ours(scene, name, eps, stop=False)
    yield "ours", ours(scene, name, eps)
    for peer, make in PEERS.items():
        if importlib.util.find_spec(peer) is None:
            print(f"{peer} is not installed: left out")
        elif found := make(scene, name, as_pixels(eps)):
            yield peer, found


def scene_of(name: str, device: torch.device) -> Scene:
    """Take a network, and the bundled photographs that it gets right; of random weights, its own opinions are right."""
    weights = models.Weights(random=name != models.BUNDLED)
    torch.manual_seed(0)
    network = Network(models.resolve(name, weights, device)).eval()
    view = datasets.View(256, SIZE, "bicubic")
    (batch,) = datasets.load(datasets.open_sample(), [view])
    images, labels = (batch.views[0].float() / 255).to(device), batch.labels.to(device)
    with torch.inference_mode():
        decided = network(images).argmax(1)
    right = decided == (labels if name == models.BUNDLED else decided)
    return Scene(network, images[right], decided[right].clone())


def measure(name: str, attack: str, eps: str, device: torch.device, rounds: int) -> Iterator[str]:
    """Let everybody take turns; yield the rows of the table."""
    scene = scene_of(name, device)
    everybody = dict(contenders(scene, attack, eps))
    seconds: dict[str, list[float]] = {}
    robust: dict[str, int] = {}
    for index in range(rounds + 1 if attack in STEPS else 1):  # the first warms up, and is all that AutoAttack has
        for whose, perturb in everybody.items():
            torch.manual_seed(index)
            start = time.perf_counter()
            adversarial = perturb()
            if adversarial.is_cuda:
                torch.cuda.synchronize()
            took = time.perf_counter() - start
            if index or attack not in STEPS:
                seconds.setdefault(whose, []).append(took)
            with torch.inference_mode():
                robust[whose] = int((scene.network(adversarial).argmax(1) == scene.labels).sum())
    unit = seconds.get("bare cost")
    for whose, times in seconds.items():
        units = ratio(times, unit) if unit else ""
        survivors = "" if whose in ("bare cost", "clean pass") else f"{robust[whose]} of {len(scene.labels)}"
        yield (
            f"| {name} | {attack} at {eps} | {whose} | {spread(times)} | {units} "
            f"| {ratio(times, seconds['ours'])} | {survivors} |"
        )


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=f"{models.BUNDLED},pit_ti")
    parser.add_argument("--attacks", default=",".join(EPS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true", help="no AutoAttack")
    options = parser.parse_args()
    computing.keep_freed_memory()
    device = torch.device(options.device)
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    print(
        f"Attacks, seconds: median [lowest–highest] of {options.rounds} rounds. {datetime.now(UTC):%Y-%m-%d}, "
        f"{machine}, {torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__}.\n"
    )
    print("| model | attack | whose | seconds | / bare cost | / ours | robust |\n|---|---|---|---|---|---|---|")
    warnings.simplefilter("ignore")  # the peers'
    for name in options.models.split(","):
        for attack in options.attacks.split(","):
            if attack != "autoattack" or not (options.quick or name != models.BUNDLED):
                for eps in EPS[attack]:
                    print("\n".join(measure(name, attack, eps, device, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
