"""Weights in files: reading them safely, unwrapping them, loading them strictly, and naming them by their numbers."""

import hashlib
import logging
import re
import struct
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .errors import RunError, first_line

log = logging.getLogger(__name__)

StateDict = Mapping[str, Tensor]
# Averaged weights first, as timm.
WRAPPERS = ("state_dict_ema", "model_ema", "ema_state_dict", "model", "state_dict", "model_state_dict")
PREFIXES = ("module.", "_orig_mod.", "model.")  # of DistributedDataParallel, torch.compile, Lightning
MOST_PREFIXES = 4  # one before the other
HARMLESS = (Namespace,)  # the arguments of a training, which it keeps beside its weights; it holds, and does nothing
_REFUSED = re.compile(r"GLOBAL (\S+) was not an allowed global")
_DETAIL = re.compile(r"WeightsUnpickler error:\s*(.+)")  # behind advice of many lines
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
        raise RunError(f"checkpoint {path} cannot be read as tensors only: {_reason(error, path)}") from error
    return unwrap(content, path)


def _unpickled(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles that it does not expect; what it cannot read it refuses
        with torch.serialization.safe_globals(list(HARMLESS)):
            return torch.load(path, "cpu", weights_only=True)


def _reason(error: Exception, path: Path) -> str:
    """Put an error of the unpickler into one clause; for code that it refuses, with the line that gets rid of it."""
    if refused := _REFUSED.search(str(error)):
        tensors = str(path.with_name(f"{path.stem}-tensors.pth"))
        line = f'torch.save(torch.load({str(path)!r}, weights_only=False)["model"], {tensors!r})'
        return f"it holds {refused[1]}, which is code; only if you trust the file, save its tensors alone, {line}"
    detail = _DETAIL.search(str(error))
    return detail[1] if detail else first_line(error)


def unwrap(content: object, path: Path) -> StateDict:
    """Take the state dict out of `{"model": …}`, `{"state_dict_ema": …}` and the like; others beside it are logged."""
    for name in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            if others := [repr(key) for key, value in content.items() if key != name and _holds_weights(key, value)]:
                log.warning("checkpoint %s: %r is loaded, and not %s", path, name, _first(others))
            content = content[name]
    if not isinstance(content, Mapping) or not content:
        raise RunError(f"checkpoint {path} holds no state dict, but a {type(content).__name__}")
    strange = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if strange:
        wrappers = f"a state dict is looked for in the file itself and in {', '.join(WRAPPERS)}"
        raise RunError(f"checkpoint {path} holds more than tensors: {_first(strange)}; {wrappers}")
    if unnamed := [repr(key) for key in content if not isinstance(key, str)]:
        raise RunError(f"checkpoint {path} has tensors without a name: {_first(unnamed)}")
    return content


def _holds_weights(name: object, value: object) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    return name in WRAPPERS or all(isinstance(inner, Tensor) for inner in value.values())


def load_strictly(model: nn.Module, state_dict: StateDict, origin: str) -> None:
    """Load `state_dict` into `model`, every key and every shape accounted for.

    Prefixes that all keys have, `module.` and the like, come off where the model has none. A layout that is not the
    model's own goes through the `checkpoint_filter_fn` of the module that defines the model (timm's convention: the
    official layouts of many papers are translated so). Raises RunError naming what differs.
    """
    wanted = model.state_dict()
    state_dict = _fitted(state_dict, model, origin)
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


def _fitted(state_dict: StateDict, model: nn.Module, origin: str) -> StateDict:
    """Read the keys so that as few as possible differ from the model's."""
    wanted, readings = set(model.state_dict()), list(_readings(state_dict))
    translate = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if translate is not None and wanted not in map(set, readings):
        translated, failures = list[StateDict](), list[Exception]()
        for reading in reversed(readings):
            try:
                translated.append(translate(dict(reading), model))
            except UNREADABLE as error:
                failures.append(error)
        if not translated:
            raise RunError(f"{origin} does not fit {type(model).__name__}: {failures[0]}") from failures[0]
        readings = translated
    return min(readings, key=lambda reading: len(wanted ^ set(reading)))


def _readings(state_dict: StateDict) -> Iterator[StateDict]:
    """Go through the state dict as it is, and without one prefix after the other that all of its keys have."""
    yield state_dict
    for _ in range(MOST_PREFIXES):
        prefix = next((own for own in PREFIXES if all(key.startswith(own) for key in state_dict)), "")
        if not (prefix and state_dict):
            return
        state_dict = {key.removeprefix(prefix): value for key, value in state_dict.items()}
        yield state_dict


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
