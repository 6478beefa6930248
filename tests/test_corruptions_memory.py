"""What a corruption holds in memory at a time, and that nothing stays behind."""

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

import datasets
from robustness.corruptions import CORRUPTIONS, corrupt

MOST = 8  # times the batch in float32
each_name = pytest.mark.parametrize("name", list(CORRUPTIONS))


@pytest.fixture(scope="module")
def images(photographs: datasets.Batch) -> Tensor:
    """Sixteen photographs, uint8 [16,3,224,224]."""
    return photographs.views[0][:16].contiguous()


def unit(images: Tensor) -> int:
    """Bytes of the batch in float32."""
    return 4 * images.numel()


def run(images: Tensor, name: str, severity: int) -> None:
    corrupt(images, name, severity, [Generator().manual_seed(i) for i in range(len(images))])


def memory(key: str) -> int:
    """Read the process's memory (VmRSS) or its maximum since it was reset (VmHWM), in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def settled() -> int:
    """Give freed memory back to the system; returns the memory that is left."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return memory("VmRSS")


def peak(work: Callable[[], object]) -> int:
    before = settled()
    Path("/proc/self/clear_refs").write_text("5")
    work()
    return memory("VmHWM") - before


linux = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs /proc and glibc"
)


@linux
def test_the_meter_sees_memory() -> None:
    size = 64 << 20
    assert peak(lambda: torch.ones(size, dtype=torch.uint8)) == pytest.approx(size, rel=0.1)


@linux
@each_name
def test_a_batch_needs_little_memory(images: Tensor, name: str) -> None:
    run(images[:1], name, 5)  # tables are made once
    assert peak(lambda: run(images, name, 5)) <= MOST * unit(images)


@linux
def test_conditions_leave_nothing_behind(images: Tensor) -> None:
    def everything() -> None:
        for name in CORRUPTIONS:
            for severity in (1, 2, 3, 4, 5):
                run(images[:2], name, severity)

    everything()  # tables are made once
    before = settled()
    everything()
    assert settled() - before <= unit(images) / 4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@each_name
@pytest.mark.parametrize("severity", [1, 5])
def test_a_batch_needs_little_memory_on_a_gpu(images: Tensor, name: str, severity: int) -> None:
    batch = images.repeat(8, 1, 1, 1).cuda()
    run(batch[:4], name, severity)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run(batch, name, severity)
    assert torch.cuda.max_memory_allocated() - before <= MOST * unit(batch)
