"""A network of one's own: `my_model.py:build` or `package.module:build`, a function that returns an `nn.Module`."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from torch import nn

from ..checkpoints import load_strictly, read_state_dict
from ..errors import UsageError
from .model import Loaded, Weights, stated_preprocessing

STATE_IT = (
    "set it on the module that the function returns: pretrained_cfg = "
    '{"input_size": 224, "crop_pct": 0.875, "interpolation": "bicubic", "mean": (…), "std": (…)}'
)


def load_own_code(spec: str, weights: Weights) -> Loaded:
    """Call the function that `spec` names and load the checkpoint, if one is given, into what it returns.

    The module says how it wants its pictures in an attribute `pretrained_cfg`, in timm's words; a model that timm made
    has it. Without a checkpoint the function is trusted to return trained weights, unless random ones are asked for.
    Raises UsageError when the function or what it must state is missing; what the code itself raises passes through.
    """
    place, _, name = spec.rpartition(":")
    function = getattr(_import(place, spec), name, None)
    if not callable(function):
        raise UsageError(f"{spec}: {place} has no function {name!r}")
    module = function()
    if not isinstance(module, nn.Module):
        raise UsageError(f"{spec} returns a {type(module).__name__}, not an nn.Module")
    if weights.checkpoint is not None:
        load_strictly(module, read_state_dict(weights.checkpoint), f"checkpoint {weights.checkpoint}")
    source = "random numbers" if weights.random else "file" if weights.checkpoint else "own code"
    file = weights.checkpoint.name if weights.checkpoint else place
    preprocessing = stated_preprocessing(vars(module).get("pretrained_cfg") or {}, spec, STATE_IT)
    return Loaded(module, preprocessing, type(module).__name__, source, file)


def _import(place: str, spec: str) -> ModuleType:
    """Import a file by its path, its own folder last in line for what it imports, or a module by its name."""
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = _resolved(place, spec)
        found = importlib.util.spec_from_file_location(path.stem, path)
        if found is None or found.loader is None:
            raise UsageError(f"{spec}: {place} is no Python file")
        module = importlib.util.module_from_spec(found)
        sys.modules[path.stem] = module  # checkpoints find a model's own layout filter there
        sys.path.append(str(path.parent))
        found.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"{spec}: {error}") from error
    return module


def _resolved(place: str, spec: str) -> Path:
    try:
        return Path(place).resolve(strict=True)
    except FileNotFoundError:
        raise UsageError(f"{spec}: there is no file {place}") from None
