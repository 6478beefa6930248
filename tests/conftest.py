"""Shared fixtures: a linear classifier with known answers, and photographs."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import Tensor

import datasets
from robustness import models

# a busy machine may take its time over an example
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_configure() -> None:
    """Mind Ctrl-C and hangups: a shell that starts the tests in the background has all their processes ignore them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_until(so: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so, as it soon is, but on a busy machine."""
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Linear:
    """A classifier [B,3,H,W] → [B,K] that is one matrix product, so that the best attack on it is known."""

    def __init__(self, classes: int = 10, size: int = 8, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.weight = torch.randn(classes, 3 * size * size, generator=generator)

    def __call__(self, images: Tensor) -> Tensor:
        # float64 sums: one image's logits do not depend on its batch-mates
        return ((images - 0.5).flatten(1).double()[:, None] * self.weight.double()).sum(-1).float()


@pytest.fixture
def linear() -> Linear:
    return Linear()


@pytest.fixture(scope="session")
def bundled() -> models.Model:
    """EfficientNet-Lite0 with its real weights."""
    return models.resolve(models.BUNDLED)


@pytest.fixture(scope="session")
def photographs() -> datasets.Batch:
    """The 20 bundled photographs as the bundled model wants them."""
    view = datasets.View(256, 224, "bicubic")
    return next(datasets.load(datasets.open_sample(), [view]))
