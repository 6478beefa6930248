"""Weights in files: reading them safely, unwrapping them, loading them strictly, and naming them by their numbers."""

import hashlib
import struct
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .errors import RunError

StateDict = Mapping[str, Tensor]
WRAPPERS = ("state_dict_ema", "model_ema", "model", "state_dict", "model_state_dict")  # averaged weights first, as timm
PREFIX = "module."
# What a damaged file makes the unpickler and the archive reader raise.
UNREADABLE = (
    *(UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError, ValueError, TypeError, AttributeError),
    *(LookupError, AssertionError, ArithmeticError, MemoryError, struct.error),
)
NAMED = 10  # mismatching keys spelt out before the rest is only counted


def read_state_dict(path: Path) -> StateDict:
    """Read a `.safetensors` file, or a `.pth`/`.pt` file without unpickling code, and unwrap it.

    Raises RunError when the file is absent, is no checkpoint, holds pickled code, or holds no tensors.
    """
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _unpickled(path)
    except FileNotFoundError:
        raise RunError(f"checkpoint {path} does not exist") from None
    except UNREADABLE as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(f"checkpoint {path} cannot be read as tensors only: {reason}") from error
    return unwrap(content, path)


def _unpickled(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles that it does not expect; what it cannot read it refuses
        return torch.load(path, "cpu", weights_only=True)


def unwrap(content: object, path: Path) -> StateDict:
    """Take the state dict out of `{"model": …}`, `{"state_dict_ema": …}` and the like, and of `module.` prefixes."""
    for name in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not content:
        raise RunError(f"checkpoint {path} holds no state dict, but a {type(content).__name__}")
    strange = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if strange:
        raise RunError(f"checkpoint {path} holds more than tensors: {_first(strange)}")
    if unnamed := [repr(key) for key in content if not isinstance(key, str)]:
        raise RunError(f"checkpoint {path} has tensors without a name: {_first(unnamed)}")
    if all(key.startswith(PREFIX) for key in content):
        return {key.removeprefix(PREFIX): value for key, value in content.items()}
    return content


def load_strictly(model: nn.Module, state_dict: StateDict, origin: str) -> None:
    """Load `state_dict` into `model`, every key and every shape accounted for.

    A layout that is not the model's own goes through the `checkpoint_filter_fn` of the module that defines the model
    (timm's convention: the official layouts of many papers are translated so). Raises RunError naming what differs.
    """
    wanted = model.state_dict()
    translate = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if translate is not None and set(wanted) != set(state_dict):
        try:
            state_dict = translate(dict(state_dict), model)
        except (KeyError, ValueError, RuntimeError) as error:
            raise RunError(f"{origin} does not fit {type(model).__name__}: {error}") from error
    differences = {
        "missing": sorted(set(wanted) - set(state_dict)),
        "unexpected": sorted(set(state_dict) - set(wanted)),
        "of another shape": [
            f"{key} {tuple(state_dict[key].shape)} instead of {tuple(wanted[key].shape)}"
            for key in wanted
            if key in state_dict and state_dict[key].shape != wanted[key].shape
        ],
    }
    found = [f"{len(keys)} {kind}: {_first(keys)}" for kind, keys in differences.items() if keys]
    if found:
        raise RunError(f"{origin} does not fit {type(model).__name__}; keys " + "; ".join(found))
    model.load_state_dict(state_dict, strict=True)


def weights_hash(model: nn.Module) -> str:
    """SHA-256 over names, shapes, types and numbers of the state dict, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        tensor = value.detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _first(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
