"""Models of timm's registry, where this project's `pit` registers itself too, and of the hub."""

from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_model_data_config
from torch import nn

from ..checkpoints import UNREADABLE, load_strictly, read_state_dict
from ..errors import RunError, UsageError, first_line
from ..hub import HubError, cached_when_unreachable, fetch
from ..registry import suggest
from .model import Loaded, Weights, reproducible, stated_preprocessing

HUB, LOCAL = "hf-hub:", "local-dir:"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
KEEP_CACHE = (
    "fetch once with a network and keep the cache (HF_HOME; HF_ENDPOINT for a mirror, "
    "HF_HUB_OFFLINE=1 without a network)"
)


def load_timm(spec: str, weights: Weights) -> Loaded:
    """Load a timm name with or without tag, `hf-hub:org/name`, or `local-dir:PATH` (a folder as the hub has them).

    Raises UsageError for an unknown name and RunError for weights that cannot be had or do not fit.
    """
    _check_name(spec)
    file, revision, source = "", "", "random numbers"
    if weights.random:
        with reproducible():
            module = _untrained(spec)
    elif weights.checkpoint is not None:
        module, file = _untrained(spec), weights.checkpoint.name
        load_strictly(module, read_state_dict(weights.checkpoint), f"checkpoint {weights.checkpoint}")
        source = "file"
    else:
        module, source, file, revision = _pretrained(spec)
    config = vars(module)["pretrained_cfg"]
    preprocessing = stated_preprocessing(preprocessing_facts(module), spec, "own code can: file.py:function")
    architecture = str(config.get("architecture") or type(module).__name__)
    return Loaded(module, preprocessing, architecture, source, file, revision)


def create(spec: str, **how: Any) -> nn.Module:
    """Call timm, quietly and without waiting for a hub that is not there; raises RunError with the reason."""
    try:
        with cached_when_unreachable():
            module: nn.Module = timm.create_model(spec, **how)
    except UNREADABLE as error:
        raise RunError(first_line(error)) from error
    return module


def preprocessing_facts(module: nn.Module) -> dict[str, Any]:
    """Read what a timm model states about the pictures it wants."""
    return dict(resolve_model_data_config(module))


def _untrained(spec: str) -> nn.Module:
    """Make the network alone; for `hf-hub:` the hub says which one that is."""
    if spec.startswith(HUB):
        repository, revision = _place_on_hub(spec)
        try:
            fetch(repository, ("config.json",), revision)
        except HubError as error:
            raise RunError(
                f"no architecture for {spec}: {error}",
                f"its config.json there names it; {KEEP_CACHE}",
                *(f"or leave the hub out, as timm has one of that name: --model {name}" for name in _names(repository)),
            ) from error
    return create(spec)


def _names(repository: str) -> list[str]:
    """Find timm's name, with its tag if timm knows that too, of what a repository seems to be: one or none."""
    name = repository.partition("/")[2]
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        return []
    return [name if name in timm.list_pretrained(f"{architecture}.*") else architecture]


def _pretrained(spec: str) -> tuple[nn.Module, str, str, str]:
    """Load the trained weights of `spec`; returns the module, and its weights' source, file and revision."""
    try:
        if spec.startswith(LOCAL):
            return create(spec, pretrained=True), "folder", spec.removeprefix(LOCAL), ""
        if (wanted := _hub_files(spec)) is None:
            config = timm.get_pretrained_cfg(spec)
            return create(spec, pretrained=True), "download", str(config.url), ""
        file = fetch(*wanted)
        return create(spec, pretrained=True), f"hub {file.repository}", file.name, file.revision
    except RunError as error:
        raise no_weights(spec, str(error)) from error


def _hub_files(spec: str) -> tuple[str, tuple[str, ...], str | None] | None:
    """Say where the hub keeps the weights: repository, names that the file may have, revision; None for elsewhere."""
    if spec.startswith(HUB):
        repository, revision = _place_on_hub(spec)
        return repository, WEIGHT_FILES, revision
    config = timm.get_pretrained_cfg(spec)
    if config is None or not config.hf_hub_id:
        return None
    return config.hf_hub_id, (config.hf_hub_filename,) if config.hf_hub_filename else WEIGHT_FILES, None


def _place_on_hub(spec: str) -> tuple[str, str | None]:
    repository, _, revision = spec.removeprefix(HUB).partition("@")
    return repository, revision or None


def no_weights(spec: str, reason: str) -> RunError:
    """Make the error of a model whose trained weights cannot be had: what was tried, what to do."""
    return RunError(
        f"no trained weights for {spec}: {reason}",
        f"give a file with --checkpoint, or {KEEP_CACHE}",
        "or run with --random-weights, which is stamped on every output",
    )


def _check_name(spec: str) -> None:
    if spec.startswith(HUB) and spec.removeprefix(HUB).count("/") != 1:
        raise UsageError(f"{spec} is not {HUB}org/name")
    if spec.startswith(LOCAL) and not (Path(spec.removeprefix(LOCAL)) / "config.json").is_file():
        raise RunError(f"{spec}: there is no config.json, as timm's save_for_hf writes it")
    if spec.startswith((HUB, LOCAL)):
        return
    architecture, _, tag = spec.partition(".")
    if not timm.is_model(architecture):
        raise UsageError(f"unknown model {spec!r}; {suggest(architecture, timm.list_models())}")
    if tag and spec not in (known := timm.list_pretrained(f"{architecture}.*")):
        raise UsageError(f"unknown weights {spec!r}; {suggest(spec, known)}")
