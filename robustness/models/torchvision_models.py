"""Models of torchvision, with the preprocessing that their weights state: `torchvision:resnet50[.IMAGENET1K_V1]`."""

from typing import Any

from torch import nn
from torchvision import models

from ..checkpoints import UNREADABLE, load_strictly, read_state_dict
from ..errors import UsageError, first_line
from ..registry import suggest
from .model import Loaded, Weights, reproducible, stated_preprocessing
from .timm_models import no_weights

SCHEME = "torchvision:"


def load_torchvision(spec: str, weights: Weights) -> Loaded:
    """Load a torchvision classifier; without a tag, with the weights that torchvision calls the default.

    Raises UsageError for an unknown name or tag and RunError for weights that cannot be had or do not fit.
    """
    name, _, tag = spec.removeprefix(SCHEME).partition(".")
    known = models.list_models(module=models)
    if name not in known:
        raise UsageError(f"unknown model {spec!r}; {suggest(name, known)}")
    tags = models.get_model_weights(name).__members__
    if tag and tag not in tags:
        raise UsageError(f"unknown weights {spec!r}; {suggest(tag, list(tags))}")
    trained = tags[tag or "DEFAULT"]
    source, file = "random numbers", ""
    with reproducible():
        if weights.pretrained:
            module = _pretrained(spec, name, trained)
            source, file = f"torchvision {trained.name}", trained.url
        else:
            module = models.get_model(name, weights=None, **_as_trained(name, trained))
    if weights.checkpoint is not None:
        load_strictly(module, read_state_dict(weights.checkpoint), f"checkpoint {weights.checkpoint}")
        source, file = "file", weights.checkpoint.name
    return Loaded(module, stated_preprocessing(_facts(trained.transforms()), spec, ""), name, source, file)


def _pretrained(spec: str, name: str, trained: models.WeightsEnum) -> nn.Module:
    """Have torchvision load its weights: some want another network than its default, some files have old names."""
    try:
        module: nn.Module = models.get_model(name, weights=trained, progress=False)
    except UNREADABLE as error:
        raise no_weights(spec, f"{trained.url} and torch's cache were tried ({first_line(error)})") from error
    return module


def _as_trained(name: str, trained: models.WeightsEnum) -> dict[str, Any]:
    """Return the arguments that torchvision adds to a network for its trained weights."""
    if name in ("googlenet", "inception_v3"):
        return {"transform_input": True, "init_weights": False}  # it takes its pixels by another mean and deviation
    return {"image_size": trained.meta["min_size"][0]} if name.startswith("vit_") else {}


def _facts(transforms: Any) -> dict[str, Any]:
    return {
        "input_size": transforms.crop_size[0],
        "resize": transforms.resize_size[0],
        "interpolation": transforms.interpolation.value,
        "mean": transforms.mean,
        "std": transforms.std,
    }
