"""Contracts that every corruption in the registry keeps, whatever it does."""

import importlib.util
import inspect

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

import datasets
from robustness.corruptions import BAR, CORRUPTIONS, EXTRA, OCCLUSION, PATCH, STANDARD, apply_jpeg, corrupt
from robustness.corruptions.frost import frost_photograph
from robustness.errors import RunError, UsageError

DETERMINISTIC = {
    *("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"),
    *("gaussian_blur", "saturate"),
    *OCCLUSION,
}
# Where a higher severity need not change pixels more: it may change them in another way, or by another random pattern.
UNORDERED = {"elastic_transform", "fog", "frost", "glass_blur", "patch_shuffle", "saturate", "snow", "spatter"}

each_name = pytest.mark.parametrize("name", list(CORRUPTIONS))
each_severity = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


@pytest.fixture(scope="module")
def images(photographs: datasets.Batch) -> Tensor:
    """Seven photographs, uint8 [7,3,224,224]."""
    return photographs.views[0][:7]


def generators(count: int, seed: int = 0) -> list[Generator]:
    return [Generator().manual_seed(1000 * seed + i) for i in range(count)]


def draws(name: str, severity: int, images: Tensor) -> dict[str, Tensor]:
    each = [CORRUPTIONS[name].draw(severity, images.shape[2:], generator) for generator in generators(len(images))]
    return {key: torch.stack([draw[key] for draw in each]) for key in each[0]}


def test_the_benchmarks_are_complete() -> None:
    assert len(STANDARD) == 15
    assert len(EXTRA) == 4
    assert len(BAR) == 10
    assert sorted(CORRUPTIONS) == sorted([*STANDARD, *EXTRA, *BAR, *OCCLUSION, *PATCH])


@each_name
@each_severity
def test_pixels_become_other_pixels(images: Tensor, name: str, severity: int) -> None:
    before = images.clone()
    result = corrupt(images[:2], name, severity, generators(2))
    assert result.shape == images[:2].shape
    assert result.dtype == torch.uint8
    assert result.is_contiguous()
    assert torch.equal(images, before)
    assert (result != images[:2]).float().mean() > 0.01


@each_name
@each_severity
def test_batches_of_any_size_and_form_agree(images: Tensor, name: str, severity: int) -> None:
    """One by one, all at once, in the other order, and in the form that only a GPU gets: bit for bit the same."""
    entry, draw = CORRUPTIONS[name], draws(name, severity, images)
    together = entry.apply(images, severity, draw)
    single = [entry.apply(images[i : i + 1], severity, {k: v[i : i + 1] for k, v in draw.items()}) for i in range(7)]
    backwards = entry.apply(images.flip(0), severity, {key: value.flip(0) for key, value in draw.items()})
    assert torch.equal(together, torch.cat(single))
    assert torch.equal(together, backwards.flip(0))
    assert torch.equal(together, inspect.unwrap(entry.apply)(images, severity, draw))
    assert torch.equal(together, corrupt(images, name, severity, generators(7)))


@each_name
def test_batches_of_7_and_32_agree(photographs: datasets.Batch, name: str) -> None:
    images = photographs.views[0].repeat(2, 1, 1, 1)[:32]
    whole = inspect.unwrap(CORRUPTIONS[name].apply)(images, 4, draws(name, 4, images))
    seeded = generators(32)
    sevens = [corrupt(images[i : i + 7], name, 4, seeded[i : i + 7]) for i in range(0, 32, 7)]
    assert torch.equal(whole, torch.cat(sevens))


def test_the_order_of_conditions_changes_nothing(images: Tensor) -> None:
    conditions = [(name, severity) for name in CORRUPTIONS for severity in (1, 5)]
    there, back = (
        {one: corrupt(images[:1], *one, generators(1)) for one in order} for order in (conditions, conditions[::-1])
    )
    assert all(torch.equal(there[one], back[one]) for one in conditions)


@each_name
def test_threads_change_nothing(images: Tensor, name: str) -> None:
    results, threads = [], torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        results.append(corrupt(images, name, 2, generators(7)))
        results.append(inspect.unwrap(CORRUPTIONS[name].apply)(images, 2, draws(name, 2, images)))
    torch.set_num_threads(threads)
    assert all(torch.equal(results[0], result) for result in results[1:])


@each_name
def test_only_the_seed_decides(images: Tensor, name: str) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, again, other = (corrupt(images[:2], name, 3, generators(2, seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name in DETERMINISTIC)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - UNORDERED))
def test_severity_orders_the_damage(images: Tensor, name: str) -> None:
    results = [corrupt(images, name, severity, generators(7)) for severity in (1, 2, 3, 4, 5)]
    damage = [(result.int() - images.int()).abs().double().mean().item() for result in results]
    assert damage == sorted(damage)
    assert damage[4] > 1.2 * damage[0]


@each_name
@pytest.mark.parametrize("shape", [(32, 32), (97, 150), (256, 300)])
def test_other_sizes(images: Tensor, name: str, shape: tuple[int, int]) -> None:
    some = torch.nn.functional.interpolate(images[:2].float(), shape).to(torch.uint8)
    for severity in (1, 5):
        result = corrupt(some, name, severity, generators(2))
        assert result.shape == some.shape
        assert not torch.equal(result, some)


@each_name
def test_the_order_in_memory_changes_nothing(images: Tensor, name: str) -> None:
    strided = images[:2].contiguous(memory_format=torch.channels_last)
    assert torch.equal(corrupt(strided, name, 3, generators(2)), corrupt(images[:2], name, 3, generators(2)))


@each_name
@pytest.mark.parametrize("severity", [0, 6, 2.5, "3"])
def test_a_severity_that_does_not_exist(images: Tensor, name: str, severity: object) -> None:
    with pytest.raises(UsageError, match="severity must be 1, 2, 3, 4 or 5"):
        corrupt(images[:1], name, severity, generators(1))  # type: ignore[arg-type]


def test_an_unknown_name_is_answered_with_a_near_one(images: Tensor) -> None:
    with pytest.raises(UsageError, match="did you mean gaussian_blur or"):
        corrupt(images, "gausian_blur", 1, generators(7))


@pytest.mark.parametrize(
    ("wrong", "count", "message"),
    [
        (torch.zeros(1, 3, 64, 64), 1, "torch.float32"),
        (torch.zeros(3, 64, 64, dtype=torch.uint8), 1, r"\[3, 64, 64\]"),
        (torch.zeros(1, 1, 64, 64, dtype=torch.uint8), 1, r"\[1, 1, 64, 64\]"),
        (torch.zeros(1, 3, 64, 31, dtype=torch.uint8), 1, "at least 32 pixels"),
        (torch.zeros(2, 3, 64, 64, dtype=torch.uint8), 1, "1 for 2 images"),
    ],
)
def test_images_of_another_kind(wrong: Tensor, count: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        corrupt(wrong, "fog", 1, generators(count))


def test_frost_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    frost_photograph.cache_clear()
    with pytest.raises(RunError, match="pip install imagecorruptions"):
        CORRUPTIONS["frost"].draw(1, (224, 224), Generator())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@each_name
@each_severity
def test_a_gpu_agrees(images: Tensor, name: str, severity: int) -> None:
    on_cpu, on_gpu = (corrupt(images.to(device), name, severity, generators(7)) for device in ("cpu", "cuda"))
    assert on_gpu.is_cuda
    assert ((on_gpu.cpu().int() - on_cpu.int()).abs() <= 1).double().mean() >= 0.995


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_jpeg_comes_back_to_the_gpu(images: Tensor) -> None:
    assert torch.equal(apply_jpeg(images.cuda(), 85).cpu(), apply_jpeg(images, 85))
