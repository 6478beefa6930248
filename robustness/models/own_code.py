"""A network of one's own: `my_model.py:build` or `package.module:build`, a function that returns an `nn.Module`."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from torch import nn

from ..checkpoints import load_strictly, read_state_dict
from ..errors import UsageError
from .model import Loaded, Weights, reproducible, stated_preprocessing
from .own_imports import refuse_strangers
from .own_network import taken_over

STATE_IT = (
    "set it on the module that the function returns: pretrained_cfg = "
    '{"input_size": 224, "crop_pct": 0.875, "interpolation": "bicubic", "mean": (…), "std": (…)}'
)
LOADED = "own_code_"  # what files are called in sys.modules, with a number: their own names may be taken
BEHIND = len(sys.path)


def load_own_code(spec: str, weights: Weights) -> Loaded:
    """Call the function that `spec` names and load the checkpoint, if one is given, into what it returns.

    The module says how it wants its pictures in an attribute `pretrained_cfg`, in timm's words; a model that timm made
    has it. Without a checkpoint the function is trusted to return trained weights, unless random ones are asked for;
    what it draws from torch's generator is the same each time, whether or not the import drew as well.
    Raises UsageError when the function or what it must state is missing; what the code itself raises passes through.
    """
    place, _, name = spec.rpartition(":")
    with _imported(place, spec) as code:
        function = getattr(code, name, None)
        if not callable(function):
            raise UsageError(f"{spec}: {place} has no function {name!r}")
        _check_arguments(function, spec)
        with reproducible():
            built = function()
    if not isinstance(built, nn.Module):
        raise UsageError(f"{spec} returns a {type(built).__name__}, not an nn.Module")
    module = taken_over(built, spec)
    if weights.checkpoint is not None:
        load_strictly(module, read_state_dict(weights.checkpoint), f"checkpoint {weights.checkpoint}")
    source = "random numbers" if weights.random else "file" if weights.checkpoint else "own code"
    file = weights.checkpoint.name if weights.checkpoint else place
    preprocessing = stated_preprocessing(vars(module).get("pretrained_cfg") or {}, spec, STATE_IT)
    return Loaded(module, preprocessing, type(module).__name__, source, file)


def _check_arguments(function: Callable[..., object], spec: str) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # not everything written in C has one
        return
    try:
        signature.bind()
    except TypeError as error:
        raise UsageError(f"{spec} must be callable without arguments: {error}") from error


@contextmanager
def _imported(place: str, spec: str) -> Iterator[ModuleType]:
    """Import a module by its name, or a file by its path, its folder first in line for imports meanwhile."""
    if place.endswith(".py"):
        with _executed(_resolved(place, spec), spec) as code:
            yield code
        return
    try:
        with reproducible():
            code = importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise UsageError(f"{spec}: {error}") from error
    yield code


@contextmanager
def _executed(path: Path, spec: str) -> Iterator[ModuleType]:
    """Execute a file as a module, once, which its own name means from then on for the modules beside it.

    Unless the name is taken; then it means what it meant. Afterwards the file's folder is behind all others in line,
    but before those of earlier files.
    """
    own = [module for name, module in sys.modules.items() if name.startswith(LOADED)]
    files = [Path(str(module.__file__)) for module in own]
    if path in files:
        yield own[files.index(path)]
        return
    refuse_strangers(path, spec, [file.parent for file in files])
    name = f"{LOADED}{sum(loaded.startswith(LOADED) for loaded in sys.modules)}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise UsageError(f"{spec}: {path} is no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # checkpoints find a model's own layout filter there, and torch.compile its globals
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.parent))
    try:
        try:
            with reproducible():
                found.loader.exec_module(module)
        except BaseException as error:
            for half in [half for half in (name, path.stem) if sys.modules.get(half) is module]:
                del sys.modules[half]
            if isinstance(error, ModuleNotFoundError):
                raise UsageError(f"{spec}: {error}") from error
            raise
        yield module
    finally:
        with suppress(ValueError):  # the code may have done so
            sys.path.remove(str(path.parent))
        sys.path.insert(BEHIND, str(path.parent))


def _resolved(place: str, spec: str) -> Path:
    try:
        return Path(place).resolve(strict=True)
    except FileNotFoundError:
        raise UsageError(f"{spec}: there is no file {place}") from None
