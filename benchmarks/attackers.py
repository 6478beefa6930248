"""Who attacks: this project, the peers, and the bare cost of an attack's passes, all given the same scene."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustness import computing
from robustness.attacks import Goal, Victim, as_pixels, attack_condition, build
from robustness.classifier import Classifier
from robustness.lanes import Lanes
from robustness.seeds import generator

from .networks import Normalised, networks

AUTO, STEPS = "autoattack", {"fgsm": 1, "pgd-10": 10, "pgd-40": 40}
OURS, UNSTOPPED, BARE, ORIGINAL = "ours", "ours, no early stop", "bare cost", "pyautoattack"
LACKS = {
    "torchattacks": "lets pictures that are fooled stay in the batch, and draws from torch's global generator",
    "foolbox": "lets pictures that are fooled stay in the batch, draws from torch's global generator, and has no "
    "AutoAttack",
    "art": "lets pictures that are fooled stay in the batch, takes and gives NumPy arrays, draws from NumPy's global "
    "generator, and has another AutoAttack than the standard",
    "pyautoattack": "lets pictures that are fooled stay until the restart or target in hand ends; has one seed for all "
    "pictures, so what a picture meets depends on the batch",
}


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
        with Lanes(computing.lanes(scene.images.device)) as lanes:
            victim = Victim(scene.network.classifier, batch_size, lanes=lanes)
            return build(condition)(victim, scene.images, goal, generators).images

    return attacked


def torchattacks(scene: Scene, name: str, eps: float) -> Contender:
    """Attack with torchattacks."""
    import torchattacks

    if name == "fgsm":
        return lambda: torchattacks.FGSM(scene.network, eps=eps)(scene.images, scene.labels)
    attack = torchattacks.PGD(scene.network, eps=eps, alpha=eps / 4, steps=STEPS[name])
    return lambda: attack(scene.images, scene.labels)


def foolbox(scene: Scene, name: str, eps: float) -> Contender:
    """Attack with foolbox."""
    import foolbox

    network = foolbox.PyTorchModel(scene.network.eval(), bounds=(0, 1), device=scene.images.device)
    attack = (
        foolbox.attacks.LinfFastGradientAttack()
        if name == "fgsm"
        else foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=STEPS[name])
    )
    return lambda: attack.run(network, scene.images, scene.labels, epsilon=eps)  # a call would judge the result, too


def art(scene: Scene, name: str, eps: float) -> Contender:
    """Attack with ART."""
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

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


def original(scene: Scene, eps: float) -> Contender:
    """Attack with the authors' AutoAttack."""
    import pyautoattack

    attack = pyautoattack.AutoAttack(scene.network, norm="Linf", eps=eps, seed=0, device=scene.images.device)
    attack.verbose = False
    return lambda: attack.run_standard_evaluation(scene.images, scene.labels, batch_size=len(scene.images))[0]


PEERS: Mapping[str, Callable[[Scene, str, float], Contender]] = {
    "torchattacks": torchattacks,
    "foolbox": foolbox,
    "art": art,
}


def contenders(scene: Scene, name: str, eps: str) -> Iterator[tuple[str, Contender | None]]:
    """Yield everybody who can do attack `name`, ours first; None: it is not installed."""
    yield OURS, ours(scene, name, eps)
    if name == AUTO:
        there = importlib.util.find_spec(ORIGINAL)
        for where, attacked in (("on our classifier", scene), ("on timm's plain network", scene.plain())):
            yield f"{ORIGINAL}, {where}", original(attacked, as_pixels(eps)) if there else None
        return
    yield BARE, bare(scene, STEPS[name])
    yield UNSTOPPED, ours(scene, name, eps, stop=False)
    for peer, make in PEERS.items():
        yield peer, make(scene, name, as_pixels(eps)) if importlib.util.find_spec(peer) else None
