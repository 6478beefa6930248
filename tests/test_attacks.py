"""Contracts that every attack keeps, and the attacks' own papers in closed form."""

import inspect

import pytest
import torch
from conftest import Linear
from torch import Tensor
from torch.nn import functional as F

import datasets
from robustness.attacks import (
    AT_THE_BOUNDARY,
    ATTACKS,
    NORMS,
    Goal,
    Perturbed,
    Victim,
    attack_condition,
    build,
    defaults,
    target_rule,
)
from robustness.attacks.attack import HAS_NORMS
from robustness.attacks.losses import cross_entropy
from robustness.errors import UsageError
from robustness.models import Model
from robustness.scoring import NEVER
from robustness.seeds import generator

every_attack = pytest.mark.parametrize("name", ATTACKS)
# along the gradient, within a radius; MI-FGSM's steps come to eps in all, too few to end in a corner of the L1 ball
every_ascent = pytest.mark.parametrize(
    ("name", "norm"),
    [(name, norm) for name in ("fgsm", "mifgsm", "pgd") for norm in NORMS if (name, norm) != ("mifgsm", "l1")],
)


def images_and_labels(classifier: Linear, count: int = 6) -> tuple[Tensor, Tensor]:
    images = 0.4 + 0.2 * torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return images, classifier(images).argmax(1)


def attack(name: str, classifier: Linear, images: Tensor, labels: Tensor, seed: int = 0, **params: object) -> Perturbed:
    generators = [generator(seed, name, str(i)) for i in range(len(images))]
    return build(attack_condition(name, **params))(Victim(classifier), images, Goal(labels), generators)  # type: ignore[arg-type]


QUICK: dict[str, dict[str, object]] = {  # parameters that save time
    "spatial": {"angles": 3, "shifts": 3},
    "square": {"queries": 200},
    "cw": {"steps": 30, "binary_search_steps": 4},
}


def settings(name: str, **wanted: object) -> dict[str, object]:
    """Choose what attack `name` has of the parameters wanted."""
    return QUICK.get(name, {}) | {key: value for key, value in wanted.items() if key in defaults(name)}


@pytest.mark.parametrize(
    ("name", "norm"), [(a, n) for a in ATTACKS for n in (NORMS if "norm" in defaults(a) else [""])]
)
def test_contract(name: str, norm: str, linear: Linear) -> None:
    images, labels = images_and_labels(linear)
    kept = images.clone(), labels.clone()
    params = settings(name, norm=norm, eps="0.03")
    try:
        found = attack(name, linear, images, labels, **params)
    except UsageError as refusal:
        pytest.skip(str(refusal))
    assert torch.equal(images, kept[0])
    assert torch.equal(labels, kept[1])
    assert found.images.shape == images.shape
    assert found.images.dtype == images.dtype
    assert not found.images.requires_grad
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    if "eps" in params:
        assert NORMS[norm].distance(found.images - images).max() <= 0.03 + 1e-6
    assert found.forward.shape == (len(images),)
    assert (found.forward >= 1).all()
    again = attack(name, linear, images, labels, **params)
    assert torch.equal(found.images, again.images)


@pytest.mark.parametrize("name", HAS_NORMS)
def test_a_norm_that_an_attack_lacks_is_refused_before_and_by_the_attack_itself(name: str, linear: Linear) -> None:
    images, labels = images_and_labels(linear)
    lacking = set(NORMS) - set(HAS_NORMS[name])
    assert lacking
    for norm in lacking:
        with pytest.raises(UsageError, match=f"attack {name} has no norm {norm}; it has "):
            attack_condition(name, norm=norm)
        with pytest.raises(UsageError, match=f"attack {name} has no norm {norm}; it has "):
            ATTACKS[name](Victim(linear), images, Goal(labels), [generator(0, name, "0")] * 6, norm=norm)


@every_attack
def test_an_image_does_not_depend_on_its_batch_mates(name: str, linear: Linear) -> None:
    images, labels = images_and_labels(linear)
    condition = attack_condition(name, **settings(name, eps="0.01"))  # type: ignore[arg-type]
    together = build(condition)(Victim(linear), images, Goal(labels), [generator(0, name, str(i)) for i in range(6)])
    for i in range(6):
        alone = build(condition)(
            Victim(linear), images[i : i + 1], Goal(labels[i : i + 1]), [generator(0, name, str(i))]
        )
        assert torch.allclose(alone.images[0], together.images[i], atol=1e-6)
        assert alone.forward[0] == together.forward[i]


@every_attack
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_runs_on_the_device_of_the_images(name: str, linear: Linear) -> None:
    images, labels = images_and_labels(linear)
    linear.weight = linear.weight.cuda()
    found = attack(name, linear, images.cuda(), labels.cuda(), **settings(name, eps="0.02"))
    assert found.images.is_cuda


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in AT_THE_BOUNDARY])
def test_where_another_network_decides_an_attack_goes_on_to_its_end(name: str, linear: Linear) -> None:
    images, labels = images_and_labels(linear)
    other = Linear(size=8)
    other.weight = linear.weight + 0.7 * Linear(seed=1).weight
    condition = attack_condition(name, **settings(name, eps="0.05"))  # type: ignore[arg-type]
    found = {
        elsewhere: build(condition)(
            Victim(linear), images, Goal(labels, elsewhere=elsewhere), [generator(0, name, str(i)) for i in range(6)]
        )
        for elsewhere in (False, True)
    }
    assert (found[True].forward == found[True].forward[0]).all() and (found[True].forward >= found[False].forward).all()
    lead = {key: other(one.images).gather(1, labels[:, None]).squeeze() for key, one in found.items()}
    if len(set(found[False].forward.tolist())) > 1:  # some were let go early
        assert lead[True].mean() < lead[False].mean()


def two_classes(classifier: Linear) -> Linear:
    classifier.weight = classifier.weight[:2]
    return classifier


@every_ascent
def test_a_linear_classifier_of_two_classes_is_attacked_as_well_as_can_be(name: str, norm: str, linear: Linear) -> None:
    """The margin w·x falls by eps times the dual norm of w, and by no more, whatever the attack."""
    classifier = two_classes(linear)
    images, labels = images_and_labels(classifier)
    difference = classifier.weight[0] - classifier.weight[1]
    dual = {"linf": difference.abs().sum(), "l2": difference.norm(), "l1": difference.abs().max()}[norm]
    eps = {"linf": 0.0002, "l2": 0.002, "l1": 0.005}[norm]  # too small to fool, so that the whole budget is spent

    def margin(pixels: Tensor) -> Tensor:
        return F.one_hot(labels, 2).mul(2).sub(1).mul(classifier(pixels)).sum(1)

    found = attack(name, classifier, images, labels, norm=norm, eps=str(eps))
    assert (margin(found.images) > 0).all()
    assert torch.allclose(margin(images) - margin(found.images), eps * dual.expand(6), rtol=1e-3)


def test_pgd_stops_at_the_first_success_and_counts_what_it_used(linear: Linear) -> None:
    images, labels = images_and_labels(linear)
    easy, hard = (attack("pgd", linear, images, labels, eps=eps, steps=7) for eps in ("0.5", "0.0001"))
    assert (linear(easy.images).argmax(1) != labels).all()
    assert (easy.forward <= 7).all()
    assert easy.forward.sum() < hard.forward.sum() == 6 * 7
    again = attack("pgd", linear, images, labels, eps="0.5", steps=7, restarts=3)  # nobody is left for the second
    assert torch.equal(again.images, easy.images)
    assert torch.equal(again.forward, easy.forward)


def test_restarts_only_help(bundled: Model, photographs: datasets.Batch) -> None:
    where = torch.tensor([0, 2, 5])
    images, labels = photographs.views[0][where].float() / 255, photographs.labels[where]
    survivors = []
    for restarts in (1, 3):
        condition = attack_condition("pgd", eps="0.1/255", steps=2, restarts=restarts)
        found = build(condition)(
            Victim(bundled.classifier), images, Goal(labels), [generator(0, "pgd", str(i)) for i in where]
        )
        survivors.append(bundled.classifier(found.images).argmax(1) == labels)
        assert (found.forward <= restarts * 3).all()
    assert not (survivors[1] & ~survivors[0]).any()


def test_the_gradient_is_of_each_image_alone(linear: Linear) -> None:
    images, labels = images_and_labels(linear)
    logits, losses, gradient = Victim(linear, batch_size=4).gradient(images, cross_entropy, Goal(labels))
    assert torch.allclose(losses, F.cross_entropy(linear(images), labels, reduction="none"))
    probabilities = logits.softmax(1) - F.one_hot(labels, 10)
    assert torch.allclose(gradient.flatten(1), probabilities @ linear.weight, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("fgsm", {"steps": 3}, "attack fgsm has no parameter steps; it has norm, eps"),
        ("pgd", {"steps": 0}, "steps 0 of attack pgd is not at least 1"),
        ("pgd", {"eps": "4"}, r"did you mean 4/255\?"),
        ("pgd", {"step_size": "-1/255"}, "no length"),
        ("pgd", {"norm": "l3"}, "unknown norm 'l3'"),
        ("gpd", {}, r"unknown attack 'gpd'; did you mean pgd\?"),
    ],
)
def test_parameters_that_make_no_sense(name: str, params: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        attack_condition(name, **params)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rule", "targets"), [("least-likely", {2}), ("runner-up", {3}), ("random", {2, 3})])
def test_no_target_is_a_class_that_the_network_does_not_know(rule: str, targets: set[int]) -> None:
    logits, labels = torch.tensor([[NEVER, 2.0, -1.0, 1.0, NEVER]] * 50), torch.ones(50, dtype=torch.int64)
    found = target_rule(rule)(logits, labels, [generator(0, rule, str(i)) for i in range(50)])
    assert set(found.tolist()) == targets


def test_keys_name_what_was_chosen() -> None:
    assert attack_condition("fgsm").key == "fgsm(norm=linf,eps=4/255)"
    assert attack_condition("pgd", eps=0.5 / 255, restarts=5).key == "pgd(norm=linf,eps=0.5/255,steps=40,restarts=5)"
    assert attack_condition("pgd", step_size="1/255", norm="l2", eps="3").key.endswith("steps=40,step_size=0.00392157)")


def test_attacks_take_an_attacks_arguments() -> None:
    for entry in ATTACKS.values():
        kinds = [p.kind.name for p in inspect.signature(entry).parameters.values()]
        assert kinds[:4] == ["POSITIONAL_OR_KEYWORD"] * 4
        assert set(kinds[4:]) == {"KEYWORD_ONLY"}
