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
import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import datasets
import pit  # noqa: F401 - importing registers
from robustness import computing, models
from robustness.attacks import Goal, Victim, as_pixels, attack_condition, build
from robustness.classifier import Classifier
from robustness.seeds import generator

from .comparison import Comparison, missing, script
from .networks import Normalised, networks
from .turns import Clock, take_turns

VIEW = datasets.View(256, 224, "bicubic")
EPS, AUTO = "4/255", "autoattack"
STEPS = {"fgsm": 1, "pgd-10": 10, "pgd-40": 40}
BARE, UNSTOPPED = "bare cost", "ours, no early stop"
LACKS = {
    "torchattacks": "lets pictures that are fooled stay in the batch, and draws from torch's global generator",
    "foolbox": "lets pictures that are fooled stay in the batch, draws from torch's global generator, and has no "
    "AutoAttack",
    "art": "lets pictures that are fooled stay in the batch, takes and gives NumPy arrays, draws from NumPy's global "
    "generator, and has another AutoAttack than the standard",
    "pyautoattack": "lets pictures that are fooled stay until each of its attacks ends; one seed for all pictures, so "
    "what a picture meets depends on the batch",
}
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


class Network(nn.Module):
    """Our classifier as a module from pixels in [0, 1] to logits, which is what the peers want."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier
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
    """What is attacked: a network, and pictures float [B,3,224,224] that it gets right. name: of the network."""

    name: str
    network: nn.Module
    images: Tensor
    labels: Tensor

    def plain(self) -> "Scene":
        """Put timm's own network in the place of ours."""
        _, theirs, preprocessing = networks(self.name)
        network = Normalised(theirs, preprocessing).eval().to(self.images.device)
        return replace(self, network=network)


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


PEERS: Mapping[str, Callable[[Scene, str, float], Contender | None]] = {
    "torchattacks": torchattacks,
    "foolbox": foolbox,
    "art": art,
    "pyautoattack": original,
}


def contenders(scene: Scene, name: str, eps: str) -> Iterator[tuple[str, Contender | None]]:
    """Yield everybody who can do attack `name`, ours first; None: it is not installed."""
    yield "ours", ours(scene, name, eps)
    if name in STEPS:
        yield BARE, bare(scene, STEPS[name])
        yield UNSTOPPED, ours(scene, name, eps, stop=False)
    for peer, make in PEERS.items():
        if importlib.util.find_spec(peer) is None:
            yield peer, None
        elif found := make(scene, name, as_pixels(eps)):
            yield (peer if name in STEPS else f"{peer}, on our classifier"), found
            if name == AUTO:
                yield f"{peer}, on timm's plain network", make(scene.plain(), name, as_pixels(eps))


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
    pairs = [("ours", peer) for peer in everybody if peer not in ("ours", UNSTOPPED)]
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
