"""APGD, FAB, Square and AutoAttack against their papers, known optima and the original implementation."""

import copy
import itertools
from functools import partial

import numpy as np
import pytest
import torch
from conftest import Linear
from scipy.optimize import linprog
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from robustness.attacks import (
    ATTACKS,
    GRADIENT_FREE,
    NORMS,
    Goal,
    Perturbed,
    Victim,
    apgd,
    autoattack,
    fab,
    square,
    worst_case,
)
from robustness.attacks.losses import cross_entropy, difference_of_logits_ratio, lead_over_label, margin
from robustness.attacks.worst_case import Found, aims
from robustness.errors import UsageError
from robustness.seeds import generator

CLASSES = 6
both_norms = pytest.mark.parametrize("norm", ["linf", "l2"])


def draws(count: int, name: str = "auto") -> list[Generator]:
    return [generator(0, name, str(i)) for i in range(count)]


def run(name: str, victim: Victim, images: Tensor, goal: Goal, **params: object) -> Perturbed:
    return ATTACKS[name](victim, images, goal, draws(len(images)), **params)


def pictures(count: int, size: int = 8) -> Tensor:
    return 0.3 + 0.4 * torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def curved() -> nn.Module:
    """A small network without training, curved enough that no attack is done in one step."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(512, 32), nn.Tanh())
    network = nn.Sequential(layers, nn.Linear(32, CLASSES)).requires_grad_(False)
    for weight in network.parameters():
        weight.mul_(4)
    return network


# losses


def goals() -> tuple[Tensor, Goal, Goal]:
    logits = torch.randn(20, CLASSES, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(20) % CLASSES
    return logits, Goal(labels), Goal(labels, (labels + 1) % CLASSES)


def test_difference_of_logits_ratio_is_equations_6_and_7() -> None:
    logits, free, bound = goals()
    assert bound.targets is not None
    found, with_targets = difference_of_logits_ratio(logits, free), difference_of_logits_ratio(logits, bound)
    for row, (z, y, t) in enumerate(zip(logits.tolist(), free.labels.tolist(), bound.targets.tolist(), strict=True)):
        ordered = sorted(z, reverse=True)
        best_other = max(value for k, value in enumerate(z) if k != y)
        assert found[row] == pytest.approx(-(z[y] - best_other) / (ordered[0] - ordered[2]), rel=1e-5)
        spread = ordered[0] - (ordered[2] + ordered[3]) / 2
        assert with_targets[row] == pytest.approx(-(z[y] - z[t]) / spread, rel=1e-5)


def test_difference_of_logits_ratio_knows_neither_scale_nor_shift() -> None:
    logits, *both = goals()
    for goal in both:
        expected = difference_of_logits_ratio(logits, goal)
        assert torch.allclose(difference_of_logits_ratio(logits * 1000 + 7, goal), expected, rtol=1e-3)
        flat = torch.zeros(20, CLASSES, requires_grad=True)
        (gradient,) = torch.autograd.grad(difference_of_logits_ratio(flat, goal).sum(), flat)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(("name", "classes"), [("apgd-dlr", 2), ("apgd-t", 3)])
def test_difference_of_logits_ratio_needs_enough_classes(name: str, classes: int) -> None:
    images, classifier = pictures(1), Linear(classes)
    with pytest.raises(UsageError, match=f"needs {classes + 1} classes, and the model has {classes}"):
        run(name, Victim(classifier), images, Goal(classifier(images).argmax(1)))


def test_margins_are_positive_at_the_goal_alone() -> None:
    logits, free, bound = goals()
    for goal in (free, bound):
        assert torch.equal(margin(logits, goal) > 0, goal.reached(logits))
    assert bound.targets is not None
    rows = torch.arange(20)
    assert torch.equal(lead_over_label(logits, bound), logits[rows, bound.targets] - logits[rows, bound.labels])


def test_aims_are_the_likeliest_wrong_classes() -> None:
    logits, free, bound = goals()
    tried = torch.stack([aim.targets for aim in aims(logits, free) if aim.targets is not None])
    assert tried.shape == (CLASSES - 1, 20)
    for row in range(20):
        wrong = [k for k in logits[row].argsort(descending=True).tolist() if k != row % CLASSES]
        assert tried[:, row].tolist() == wrong
    assert len(aims(torch.randn(20, 30), free)) == 9
    assert aims(logits, bound) == [bound]


# closed forms


def nearest(classifier: Linear, images: Tensor, norm: str) -> Tensor:
    """Return how far each image is from the nearest of the planes that bound its class."""
    logits = classifier(images)
    labels = logits.argmax(1)
    gaps = logits.gather(1, labels[:, None]) - logits
    slopes = classifier.weight[labels][:, None] - classifier.weight
    lengths = slopes.abs().sum(2) if norm == "linf" else slopes.norm(dim=2)
    return (gaps / lengths).nan_to_num(torch.inf).amin(1)


@both_norms
@pytest.mark.parametrize("name", ["apgd-ce", "apgd-dlr", "apgd-t", "fab-t"])
def test_a_linear_classifier_is_fooled_from_the_distance_of_its_planes_on(name: str, norm: str, linear: Linear) -> None:
    images = pictures(3)
    labels, distances = linear(images).argmax(1), nearest(linear, images, norm)
    slack = 1.06 if name == "fab-t" else 1.02  # FAB goes 5 % beyond a plane
    for i, distance in enumerate(distances.tolist()):
        one, goal = images[i : i + 1], Goal(labels[i : i + 1])
        beyond = run(name, Victim(linear), one, goal, norm=norm, eps=distance * slack)
        within = run(name, Victim(linear), one, goal, norm=norm, eps=distance * 0.99, steps=12)
        # the cross-entropy climbs to a class that is likely, not to the one that is near
        assert goal.reached(linear(beyond.images)).all() or name == "apgd-ce"
        assert not goal.reached(linear(within.images)).any()
        assert NORMS[norm].distance(beyond.images - one) <= distance * slack + 1e-6


@both_norms
def test_apgd_spends_the_whole_radius(norm: str) -> None:
    """The best that can be done to the margin of two classes, w·x, is eps times the dual norm of w."""
    classifier, images, eps = Linear(2), pictures(4), {"linf": 0.0002, "l2": 0.002}[norm]
    labels = classifier(images).argmax(1)
    slope = classifier.weight[0] - classifier.weight[1]
    found = run("apgd-ce", Victim(classifier), images, Goal(labels), norm=norm, eps=eps)
    lost = torch.where(labels == 0, 1, -1) * ((images - found.images).flatten(1) @ slope)
    dual = slope.abs().sum() if norm == "linf" else slope.norm()
    assert torch.allclose(lost, (eps * dual).expand(4), rtol=2e-3)


@pytest.mark.parametrize("name", ["apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square", "autoattack"])
def test_targets_are_hit(name: str, linear: Linear) -> None:
    images = pictures(4)
    labels = linear(images).argmax(1)
    goal = Goal(labels, (labels + 3) % 10)
    found = run(name, Victim(linear), images, goal, eps=0.15)
    assert torch.equal(linear(found.images).argmax(1), goal.targets)


@pytest.mark.parametrize("name", ["apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square", "autoattack"])
def test_norm_l1_is_refused(name: str, linear: Linear) -> None:
    images = pictures(1)
    with pytest.raises(UsageError, match="linf and l2"):
        run(name, Victim(linear), images, Goal(linear(images).argmax(1)), norm="l1", eps=1.0)


# APGD


def test_checkpoints_are_the_papers() -> None:
    assert apgd.checkpoints(100) == (22, 41, 57, 70, 80, 87, 93, 99)
    assert apgd.checkpoints(10) == (3, 5, 6, 7, 8, 9, 10)
    assert apgd.checkpoints(1) == (1,)


def algorithm_1(network: nn.Module, clean: Tensor, label: int, start: Tensor, eps: float, norm: str) -> list[Tensor]:
    """Write the paper's Algorithm 1 down for one image, 100 steps on the cross-entropy, in 64 bits; x(0) … x(99)."""
    network = copy.deepcopy(network).double()

    def loss_and_slope(x: Tensor) -> tuple[float, Tensor]:
        pixels = x.clone().requires_grad_(True)
        loss = F.cross_entropy(network(pixels), torch.tensor([label]))
        return loss.item(), torch.autograd.grad(loss, pixels)[0]

    def project(x: Tensor) -> Tensor:
        delta = x - clean
        inside = delta.clamp(-eps, eps) if norm == "linf" else delta * min(1, eps / delta.norm().item())
        return (clean + inside).clamp(0, 1)

    marks, size, x, before = [0, 22, 41, 57, 70, 80, 87, 93, 99], 2 * eps, start, start
    loss, slope = loss_and_slope(x)
    losses, sizes, records, seen, best = [loss], [size], [loss], [x], (x, slope)
    for k in range(1, 100):
        z = project(x + size * (slope.sign() if norm == "linf" else slope / slope.norm()))
        x, before = (z if k == 1 else project(x + 0.75 * (z - x) + 0.25 * (x - before))), x
        loss, slope = loss_and_slope(x)
        best = (x, slope) if loss > records[-1] else best
        losses, sizes, records, seen = [*losses, loss], [*sizes, size], [*records, max(loss, records[-1])], [*seen, x]
        if k in marks:
            w = marks[marks.index(k) - 1]
            few = sum(after > earlier for earlier, after in itertools.pairwise(losses[w : k + 1])) < 0.75 * (k - w)
            if few or (sizes[w] == sizes[k] and records[w] == records[k]):
                size, (x, slope) = size / 2, best
    return seen


@both_norms
def test_apgd_is_algorithm_1_whoever_is_in_the_batch(curved: nn.Module, norm: str) -> None:
    """Six images, some of which leave on the way, each take the path of the paper's algorithm on it alone."""
    curved = curved.double()  # rounding flips signs of small slopes
    images = pictures(6).double()
    labels, eps = curved(images).argmax(1), {"linf": 0.004, "l2": 0.04}[norm]
    ball, seen = NORMS[norm], []
    start = ball.project(images + ball.uniform(images, eps, draws(6)), images, eps)

    class Watched(Victim):
        def gradient(self, pixels: Tensor, *rest: object) -> tuple[Tensor, Tensor, Tensor]:
            seen.append(pixels)
            return super().gradient(pixels, *rest)

    goal = Goal(labels)
    found = apgd.climb(Watched(curved), images, goal, goal, start, cross_entropy, ball, eps, 100)
    assert 0 < found.reached.sum() < 6
    assert found.forward.min() < 5 < found.forward.max() == 101
    assert torch.equal(found.backward, found.forward - 1)  # none at the goal, and none after the last step
    for i in range(6):
        path = algorithm_1(curved, images[i : i + 1], int(labels[i]), start[i : i + 1], eps, norm)
        for step in range(min(int(found.forward[i]), 100)):
            ours = seen[step][(found.forward[:i] > step).sum()]
            assert torch.allclose(ours, path[step][0], atol=1e-9), (i, step)


# aims side by side


@both_norms
@pytest.mark.parametrize("name", ["apgd-t", "fab-t", "apgd-ce"])
def test_attempts_side_by_side_reach_what_they_reach_one_after_the_other(
    curved: nn.Module, name: str, norm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is in the batch, and however large that is, an image ends as it does alone, to the bit and the pass."""
    curved = curved.double()
    images = pictures(20).double()
    goal, eps = Goal(curved(images).argmax(1)), {"linf": 0.0037, "l2": 0.037}[norm]
    find = {"apgd-t": apgd.apgd_t, "fab-t": fab.fab_t, "apgd-ce": apgd.apgd_ce}[name]
    params = {"norm": norm, "eps": eps, "steps": 12} | ({} if name == "fab-t" else {"restarts": 3})

    def found(where: list[int], batch: int) -> Found:
        own = [draws(20)[i] for i in where]
        return find(Victim(curved, batch), images[where], goal[torch.tensor(where)], own, **params)

    whole = found(list(range(20)), 128)
    assert 0 < whole.reached.sum() < 20
    assert torch.equal(goal.reached(curved(whole.images)), whole.reached)
    for where, batch in ((list(range(20)), 5), (list(range(20)), 1), ([11, 3], 128), ([7], 128), ([19], 2)):
        some = found(where, batch)
        assert torch.allclose(some.images, whole.images[where], rtol=0, atol=1e-9)
        assert all(torch.equal(one, other[where]) for one, other in zip(some[1:], whole[1:], strict=True))
    monkeypatch.setattr(worst_case, "TOGETHER", 1)
    apart = found(list(range(20)), 128)
    assert torch.equal(apart.reached, whole.reached)
    assert torch.equal(apart.forward[~whole.reached], whole.forward[~whole.reached])
    assert torch.allclose(apart.images[~whole.reached], whole.images[~whole.reached], atol=1e-9)


def test_the_attempts_at_the_goal_first_count_in_their_order() -> None:
    images, none = torch.arange(6.0).view(6, 1, 1, 1), torch.zeros(6, dtype=torch.int64)
    rows = worst_case.Found(images, torch.tensor([0, 0, 0, 1, 0, 1]).bool(), none + 2, none + 1)  # two images, thrice
    found = worst_case.folded(rows, 2)
    assert found.images.flatten().tolist() == [4, 3]
    assert found.reached.tolist() == [False, True]
    assert found.forward.tolist() == [6, 6]
    assert worst_case.standing(rows, torch.tensor([0, 1, 2]), 2).tolist() == [True, False, True]


# FAB


def boxes() -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    points = torch.rand(30, 1, 2, 4, generator=random)
    points[:10] = points[:10].round()  # at the end of the range
    slopes = torch.randn(30, 1, 2, 4, generator=random)
    slopes[5:15, :, :, 0] = 0
    return points, slopes, torch.randn(30, generator=random)


def test_linf_projection_on_a_plane_is_the_linear_programmes() -> None:
    points, slopes, rise = boxes()
    changes = fab.to_plane(points, slopes, rise, "linf")
    assert (points + changes).min() >= -1e-6
    assert (points + changes).max() <= 1 + 1e-6
    for point, slope, wanted, change in zip(points, slopes, rise.tolist(), changes, strict=True):
        x, w = point.flatten().double().numpy(), slope.flatten().double().numpy()
        cost, bounds = [0] * 8 + [1], [(-a, 1 - a) for a in x] + [(0, None)]
        below = [[*(sign if j == i else 0 for j in range(8)), -1] for i in range(8) for sign in (1, -1)]
        best = linprog(cost, below, [0] * 16, [[*w, 0]], [wanted], bounds)
        if best.success:
            assert change.abs().max() == pytest.approx(best.fun, abs=1e-5)
            assert (change * slope).sum() == pytest.approx(wanted, abs=1e-4)
        else:  # beyond the box: as far as can be
            most = linprog(-w * np.sign(wanted), bounds=bounds[:8])
            assert (change * slope).sum() * np.sign(wanted) == pytest.approx(-most.fun, abs=1e-5)


def test_l2_projection_on_a_plane_is_the_nearest_point() -> None:
    """At the nearest point all values that are free of the range's ends move by the same multiple of their slope."""
    points, slopes, rise = boxes()
    changes = fab.to_plane(points, slopes, rise, "l2")
    moved = (points + changes).clamp(0, 1)
    assert torch.allclose(points + changes, moved, atol=1e-6)
    for point, slope, wanted, change, end in zip(points, slopes, rise.tolist(), changes, moved, strict=True):
        room = torch.where(slope * wanted > 0, 1 - point, point)
        within = (slope * wanted).abs().gt(0) & (change.abs() < room - 1e-6)
        if within.any():
            assert (change * slope).sum() == pytest.approx(wanted, abs=1e-4)
            multiples = (change / slope)[within]
            assert torch.allclose(multiples, multiples[:1].expand_as(multiples), rtol=1e-4)
            bound = ~within & (slope != 0)
            assert ((multiples[0] * slope).abs()[bound] >= (end - point).abs()[bound] - 1e-6).all()


def test_fab_stops_within_the_radius_and_else_changes_nothing(linear: Linear) -> None:
    images = pictures(4)
    goal = Goal(linear(images).argmax(1))
    found = run("fab-t", Victim(linear), images, goal, eps=0.1)
    assert found.backward.tolist() == [1] * 4
    assert found.forward.tolist() == [3] * 4
    none = run("fab-t", Victim(linear), images, goal, eps=1e-6, steps=2)
    assert torch.equal(none.images, images)
    assert none.backward.tolist() == [9 * 2] * 4


@both_norms
def test_fab_walks_as_algorithm_1_does(norm: str) -> None:
    """Asking a point only where it is likely to be at the goal leaves every step where it was.

    The radius lets the nearest point of 25 steps count alone.
    """
    random = torch.Generator().manual_seed(0)
    first, second = (torch.randn(*shape, generator=random).double() for shape in ((192, 64), (64, CLASSES)))

    def bent(pixels: Tensor) -> Tensor:  # so that some steps fall short of the boundary
        return (((pixels - 0.5).flatten(1) @ first) * 30).asinh() @ second + 30 * F.one_hot(torch.tensor(0), CLASSES)

    images, steps, victim = pictures(8).double(), 25, Victim(bent)
    labels, nearest, passes = bent(images).argmax(1), [], []
    for i, label in enumerate(labels.tolist()):
        goal = Goal(labels[i : i + 1])
        aim = Goal(goal.labels, (goal.labels + 1) % CLASSES)
        origin = iterate = images[i : i + 1]
        reached: list[tuple[float, int, Tensor]] = []
        for step in range(steps):
            _, lead, slope = victim.gradient(iterate, lead_over_label, aim)
            iterate = fab._stepped(iterate, origin, lead, slope, norm)
            if bent(iterate).argmax() != label:
                reached.append((NORMS[norm].distance(iterate - origin).item(), step, iterate))
                iterate = origin + 0.9 * (iterate - origin)
        distance, step, expected = min(reached)
        found = fab.walk(victim, origin, goal, aim, norm, distance * (1 + 1e-9), steps)
        assert found.reached.all()
        assert torch.allclose(found.images, expected, atol=1e-9), i
        nearest.append(step)
        none = fab.walk(victim, origin, goal, aim, norm, distance * (1 - 1e-9), steps)
        assert not none.reached.any()
        assert steps + len(reached) <= none.forward <= 2 * steps
        passes.append(none.forward.item())
    assert max(nearest) > 15
    assert sum(passes) < 8 * 2 * steps


# Square


def test_squares_shrink_as_published() -> None:
    shares = [square.share(query, 0.8) for query in (0, 10, 11, 51, 201, 501, 1001, 2001, 4001, 4999)]
    assert shares == [0.8, 0.8, *(0.8 / 2**k for k in (1, 2, 3, 4, 5, 6, 7, 7))]
    assert square.side_of(0, torch.Size((1, 3, 224, 224)), 0.8, "linf") == 200
    assert square.side_of(0, torch.Size((1, 3, 224, 224)), 0.8, "l2") == 201
    assert square.side_of(4999, torch.Size((1, 3, 32, 32)), 0.8, "linf") == 3
    assert square.side_of(4999, torch.Size((1, 3, 8, 8)), 0.8, "linf") == 1
    assert square.side_of(4999, torch.Size((1, 3, 8, 8)), 0.8, "l2") == 3


def test_linf_squares_cover_every_place_and_use_the_whole_radius() -> None:
    images = pictures(1).expand(400, -1, -1, -1)
    proposed = square.linf_proposal(0.1, 3, images, images, torch.rand(400, 5))
    changed = (proposed - images).abs()
    assert torch.allclose(changed[changed > 0], torch.tensor(0.1), atol=1e-6)
    assert (changed > 0).flatten(1).sum(1).tolist() == [3 * 3 * 3] * 400
    assert (changed > 0).any(0).all()


@pytest.mark.parametrize("side", [3, 5, 7])
def test_l2_proposals_stay_on_the_sphere(side: int) -> None:
    images = pictures(50)
    best = square.l2_start(images, 0.5, draws(50))
    assert torch.allclose(NORMS["l2"].distance(best - images), torch.tensor(0.5))
    proposed = square.l2_proposal(0.5, side, best, images, torch.rand(50, 8))
    assert torch.allclose(NORMS["l2"].distance(proposed - images), torch.tensor(0.5))
    assert ((proposed - best).abs().flatten(1).amax(1) > 0).all()


def test_a_bump_is_a_hill_beside_a_hollow() -> None:
    pattern = square.bump(7, torch.device("cpu"))
    assert pattern.norm() == pytest.approx(1)
    assert (pattern[:3] > 0).all()
    assert (pattern[3:] < 0).all()
    assert pattern[1, 3] == pattern[:3].max()
    assert pattern[5, 3] == pattern[3:].min()
    assert pattern[:3].norm() == pytest.approx(float(pattern[3:].norm()))


@both_norms
def test_squares_tried_ahead_change_nothing(curved: nn.Module, norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    curved = curved.double()
    images, passes = pictures(6).double(), []
    goal, eps = Goal(curved(images).argmax(1)), {"linf": 0.005, "l2": 0.06}[norm]

    def classifier(pixels: Tensor) -> Tensor:
        passes.append(len(pixels))
        return curved(pixels)

    def found(where: list[int]) -> Found:
        own, params = [draws(6)[i] for i in where], {"norm": norm, "eps": eps, "queries": 300}
        return square.square(Victim(classifier), images[where], goal[torch.tensor(where)], own, **params)

    plain = square.lookahead
    whole, rounds = found(list(range(6))), [len(passes)]
    assert 0 < whole.reached.sum() < 6
    for ahead in (1, 4, 16):

        def some(state: square.Searchers, end: int, _batch: int, ahead: int = ahead) -> Tensor:
            return (end - state.asked).clamp_max(ahead)

        monkeypatch.setattr(square, "lookahead", some)
        passes.clear()
        again = found(list(range(6)))
        assert torch.allclose(again.images, whole.images, rtol=0, atol=1e-12)
        assert all(torch.equal(one, other) for one, other in zip(again[1:], whole[1:], strict=True))
        rounds.append(len(passes))
    assert rounds[1] == 301 > rounds[2] > rounds[3]
    assert rounds[0] < 301
    monkeypatch.setattr(square, "lookahead", plain)
    for i in range(6):
        alone = found([i])
        assert torch.allclose(alone.images[0], whole.images[i], rtol=0, atol=1e-12)
        assert alone.forward == whole.forward[i]


def test_batches_of_squares_are_not_overfilled() -> None:
    rate, asked = torch.tensor([1.0, 0.1, 0.02, 0.02]), torch.tensor([0, 0, 5, 49])
    state = square.Searchers(*[torch.empty(4)] * 5, asked, rate)
    assert square.lookahead(state, 50, 128).tolist() == [1, 5, 25, 1]
    assert square.lookahead(state, 50, 18).tolist() == [1, 4, 4, 1]
    assert square.lookahead(state, 50, 2).tolist() == [1, 1, 1, 1]
    assert square.lookahead(state, 5, 128).tolist()[:3] == [1, 5, 0]


def test_square_asks_for_no_gradient(linear: Linear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Victim, "gradient")
    images = pictures(4)
    labels = linear(images).argmax(1)
    found = run("square", Victim(linear), images, Goal(labels), eps=0.05)
    assert (linear(found.images).argmax(1) != labels).all()
    assert not found.backward.any()
    assert "square" in GRADIENT_FREE
    assert not {"autoattack", "fab-t", "apgd-ce", "pgd"} & GRADIENT_FREE


# AutoAttack


@both_norms
def test_autoattack_finds_what_any_of_its_parts_finds(
    curved: nn.Module, norm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ce, t, border, squares = autoattack.PARTS
    parts = (partial(ce, steps=3), partial(t, steps=4), partial(border, steps=6), partial(squares, queries=200))
    monkeypatch.setattr(autoattack, "PARTS", parts)
    images, victim = pictures(40), Victim(curved)
    goal, eps = Goal(curved(images).argmax(1)), {"linf": 0.0045, "l2": 0.03}[norm]
    seeds = [torch.randint(autoattack.SEEDS, (4,), generator=own).tolist() for own in draws(40)]
    alone = [
        part(victim, images, goal, [Generator().manual_seed(own[i]) for own in seeds], norm=norm, eps=eps)
        for i, part in enumerate(parts)
    ]
    found = run("autoattack", victim, images, goal, norm=norm, eps=eps)
    reached = torch.stack([one.reached for one in alone])
    assert torch.equal(goal.reached(curved(found.images)), reached.any(0))
    assert 0 < reached[0].sum() < reached.any(0).sum() < 40
    first = reached[0]
    assert torch.equal(found.images[first], alone[0].images[first])
    assert torch.equal(found.forward[first], alone[0].forward[first])
    assert torch.equal(found.forward[~reached.any(0)], sum(one.forward for one in alone)[~reached.any(0)])


@both_norms
@pytest.mark.parametrize("name", ["apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square"])
def test_as_strong_as_the_original(curved: nn.Module, name: str, norm: str) -> None:
    """Hardly more images withstand than withstand the authors' code: one of 24, as it draws its own starts."""
    original = pytest.importorskip("pyautoattack", reason="pyautoattack, the authors' code, is not installed")
    images = pictures(24)
    labels, eps = curved(images).argmax(1), {"linf": 0.004, "l2": 0.05}[norm]
    theirs = original.AutoAttack(
        curved, norm={"linf": "Linf", "l2": "L2"}[norm], eps=eps, seed=0, version="custom", attacks=[name]
    )
    theirs.apgd.n_restarts = theirs.fab.n_restarts = 1
    theirs.apgd_targeted.n_target_classes = theirs.fab.n_target_classes = CLASSES - 1
    theirs.apgd.n_iter = theirs.apgd_targeted.n_iter = theirs.fab.n_iter = 30
    theirs.square.n_queries = 300
    adversarial, _ = theirs.run_standard_evaluation(images, labels)
    shorter = {"queries": 300} if name == "square" else {"steps": 30}
    ours = run(name, Victim(curved), images, Goal(labels), norm=norm, eps=eps, **shorter)
    standing, expected = ((curved(x).argmax(1) == labels).sum() for x in (ours.images, adversarial))
    assert expected < 24
    assert standing <= expected + 1
