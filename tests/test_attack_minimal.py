"""Attacks that seek the nearest adversarial image, where its distance is known, and beside foolbox's."""

import warnings

import pytest
import torch
from conftest import Linear
from torch import Tensor
from torch.nn import functional as F

import datasets
from robustness.attacks import ATTACKS, NORMS, Goal, Perturbed, Victim, attack_condition, build, defaults
from robustness.attacks.boundary import DUAL
from robustness.condition import Condition
from robustness.errors import UsageError
from robustness.models import Model
from robustness.seeds import generator

KINDS = [("deepfool", "l2"), ("deepfool", "linf"), ("fmn", "linf"), ("fmn", "l2"), ("fmn", "l1"), ("cw", "l2")]
QUICK: dict[str, dict[str, int]] = {"cw": {"steps": 200}}
every_kind = pytest.mark.parametrize(("name", "norm"), KINDS)


def condition(name: str, norm: str, **params: int) -> Condition:
    return attack_condition(name, norm=norm, **QUICK.get(name, {}) | params)


def attack(wanted: Condition, classifier: Linear, images: Tensor, goal: Goal) -> Perturbed:
    generators = [generator(0, wanted.key, str(i)) for i in range(len(images))]
    return build(wanted)(Victim(classifier), images, goal, generators)


def greys(classifier: Linear, norm: str = "l2") -> tuple[Tensor, Tensor]:
    """Images whose nearest adversarial images are within the pixel range, and what they are classified as."""
    contrast = 0.1 if norm == "l1" else 0.4  # in L1 one value takes all of the change
    images = 0.5 + contrast * (torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1)) - 0.5)
    return images, classifier(images).argmax(1)


def known_distance(classifier: Linear, images: Tensor, labels: Tensor, norm: str) -> Tensor:
    """The smallest margin over the dual norm of its slope, of all classes beside the label."""
    logits, weight = classifier(images), classifier.weight
    margins = logits.gather(1, labels[:, None]) - logits
    slopes = weight[labels][:, None] - weight[None]
    distances = margins / NORMS[DUAL[norm]].distance(slopes.flatten(0, 1)).view_as(margins).clamp_min(1e-12)
    return distances.scatter(1, labels[:, None], torch.inf).amin(1)


@every_kind
def test_the_known_distance_is_found_within_five_per_cent(name: str, norm: str, linear: Linear) -> None:
    images, labels = greys(linear, norm)
    found = attack(condition(name, norm), linear, images, Goal(labels))
    assert (linear(found.images).argmax(1) != labels).all()
    ratio = NORMS[norm].distance(found.images - images) / known_distance(linear, images, labels, norm)
    assert (ratio <= 1.05).all()
    assert (ratio >= 1 - 1e-4).all()


@every_kind
def test_a_tie_is_left(name: str, norm: str, linear: Linear) -> None:
    images = torch.full((2, 3, 8, 8), 0.5)  # of all logits, so that the first decides
    goal = Goal(linear(images).argmax(1))
    assert (linear(images) == 0).all()
    assert goal.reached(linear(attack(condition(name, norm), linear, images, goal).images)).all()


@every_kind
def test_a_target_is_hit_from_nearly_as_near_as_by_the_others(name: str, norm: str, linear: Linear) -> None:
    images, labels = greys(linear, norm)
    targets = (labels + 1) % 10
    found = attack(condition(name, norm), linear, images, Goal(labels, targets))
    assert torch.equal(linear(found.images).argmax(1), targets)
    beside = attack(condition("fmn", norm, steps=300), linear, images, Goal(labels, targets))
    near, far = (NORMS[norm].distance(each.images - images) for each in (beside, found))
    assert (far <= (2 if name == "deepfool" else 1.1) * near).all()


@every_kind
def test_the_original_is_returned_where_nothing_is_found(name: str, norm: str, linear: Linear) -> None:
    linear.weight = torch.zeros_like(linear.weight)  # all logits are 0 and no pixel moves them: class 0 it is
    images, labels = torch.rand(2, 3, 8, 8), torch.zeros(2, dtype=torch.int64)
    found = attack(condition(name, norm, steps=5), linear, images, Goal(labels))
    assert torch.equal(found.images, images)
    assert (found.backward >= 5).all()


@every_kind
def test_edges_of_the_pixel_range_are_respected(name: str, norm: str, linear: Linear) -> None:
    images = (2 * torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(2)) - 0.5).clamp(0, 1)
    labels = linear(images).argmax(1)
    found = attack(condition(name, norm), linear, images, Goal(labels))
    assert found.images.min() >= 0 and found.images.max() <= 1
    moved = (found.images != images).flatten(1).any(1)
    assert moved.any()
    assert torch.equal(linear(found.images).argmax(1) != labels, moved)


def test_fmn_takes_every_step_and_more_steps_come_nearer(linear: Linear) -> None:
    images, labels = greys(linear)
    few, many = (attack(condition("fmn", "l2", steps=steps), linear, images, Goal(labels)) for steps in (8, 80))
    assert (few.forward == 8).all() and (many.backward == 80).all()
    near, far = (NORMS["l2"].distance(each.images - images) for each in (many, few))
    assert (near < far).all()


def test_deepfool_needs_one_step_on_what_is_linear_and_ranks_the_classes_once(linear: Linear) -> None:
    images, labels = greys(linear)
    found = attack(condition("deepfool", "l2"), linear, images, Goal(labels))
    assert (found.backward == 9).all()  # one for each class but the label
    assert (found.forward == 1 + 9 + 1).all()
    fewer = attack(condition("deepfool", "l2", classes=3), linear, images, Goal(labels))
    assert (fewer.backward == 2).all()


def test_cw_gives_up_early_and_finds_the_constant_by_itself(linear: Linear) -> None:
    images, labels = greys(linear)
    found = attack(attack_condition("cw", steps=200, initial_const=1e-6), linear, images, Goal(labels))
    assert (found.forward < 9 * 200).all()
    assert (linear(found.images).argmax(1) != labels).all()
    ratio = NORMS["l2"].distance(found.images - images) / known_distance(linear, images, labels, "l2")
    assert (ratio <= 1.3).all()  # some rounds of the search went into finding the size of the constant


def test_they_have_no_radius_and_say_which_norms_they_have(linear: Linear) -> None:
    images, labels = greys(linear)
    for name in ("deepfool", "fmn", "cw"):
        assert "eps" not in defaults(name) and name in ATTACKS
        with pytest.raises(UsageError, match="no parameter eps"):
            attack_condition(name, eps="1/255")
    with pytest.raises(UsageError, match="attack deepfool has no norm l1; it has l2 and linf"):
        attack(condition("deepfool", "l1"), linear, images, Goal(labels))
    with pytest.raises(UsageError, match="attack cw has no norm linf; it has l2"):
        attack(condition("cw", "linf"), linear, images, Goal(labels))


@pytest.mark.parametrize(("norm", "theirs"), [("linf", "LInfFMNAttack"), ("l2", "L2FMNAttack")])
def test_fmn_comes_as_near_as_foolboxs(bundled: Model, photographs: datasets.Batch, norm: str, theirs: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import foolbox
    where = torch.tensor([0, 2])
    images, labels = photographs.views[0][where].float() / 255, photographs.labels[where]
    found = attack(condition("fmn", norm, steps=15), bundled.classifier, images, Goal(labels))  # type: ignore[arg-type]
    assert (bundled.classifier(found.images).argmax(1) != labels).all()
    module = bundled.classifier.module  # type: ignore[attr-defined]
    model = foolbox.PyTorchModel(module, bounds=(0, 1), preprocessing={"mean": 0.5, "std": 0.5}, device="cpu")
    other = getattr(foolbox.attacks, theirs)(steps=15).run(model, images, foolbox.criteria.Misclassification(labels))
    near, far = (NORMS[norm].distance(each - images) for each in (found.images, other))
    assert (near <= 1.05 * far).all()
    assert F.mse_loss(found.images, images) > 0
