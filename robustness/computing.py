"""How a run computes: device, precision, batch size, workers, memory. None of it may change a verdict."""

import ctypes
import os
import sys
import warnings

import torch

from .errors import UsageError
from .evaluation import Settings
from .options import Options
from .shards import World

BATCH_SIZE = {"cpu": 32, "cuda": 256}  # to start with; a batch that does not fit is halved until it does
# What torch has no class of error for: of the CPU, and of CUDA's libraries.
OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
MAX_WORKERS = 8
MAX_LANES = 8  # beyond these, a lane has several threads
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8  # malloc.h of glibc


def settings(options: Options, world: World) -> Settings:
    """Choose device and batch size, and tell torch which float32 arithmetic to use.

    Of several processes on a machine each has a GPU of its own, as far as there are. Raises UsageError for a device
    that is not there and for numbers below 1.
    """
    device = _device(options.device, world.local_rank)
    if device.type == "cuda":
        _allow_tf32(options.precision == "tf32")
    batch_size = BATCH_SIZE[device.type] if options.batch_size == "auto" else options.batch_size
    if batch_size < 1:
        raise UsageError(f"--batch-size {batch_size} is not at least 1")
    shared = lanes(device, compiled=options.compile)
    return Settings(options.seed, device, batch_size, options.fixed_batches, options.keep_going, shared)


def lanes(device: torch.device, *, compiled: bool = False) -> int:
    """Choose how many threads share a batch. torch.compile translates for one after the other; a GPU is one."""
    return 1 if device.type == "cuda" or compiled else min(torch.get_num_threads(), MAX_LANES)


def workers(options: Options) -> int:
    """Choose how many threads read ahead; a processor is left to the model."""
    if options.workers == "auto":
        return min(MAX_WORKERS, (os.cpu_count() or 1) - 1)
    if options.workers < 0:
        raise UsageError(f"--workers {options.workers} is below 0")
    return options.workers


def keep_freed_memory() -> None:
    """Let glibc keep what torch frees on the CPU, for the next activation of the same size; elsewhere a no-op.

    By default every activation above 32 MiB is new memory from the kernel, zeroed page by page: half of the time of
    EfficientNet-Lite0's forward pass, and more, on a two-core machine. The price is that a process stays as large as
    it was at its largest.
    """
    libc = _glibc()
    if libc is not None:
        kept = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 << 20), (M_ARENA_MAX, 1))
        for option, value in kept:
            libc.mallopt(option, value)


def return_freed_memory() -> None:
    """Give what torch has freed on the CPU, and glibc kept, back to the system; elsewhere a no-op.

    Large tensors that come and go between activations leave gaps, so that without this a run would grow for a while.
    """
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    return libc if hasattr(libc, "malloc_trim") else None


def _allow_tf32(allowed: bool) -> None:
    """Tell torch whether float32 may be TF32; by default its convolutions take it, and fp32 is to mean fp32.

    torch 2.9 announces newer switches; with those at "ieee" its compiler fails when it reads these.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cuda.matmul.allow_tf32 = allowed


def out_of_memory(error: RuntimeError) -> bool:
    """Say whether an error of torch's is one of memory, on a GPU or not, that a smaller batch may spare."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)


def _device(name: str, local_rank: int) -> torch.device:
    if name in ("auto", "cuda") and torch.cuda.is_available():
        return torch.device("cuda", local_rank % torch.cuda.device_count())
    if name == "auto":
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device {name} is none of auto, cpu, cuda, cuda:0 …") from error
    if device.type not in BATCH_SIZE:
        raise UsageError(f"--device {name} is not supported; auto, cpu, cuda, cuda:0 … are")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"--device {name}: torch sees {torch.cuda.device_count()} CUDA devices")
    return device
