"""Single-step and projected attacks against others' code; momentum, motions, patches and noise by their own rules."""

import warnings
from collections.abc import Callable, Sequence

import pytest
import torch
from conftest import Linear
from torch import Tensor, nn

import datasets
from robustness.attacked import Assault, attacked
from robustness.attacks import (
    GRADIENT_FREE,
    Goal,
    Perturbed,
    Victim,
    as_pixels,
    ascent,
    attack_condition,
    build,
    canonical,
    defaults,
)
from robustness.attacks.spatial import grid, move
from robustness.errors import UsageError
from robustness.models import Model
from robustness.scoring import IMAGENET
from robustness.seeds import generator

LINF = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of 1/255
L2 = (0.25, 0.5, 1.0, 3.0)
Pictures = tuple[Tensor, Tensor, Tensor]  # images, labels, which are right when clean


class Whole(nn.Module):
    """The bundled model as others' code wants it: normalisation inside, gradients contiguous."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.classifier = model.classifier
        self.module = model.classifier.module  # type: ignore[attr-defined]

    def forward(self, images: Tensor) -> Tensor:
        if images.requires_grad:
            images = images * 1
            images.register_hook(lambda gradient: gradient.contiguous())
        return self.classifier(images)


@pytest.fixture(scope="module")
def whole(bundled: Model) -> Whole:
    return Whole(bundled).eval()


@pytest.fixture(scope="module")
def pictures(whole: Whole, photographs: datasets.Batch) -> Pictures:
    images, labels = photographs.views[0].float() / 255, photographs.labels
    with torch.no_grad():
        return images, labels, whole(images).argmax(1) == labels


def pixels(classifier: Callable[[Tensor], Tensor], count: int) -> tuple[Tensor, Tensor]:
    images = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return images, classifier(images).argmax(1)


def attack(
    classifier: Callable[[Tensor], Tensor], name: str, images: Tensor, goal: Goal, **params: object
) -> Perturbed:
    generators = [generator(0, name, str(i)) for i in range(len(images))]
    return build(attack_condition(name, **params))(Victim(classifier, 20), images, goal, generators)  # type: ignore[arg-type]


def ours(whole: Whole, pictures: Pictures, name: str, **params: object) -> Tensor:
    """Which pictures are right when clean and attacked: bool [20]."""
    images, labels, right = pictures
    robust = right.clone()
    found = attack(whole, name, images[right], Goal(labels[right]), **params)
    with torch.no_grad():
        robust[right] = whole(found.images).argmax(1) == labels[right]
    return robust


def foolboxs(whole: Whole, pictures: Pictures, attack_name: str, eps: Sequence[float], **params: object) -> Tensor:
    """Which pictures survive foolbox's attack at each eps: bool [E,20]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import foolbox
    images, labels, _ = pictures
    model = foolbox.PyTorchModel(whole, bounds=(0, 1), device="cpu")
    _, _, fooled = getattr(foolbox.attacks, attack_name)(**params)(model, images, labels, epsilons=list(eps))
    return ~fooled


def torchattackss(whole: Whole, pictures: Pictures, attack_name: str, **params: object) -> Tensor:
    """Which pictures survive torchattacks' attack: bool [20]."""
    torchattacks = pytest.importorskip("torchattacks", reason="a peer that is not required: pip install torchattacks")
    images, labels, _ = pictures
    adversarial = getattr(torchattacks, attack_name)(whole, **params)(images, labels)
    with torch.no_grad():
        return whole(adversarial).argmax(1) == labels


def test_fgsm_leaves_the_survivors_that_foolbox_and_torchattacks_leave(whole: Whole, pictures: Pictures) -> None:
    survivors = torch.stack([ours(whole, pictures, "fgsm", eps=f"{eps}/255") for eps in LINF])
    assert survivors.sum(1).tolist() == [9, 4, 3, 2, 2, 3]
    assert torch.equal(survivors, foolboxs(whole, pictures, "LinfFastGradientAttack", [eps / 255 for eps in LINF]))
    for eps, ours_left in zip(LINF, survivors, strict=True):
        assert torch.equal(ours_left, torchattackss(whole, pictures, "FGSM", eps=eps / 255))


def test_fgsm_in_l2_leaves_the_survivors_that_foolbox_leaves(whole: Whole, pictures: Pictures) -> None:
    survivors = torch.stack([ours(whole, pictures, "fgsm", norm="l2", eps=str(eps)) for eps in L2])
    assert survivors.sum(1).tolist() == [9, 6, 3, 2]
    assert torch.equal(survivors[::3], foolboxs(whole, pictures, "L2FastGradientAttack", L2[::3]))


@pytest.mark.parametrize(
    ("norm", "eps", "known", "foolbox_name", "torchattacks_name"),
    [
        ("linf", "0.5/255", 2, "LinfProjectedGradientDescentAttack", "PGD"),
        ("linf", "4/255", 0, "LinfProjectedGradientDescentAttack", "PGD"),
        ("l2", "0.5", 1, "L2ProjectedGradientDescentAttack", "PGDL2"),
    ],
)
def test_pgd_leaves_no_survivor_that_others_fool(
    whole: Whole, pictures: Pictures, norm: str, eps: str, known: int, foolbox_name: str, torchattacks_name: str
) -> None:
    """The peers work on our survivors alone, which is enough: they take minutes for all pictures."""
    survivors = ours(whole, pictures, "pgd", norm=norm, eps=eps)
    assert survivors.sum() <= known
    if survivors.any():
        left: Pictures = tuple(part[survivors] for part in pictures)  # type: ignore[assignment]
        radius = as_pixels(eps)
        assert foolboxs(whole, left, foolbox_name, [radius], steps=40, rel_stepsize=0.25).all()
        assert torchattackss(whole, left, torchattacks_name, eps=radius, alpha=radius / 4, steps=40).all()


def test_pgd_in_l1_fools_more_by_sparse_steps_than_by_single_values_or_all(
    whole: Whole, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    some: Pictures = tuple(part[10:] for part in pictures)  # type: ignore[assignment]
    robust = {}
    for share in (ascent.SPREAD, 0.0, 1.0):
        monkeypatch.setattr(ascent, "SPREAD", share)
        robust[share] = ours(whole, some, "pgd", norm="l1", eps="20", steps=7).sum().item()
    assert robust[0.01] <= 4 < 7 <= min(robust[0.0], robust[1.0])


def test_pgd_in_l1_ends_at_the_steepest_value_of_a_large_linear_classifier() -> None:
    classifier = Linear(classes=2, size=48)  # 6912 values, of which a step moves 69
    images = 0.4 + 0.2 * torch.rand(4, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    labels = classifier(images).argmax(1)
    found = attack(classifier, "pgd", images, Goal(labels), norm="l1", eps="0.01")
    slopes = (classifier.weight[0] - classifier.weight[1]).abs()
    moved = ((found.images - images).abs().flatten(1) * slopes).sum(1)
    assert (moved >= 0.01 * slopes.max() * 0.999).all()


@pytest.mark.parametrize("name", ["fgsm", "mifgsm", "pgd"])
@pytest.mark.parametrize(("norm", "eps"), [("linf", "0.1"), ("l2", "1"), ("l1", "12")])
def test_every_image_may_be_let_go(name: str, norm: str, eps: str, linear: Linear) -> None:
    images, labels = pixels(linear, 6)
    found = attack(linear, name, images, Goal(labels), norm=norm, eps=eps)
    assert (linear(found.images).argmax(1) != labels).all()


@pytest.mark.parametrize(
    ("text", "norm", "written"),
    [
        ("255", "l1", "255"),
        ("24/2", "l1", "12"),
        ("0.50", "l2", "0.5"),
        ("1/255", "linf", "1/255"),
        ("1e-8", "linf", "2.55e-06/255"),
    ],
)
def test_radii_are_written_in_one_way(text: str, norm: str, written: str) -> None:
    assert canonical(text, norm) == written


@pytest.mark.parametrize(("text", "norm"), [("150529", "l1"), ("0", "l1"), ("-3", "l1"), ("389", "l2"), ("12", "linf")])
def test_radii_that_no_two_images_are_apart(text: str, norm: str) -> None:
    with pytest.raises(UsageError, match=f"is no length for norm {norm}"):
        canonical(text, norm)


@pytest.mark.parametrize("name", ["fgsm", "mifgsm", "pgd", "patch", "noise", "spatial"])
def test_a_targeted_attack_goes_for_its_target(name: str, linear: Linear) -> None:
    images, labels = pixels(linear, 6)
    targets = linear(images).topk(2).indices[:, 1]
    wanted = {"eps": "0.3", "draws": 3, "area": 0.5, "angles": 5, "shifts": 3}
    params = {key: value for key, value in wanted.items() if key in defaults(name)}
    before = linear(images).log_softmax(1).gather(1, targets[:, None])
    found = attack(linear, name, images, Goal(labels, targets), **params)
    after = linear(found.images).log_softmax(1).gather(1, targets[:, None])
    hit = linear(found.images).argmax(1) == targets
    if name in GRADIENT_FREE:
        assert (after > before).sum() >= 3
    else:
        assert hit.all()


def test_success_of_a_targeted_attack_is_the_target_hit_and_not_the_label_lost() -> None:
    classifier = Linear(classes=1000)
    images, labels = pixels(classifier, 12)
    for name in ("fgsm", "mifgsm", "pgd"):
        condition = attack_condition(name, eps="0.03", targeted="random")
        generators = [generator(0, name, str(i)) for i in range(len(images))]
        logits = classifier(images)
        seen = (images, labels, IMAGENET.judge(logits, labels), logits, IMAGENET)
        verdict = attacked(Assault(*seen, classifier, Victim(classifier), generators), condition)
        assert verdict.target is not None
        assert (verdict.target != labels).all()
        assert torch.equal(verdict.success, verdict.pred == verdict.target)
        assert (verdict.success <= ~verdict.correct).all()
        assert (~verdict.correct & ~verdict.success).any()  # lost the label to a class that was not asked for


@pytest.mark.parametrize(
    ("name", "params"), [("noise", {"draws": 3}), ("pgd", {"steps": 2, "restarts": 3}), ("patch", {"steps": 2})]
)
def test_draws_do_not_depend_on_the_batch(name: str, params: dict[str, object], linear: Linear) -> None:
    images, labels = pixels(linear, 20)
    if name != "patch":
        params = params | {"eps": "0.004"}  # so that some are fooled on the way and some never

    def batched(size: int, where: Sequence[int]) -> Tensor:
        condition = attack_condition(name, **params)  # type: ignore[arg-type]
        generators = [generator(0, condition.key, str(i)) for i in where]
        victim = Victim(linear, size, padded=size == 5)
        return build(condition)(victim, images[list(where)], Goal(labels[list(where)]), generators).images

    whole = batched(20, range(20))
    assert torch.equal(batched(1, range(20)), whole)
    assert torch.equal(batched(5, range(20)), whole)
    assert torch.equal(batched(20, range(7, 11)), whole[7:11])
    assert torch.equal(batched(20, [11, 3]), whole[[11, 3]])


class Curved(nn.Module):
    """A small network with gradients that turn, and so sure of class 0 that small changes do not fool it."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Parameter(torch.randn(192, 64, generator=generator) * 3)
        self.second = nn.Parameter(torch.randn(64, 5, generator=generator) * 0.2)

    def forward(self, images: Tensor) -> Tensor:
        return ((images - 0.5).flatten(1) @ self.first).sin() @ self.second + torch.tensor([9.0, 0, 0, 0, 0])


def agreement(one: Tensor, other: Tensor) -> float:
    """The share of equal values: rounding may turn the sign of a tiny slope."""
    return torch.isclose(one, other, rtol=0, atol=1e-6).float().mean().item()


def test_mifgsm_follows_the_papers_algorithm() -> None:
    network = Curved()
    images, labels = pixels(network, 8)
    eps, steps, decay = 0.004, 10, 1.0
    iterate, momentum, turned = images, torch.zeros_like(images), False
    for _ in range(steps):  # algorithm 1, with the loss summed
        iterate = iterate.detach().requires_grad_(True)
        loss = nn.functional.cross_entropy(network(iterate), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, iterate)
        momentum = decay * momentum + gradient / gradient.abs().sum((1, 2, 3), keepdim=True)
        turned |= bool((momentum.sign() != gradient.sign()).any())
        iterate = (iterate + eps / steps * momentum.sign()).clamp(0, 1)
    found = attack(network, "mifgsm", images, Goal(labels), eps=str(eps))
    assert turned
    assert torch.equal(found.forward, torch.full((8,), steps))
    assert agreement(found.images, iterate) > 0.995


def test_mifgsm_agrees_with_torchattacks() -> None:
    torchattacks = pytest.importorskip("torchattacks", reason="a peer that is not required: pip install torchattacks")
    network = Curved()
    images, labels = pixels(network, 8)
    eps = 0.004
    theirs = torchattacks.MIFGSM(network, eps=eps, alpha=eps / 10, steps=10, decay=1.0)(images, labels)
    found = attack(network, "mifgsm", images, Goal(labels), eps=str(eps))
    assert torch.equal(found.forward, torch.full((8,), 10))
    assert agreement(found.images, theirs) > 0.995


@pytest.mark.parametrize("name", ["noise", "spatial"])
def test_no_gradient_is_asked_for(name: str, linear: Linear) -> None:
    images, labels = pixels(linear, 4)
    found = attack(lambda pixels: linear(pixels).detach(), name, images, Goal(labels))
    assert name in GRADIENT_FREE
    assert not found.backward.any()


def test_noise_keeps_its_worst_draw(linear: Linear) -> None:
    images, labels = pixels(linear, 5)
    losses = []
    for draws in (1, 2, 4, 8):
        found = attack(linear, "noise", images, Goal(labels), eps="0.001", draws=draws)
        losses.append(nn.functional.cross_entropy(linear(found.images), labels, reduction="none"))
    rises = torch.stack(losses).diff(dim=0)
    assert (rises >= 0).all()
    assert (rises > 0).any()


@pytest.mark.parametrize("size", [(8, 8), (6, 10)])
def test_motions_of_whole_pixels_and_right_angles(size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    height, width = size
    assert torch.allclose(move(images, (0, 0, 0)), images, atol=1e-6)
    right = move(images, (0, 2 / width, 0))
    assert torch.allclose(right[..., 2:], images[..., :-2], atol=1e-5)
    assert not right[..., :2].any()
    down = move(images, (0, 0, 1 / height))
    assert torch.allclose(down[..., 1:, :], images[..., :-1, :], atol=1e-5)
    assert torch.allclose(move(images, (180, 0, 0)), images.flip(2, 3), atol=1e-5)
    middle = images[..., (width - height) // 2 :][..., :height] if width > height else images
    turned = move(images, (90, 0, 0))
    turned = turned[..., (width - height) // 2 :][..., :height] if width > height else turned
    assert torch.allclose(turned, middle.rot90(1, (2, 3)), atol=1e-5)  # counter-clockwise
    both = move(images, (90, 1 / width, 0))  # the rotation first, the shift along the result's own axes
    assert torch.allclose(both[..., 1:], move(images, (90, 0, 0))[..., :-1], atol=1e-5)


def test_the_grid_is_the_papers_with_the_largest_motions_first() -> None:
    motions = grid(30, 0.1, 31, 5)
    assert len(set(motions)) == 775
    assert {angle for angle, _, _ in motions[:8]} == {-30, 30}
    assert motions[-1] == pytest.approx((0, 0, 0))
    assert sorted({round(shift, 3) for _, shift, _ in motions}) == [-0.1, -0.05, 0, 0.05, 0.1]
    assert grid(30, 0.1, 1, 1) == [(0, 0, 0)]


def test_a_patch_changes_one_square_of_its_size_at_a_place_of_the_images_own(linear: Linear) -> None:
    images, labels = pixels(linear, 12)
    found = attack(linear, "patch", images, Goal(labels), area=0.14, steps=3)  # 3 x 3 of 8 x 8
    places = set()
    for changed in (found.images != images).any(1):
        rows, columns = changed.any(1).nonzero()[:, 0], changed.any(0).nonzero()[:, 0]
        assert changed.sum() == 9
        assert len(rows) == len(columns) == 3
        places.add((rows[0].item(), columns[0].item()))
    assert len(places) > 5


def test_a_patch_fools_the_bundled_model(whole: Whole, pictures: Pictures) -> None:
    some: Pictures = tuple(part[:6] for part in pictures)  # type: ignore[assignment]
    assert not ours(whole, some, "patch", steps=20).any()


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("noise", {"draws": 0}, "draws 0 of attack noise is not at least 1"),
        ("patch", {"area": 0.0}, "area 0.0 of attack patch is no share"),
        ("patch", {"area": 5.0}, "above 0 and at most 1"),
        ("spatial", {"angles": 0}, "at least one of each"),
        ("spatial", {"angle": 200.0}, "within 0 to 180 degrees"),
        ("spatial", {"shift": 24.0}, "shifts within 0 to 1"),
    ],
)
def test_parameters_that_make_no_sense(name: str, params: dict[str, object], sentence: str, linear: Linear) -> None:
    images, labels = pixels(linear, 2)
    with pytest.raises(UsageError, match=sentence):
        attack(linear, name, images, Goal(labels), **params)
