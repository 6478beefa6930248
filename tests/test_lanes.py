"""Threads that share a batch: the same answers, whatever they do at the same time."""

import threading
import time

import pytest
import torch
from torch import Tensor, nn

from robustness.attacks import Goal, Victim
from robustness.attacks.losses import cross_entropy
from robustness.classifier import ModuleClassifier, Preprocessing
from robustness.lanes import Lanes
from robustness.stopwatch import Stopwatch

CPU = torch.device("cpu")


@pytest.mark.parametrize(("count", "images", "sizes"), [
    (1, 10, [4, 4, 2]),
    (2, 10, [2, 2, 2, 2, 2]),
    (2, 4, [2, 2]),
    (2, 5, [2, 2, 1]),
    (3, 1, [1]),
    (3, 0, []),
    (4, 16, [1] * 16),
])  # fmt: skip
def test_lanes_take_about_the_same_share_of_each_batch(count: int, images: int, sizes: list[int]) -> None:
    with Lanes(count) as lanes:
        slices = lanes.slices(images, 4)
        assert [len(range(images)[piece]) for piece in slices] == sizes
        assert [i for piece in slices for i in range(images)[piece]] == list(range(images))
        assert max(sizes, default=0) <= lanes.share(4)


def test_lanes_work_at_the_same_time_and_answer_in_order() -> None:
    together = threading.Barrier(2, timeout=20)

    def work(item: int) -> tuple[int, int]:
        together.wait()
        time.sleep(0.01 * (item == 0))
        return item, torch.get_num_threads()

    threads = torch.get_num_threads()
    with Lanes(2) as lanes:
        assert lanes.map(work, range(4)) == [(item, max(threads // 2, 1)) for item in range(4)]
        assert lanes.map(lambda _: threading.current_thread(), [0]) == [threading.main_thread()]
    assert torch.get_num_threads() == threads


def test_an_error_waits_for_those_at_work_and_spares_the_rest() -> None:
    begun, ended = [], []

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise ValueError("one")
        time.sleep(0.05)
        ended.append(item)

    with Lanes(2) as lanes:
        with pytest.raises(ValueError, match="one"):
            lanes.map(work, range(50))
        assert len(begun) < 50
        assert sorted(ended) == [item for item in begun if item != 1]


def test_the_caller_s_time_is_counted_once() -> None:
    stopwatch, begun = Stopwatch(CPU), time.perf_counter()
    with Lanes(2, stopwatch) as lanes, stopwatch("all"):
        lanes.map(lambda _: time.sleep(0.1), range(2))
    took = time.perf_counter() - begun
    assert stopwatch.seconds["wait for lanes"] > 0  # which begins when the work has
    assert stopwatch.seconds["backward, and else in lanes"] >= 0.15
    assert stopwatch.seconds["all"] + stopwatch.seconds["wait for lanes"] <= took


class Forgetful(nn.Module):
    """Keeps what it sees while it thinks, as no module should."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = torch.zeros(1)
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        self.seen = images
        time.sleep(0.02)
        return self.weight * self.seen.flatten(1)[:, :2]


class Locked(Forgetful):
    """Cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize("build", [Forgetful, Locked])
def test_threads_do_not_meet_in_a_module(build: type[Forgetful]) -> None:
    module = build()
    classifier = ModuleClassifier(module, Preprocessing(4, 4, "bicubic", "center", (0,) * 3, (1,) * 3), CPU, "fp32")  # type: ignore[arg-type]
    images = torch.rand(8, 3, 4, 4)
    with Lanes(4) as lanes:
        found = torch.cat(lanes.map(classifier, images.split(2)))
        module.weight.data.fill_(2)
        twice = torch.cat(lanes.map(classifier, images.split(2)))
    assert torch.equal(found, images.flatten(1)[:, :2])
    assert torch.equal(twice, 2 * found)


class Keeping(nn.Module):
    """Keeps a tensor that is neither weight nor buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.ones(2)

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(0.02)
        return self.scale * images.flatten(1)[:, :2]


def test_copies_made_without_gradients_serve_with_them() -> None:
    classifier = ModuleClassifier(Keeping(), Preprocessing(4, 4, "bicubic", "center", (0,) * 3, (1,) * 3), CPU, "fp32")  # type: ignore[arg-type]
    images = torch.rand(8, 3, 4, 4)
    with Lanes(4) as lanes:
        with torch.inference_mode():
            lanes.map(lambda piece: classifier(piece.clone()), images.split(2))
        found = Victim(classifier, 8, lanes=lanes).gradient(
            images, lambda logits, _aim: logits.sum(1), Goal(torch.zeros(8))
        )
    assert torch.equal(found[2].flatten(1).sum(1), torch.full((8,), 2.0))


@pytest.mark.parametrize("padded", [False, True])
def test_a_victim_answers_as_it_does_alone(padded: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 5)).requires_grad_(False)
    images, aim = torch.rand(11, 3, 4, 4), Goal(torch.arange(11) % 5)
    alone = Victim(network, 4)
    shapes: set[int] = set()

    def classifier(images: Tensor) -> Tensor:
        shapes.add(len(images))
        assert not torch.is_inference_mode_enabled()
        return network(images)

    with Lanes(2) as lanes:
        victim = Victim(classifier, 4, padded=padded, lanes=lanes)
        assert torch.allclose(victim(images), alone(images), atol=1e-6)
        assert not victim(images).requires_grad
        ours, theirs = (one.gradient(images, cross_entropy, aim) for one in (victim, alone))
        assert all(torch.allclose(found, expected, atol=1e-6) for found, expected in zip(ours, theirs, strict=True))
    assert max(shapes) == 2 and (not padded or shapes == {2})
