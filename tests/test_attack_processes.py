"""Batches of any size, and several processes: the same draws, the same adversarial images.

Imports little, as another process imports it again.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor

from robustness.attacks import Goal, Victim, attack_condition, build
from robustness.seeds import generator

COUNT = 20
DRAWING: dict[str, dict[str, object]] = {  # the attacks that draw, and what leaves some of the images unfooled
    "pgd": {"eps": "0.008", "steps": 3, "restarts": 2},
    "apgd-t": {"eps": "0.008", "steps": 4},
    "square": {"eps": "0.016", "queries": 60},
    "noise": {"eps": "0.06", "draws": 3},
    "patch": {"area": 0.05, "steps": 3},
}


def classify(images: Tensor) -> Tensor:
    """Multiply by a matrix, in 64 bits: an image's logits do not depend on its batch-mates."""
    weight = torch.randn(6, 192, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return ((images - 0.5).flatten(1).double()[:, None] * weight).sum(-1).float()


def scene() -> tuple[Tensor, Tensor]:
    images = 0.3 + 0.4 * torch.rand(COUNT, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return images, classify(images).argmax(1)


def attacked(where: Sequence[int], batch_size: int) -> list[np.ndarray]:
    """Make each attack on some of the images."""
    images, labels = scene()
    found = []
    for name, params in DRAWING.items():
        condition = attack_condition(name, **params)  # type: ignore[arg-type]
        own = [generator(0, condition.key, str(i)) for i in where]
        goal = Goal(labels[list(where)])
        found.append(build(condition)(Victim(classify, batch_size), images[list(where)], goal, own).images.numpy())
    return found


def test_another_process_and_other_batches_find_the_same_images() -> None:
    some = [19, 2, 7, 8, 3]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        there = pool.submit(attacked, some, 4)
        whole, fives, ones = (attacked(range(COUNT), batch_size) for batch_size in (20, 5, 1))
        elsewhere = there.result()
    _, labels = scene()
    for name, *found in zip(DRAWING, whole, fives, ones, elsewhere, strict=True):
        standing = int((classify(torch.from_numpy(found[0])).argmax(1) == labels).sum())
        assert 0 < standing < COUNT, (name, standing)
        assert np.array_equal(found[1], found[0]), name
        assert np.array_equal(found[2], found[0]), name
        assert np.array_equal(found[3], found[0][some]), name
