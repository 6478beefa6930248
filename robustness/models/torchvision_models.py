"""Models of torchvision, with the preprocessing that their weights state: `torchvision:resnet50[.IMAGENET1K_V1]`."""

from typing import Any
from urllib.error import URLError

import torch
from torchvision import models

from ..checkpoints import load_strictly, read_state_dict
from ..errors import UsageError
from ..registry import suggest
from .model import Loaded, Weights, stated_preprocessing
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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = models.get_model(name, weights=None)
    source, file = "random numbers", ""
    if weights.checkpoint is not None:
        load_strictly(module, read_state_dict(weights.checkpoint), f"checkpoint {weights.checkpoint}")
        source, file = "file", weights.checkpoint.name
    elif weights.pretrained:
        try:
            load_strictly(module, trained.get_state_dict(progress=False, check_hash=True), trained.url)
        except (URLError, OSError, RuntimeError) as error:
            raise no_weights(spec, f"{trained.url} and torch's cache were tried ({error})") from error
        source, file = f"torchvision {trained.name}", trained.url
    return Loaded(module, stated_preprocessing(_facts(trained.transforms()), spec, ""), name, source, file)


def _facts(transforms: Any) -> dict[str, Any]:
    return {
        "input_size": transforms.crop_size[0],
        "resize": transforms.resize_size[0],
        "interpolation": transforms.interpolation.value,
        "mean": transforms.mean,
        "std": transforms.std,
    }
