"""Every finding is triggered by a model or by records made to trigger it, and none by the bundled model."""

import re
from collections.abc import Callable

import pandas as pd
import pytest
import torch
from metric_records import attacked
from torch import Tensor, nn
from torch.nn import functional as F

import datasets
from robustness.attacked import Assault
from robustness.attacked import attacked as assaulted
from robustness.attacks import Victim, attack_condition
from robustness.audit import Finding, audit_records
from robustness.checkpoints import weights_hash
from robustness.classifier import ModuleClassifier, Preprocessing
from robustness.condition import Condition
from robustness.evaluation import Selection
from robustness.models import Model
from robustness.probes import audit_classifier, audit_steps, compare_weights
from robustness.records import rows
from robustness.scoring import IMAGENET, NEVER
from robustness.seeds import generator

NONE, HALF, ALL = [True] * 4, [False, False, True, True], [False] * 4  # right under attack
PGD, FGSM, SQUARE, NOISE = (
    f"{name}(norm=linf,eps=1/255{rest})"
    for name, rest in (("pgd", ",steps=40"), ("fgsm", ""), ("square", ""), ("noise", ""))
)
TRANSFER = "pgd(norm=linf,eps=1/255,steps=40,surrogate=resnet50)"
LARGER, HUGE = "pgd(norm=linf,eps=4/255,steps=40)", "pgd(norm=linf,eps=127.5/255,steps=40)"


def audited(right: dict[str, list[bool]]) -> list[Finding]:
    """Audit records in which four samples are right, or not, under each condition."""
    return audit_records(pd.concat([attacked(correct, [True] * 4, key) for key, correct in right.items()]))


@pytest.mark.parametrize(
    ("name", "right", "sentence"),
    [
        ("iterative-not-stronger", {FGSM: HALF, PGD: [True, False, False, False]}, "fools 1 of 4 samples that pgd"),
        ("rises-with-eps", {PGD: HALF, LARGER: NONE}, "fools 2 of 4 samples fewer than pgd"),
        ("large-eps-survived", {HUGE: HALF}, "2 of 4 samples withstand"),
        ("black-box-stronger", {PGD: HALF, SQUARE: ALL}, "square.* fool 4 of 4 .* with them only 2"),
        ("black-box-stronger", {PGD: HALF, TRANSFER: ALL}, "The gradients are masked"),
        ("noise-as-strong", {PGD: HALF, NOISE: HALF}, "noise.* fools 2 of 4 samples, pgd.* 2"),
        ("noise-as-strong", {FGSM: HALF, NOISE: ALL}, "no better than chance"),
    ],
)
def test_contradictions_between_attacks(name: str, right: dict[str, list[bool]], sentence: str) -> None:
    (finding,) = audited(right)
    assert (finding.name, finding.model) == (name, "m")
    assert finding.text.startswith("adversarial, imagenet: ")
    assert re.search(sentence, finding.text)


@pytest.mark.parametrize(
    "right",
    [
        {FGSM: HALF, PGD: ALL, LARGER: ALL, HUGE: ALL, SQUARE: HALF, NOISE: NONE, TRANSFER: NONE},
        {FGSM: HALF, LARGER: NONE},  # another radius
        {"fgsm(norm=linf,eps=4/255)": HALF, "fgsm(norm=linf,eps=8/255)": NONE},  # one step may overshoot
        {FGSM: HALF, SQUARE: ALL},  # no white-box attack that tried hard
        {"pgd(norm=l2,eps=0.5,steps=40)": NONE},
        {PGD: ALL, NOISE: ALL},  # nothing was left to fool
        {PGD: NONE, NOISE: NONE},  # nothing was fooled by either
        {PGD: HALF, "pgd(norm=linf,eps=4/255,steps=10)": NONE},  # other steps
        {PGD: HALF, "pgd(norm=linf,eps=4/255,steps=40,targeted=random)": NONE},
        {"fmn(norm=linf,steps=100)": HALF, "spatial": ALL, FGSM: HALF},
    ],
)
def test_what_is_no_contradiction(right: dict[str, list[bool]]) -> None:
    assert audited(right) == []


def test_samples_that_are_wrong_when_clean_or_lack_an_attack_say_nothing() -> None:
    clean = [True, True, False, False]
    one, other = attacked([False, True, False, False], clean, FGSM), attacked([False, True, True, True], clean, PGD)
    assert audit_records(pd.concat([one, other])) == []
    assert audit_records(pd.concat([attacked(ALL, [True] * 4, FGSM), attacked([True], [True], PGD).iloc[:0]])) == []


def test_one_sample_in_a_thousand_is_the_luck_of_a_random_start() -> None:
    right = [False] * 1000
    lucky = [True, *right[1:]]
    records = pd.concat([attacked(right, [True] * 1000, FGSM), attacked(lucky, [True] * 1000, PGD)])
    assert audit_records(records) == []


def test_models_are_audited_apart() -> None:
    fgsm, pgd = attacked(ALL, [True] * 4, FGSM), attacked(NONE, [True] * 4, PGD)
    assert audit_records(pd.concat([fgsm, pgd.assign(model="other")])) == []
    twice = pd.concat([frame.assign(model=model) for frame in (fgsm, pgd) for model in ("b", "a")])
    assert [finding.model for finding in audit_records(twice)] == ["a", "b"]


# Probes

HALVES = Preprocessing(8, 8, "bicubic", "center", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class Net(nn.Module):
    """A linear network of normalised pixels; change(logits) is what is wrong with it."""

    def __init__(self, change: Callable[[Tensor], Tensor] = lambda logits: logits, classes: int = 10) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 8 * 8, classes, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(classes, 192, generator=torch.Generator().manual_seed(0)))
        self.change = change

    def forward(self, images: Tensor) -> Tensor:
        return self.change(self.layer(images.flatten(1)))


def classifier(module: nn.Module, preprocessing: Preprocessing = HALVES) -> ModuleClassifier:
    return ModuleClassifier(module, preprocessing, torch.device("cpu"), "fp32")


def pictures(count: int = 20) -> Tensor:
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(3))


def probed(network: ModuleClassifier) -> list[str]:
    labels = network(pictures()).argmax(1)
    return [finding.name for finding in audit_classifier("m", network, pictures(), labels)]


def masked(logits: Tensor) -> Tensor:
    """Zero gradients for the images whose first logit is positive."""
    return torch.where(logits[:, :1] > 0, logits.detach(), logits)


def broken_slope(logits: Tensor) -> Tensor:
    """The same numbers, by way of a root whose slope is infinite at 0: its gradient is NaN."""
    return logits + ((logits - logits) ** 2).sqrt()


@pytest.mark.parametrize(
    ("names", "change"),
    [
        ([], lambda logits: logits),
        (["stochastic"], lambda logits: logits + 0.1 * torch.rand_like(logits)),
        (["stochastic"], lambda logits: F.pad(logits + 0.1 * torch.rand_like(logits), (0, 1), value=NEVER)),
        (["probabilities"], lambda logits: (0.1 * logits).softmax(1)),
        (["saturated", "zero-gradients"], lambda logits: 100 * logits),
        (["zero-gradients"], masked),
        (["gradients-not-finite"], broken_slope),
    ],
)
def test_networks_that_attacks_cannot_be_trusted_on(names: list[str], change: Callable[[Tensor], Tensor]) -> None:
    assert probed(classifier(Net(change))) == names


def test_a_network_in_train_mode() -> None:
    network = classifier(Net())
    network.module.layer.train()
    labels = network(pictures()).argmax(1)
    (finding,) = audit_classifier("m", network, pictures(), labels)
    assert finding == Finding("train-mode", "m", finding.text, "error")
    assert "1 modules are in train mode, first layer" in finding.text


def test_fewer_classes_than_dlr_needs() -> None:
    assert probed(classifier(Net(classes=3))) == ["few-classes"]
    assert probed(classifier(Net(classes=4))) == []


class Normalised(nn.Module):
    """A module that normalises its pixels by itself."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Tensor) -> Tensor:
        return self.module((images - 0.5) / 0.5)


def test_pixels_that_are_normalised_twice(bundled: Model, photographs: datasets.Batch) -> None:
    images, labels = photographs.views[0].float() / 255, photographs.labels
    module = Normalised(bundled.classifier.module)  # type: ignore[attr-defined]
    victim = ModuleClassifier(module, bundled.preprocessing, torch.device("cpu"), "fp32")
    (finding,) = audit_classifier("m", victim, images, labels, bundled.preprocessing, differentiable=False)
    assert (finding.name, finding.severity) == ("normalised-twice", "error")
    assert finding.text.startswith("18 of 20 images are right instead of 16 without the normalisation")


def test_an_attack_that_stops_too_early() -> None:
    network, images = classifier(Net()), pictures(60)
    labels = network(images).argmax(1)
    short = attack_condition("pgd", eps="40/255", steps=2, step_size="0.5/255")
    (finding,) = audit_steps("m", network, images, labels, short, seed=0)
    assert (finding.name, finding.severity) == ("not-converged", "warning")
    assert finding.text.startswith(f"{short.key} fools ")
    assert audit_steps("m", network, images, labels, attack_condition("pgd", eps="4/255", steps=20), seed=0) == []


def test_weights_that_changed() -> None:
    module = nn.BatchNorm2d(3)
    before = weights_hash(module)
    assert compare_weights("m", before, weights_hash(module)) == []
    module.train()(pictures())
    (finding,) = compare_weights("m", before, weights_hash(module))
    assert (finding.name, finding.severity) == ("weights-changed", "error")


# The bundled model


def test_nothing_is_found_in_the_bundled_model(bundled: Model, photographs: datasets.Batch) -> None:
    images, labels = photographs.views[0].float() / 255, photographs.labels
    assert audit_classifier("m", bundled.classifier, images, labels, bundled.preprocessing) == []
    assert compare_weights("m", *[weights_hash(bundled.classifier.module)] * 2) == []  # type: ignore[attr-defined]


def attacks_on(model: Model, batch: Selection, conditions: list[Condition]) -> pd.DataFrame:
    images, judge = batch.views[0].float() / 255, model.classifier
    with torch.no_grad():
        logits = judge(images)
    clean, tables = IMAGENET.judge(logits, batch.labels), []
    for condition in conditions:
        starts = [generator(0, condition.key, sample) for sample in batch.sample_ids]
        seen = (images, batch.labels, clean, logits, IMAGENET)
        assault = Assault(*seen, lambda x: judge(x).detach(), Victim(judge), starts)
        tables.append(rows("m", "adversarial", "imagenet", condition, batch, assaulted(assault, condition)).to_pandas())
    return pd.concat(tables)


def test_nothing_is_found_in_attacks_on_the_bundled_model(bundled: Model, photographs: datasets.Batch) -> None:
    some = Selection((photographs.views[0][:8],), photographs.labels[:8], photographs.sample_ids[:8])
    conditions = [
        *(attack_condition("pgd", eps=eps, steps=8) for eps in ("1/255", "2/255", "0.5")),
        attack_condition("fgsm", eps="1/255"),
        attack_condition("noise", eps="1/255", draws=2),
        attack_condition("square", eps="1/255", queries=5),
    ]
    assert audit_records(attacks_on(bundled, some, conditions)) == []
