"""Where PiT's trained weights are, and how their layouts translate.

Two layouts are about: the official one (github.com/naver-ai/pit), which `model.py` has, and timm's, in which a pooling
layer belongs to the stage behind it.
"""

import re
from collections.abc import Mapping
from typing import Any

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn.functional import interpolate

OFFICIAL_URL = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-pit-weights/"
OFFICIAL_FILES = {
    "pit_ti": "pit_ti_730.pth",
    "pit_xs": "pit_xs_781.pth",
    "pit_s": "pit_s_809.pth",
    "pit_b": "pit_b_820.pth",
    "pit_ti_distilled": "pit_ti_distill_746.pth",
    "pit_xs_distilled": "pit_xs_distill_791.pth",
    "pit_s_distilled": "pit_s_distill_819.pth",
    "pit_b_distilled": "pit_b_distill_840.pth",
}

_TIMM_POOL = re.compile(r"^transformers\.(\d+)\.pool\.")


def pretrained_cfg(name: str) -> dict[str, Any]:
    """Describe the ImageNet-1k weights of `name` and their preprocessing, in the terms of timm's `PretrainedCfg`.

    The hub's copy comes first, the official file second. Raises KeyError for an unknown name.
    """
    return {
        "url": OFFICIAL_URL + OFFICIAL_FILES[name],
        "hf_hub_id": f"timm/{name}_224.in1k",  # written out: timm would complete it with our name, without the _224
        "input_size": (3, 224, 224),
        "fixed_input_size": True,
        "crop_pct": 0.9,
        "interpolation": "bicubic",
        "mean": IMAGENET_DEFAULT_MEAN,
        "std": IMAGENET_DEFAULT_STD,
        "num_classes": 1000,
        "first_conv": "patch_embed.conv",
        "classifier": ("head", "head_dist") if name.endswith("_distilled") else "head",
        "license": "apache-2.0",
        "origin_url": "https://github.com/naver-ai/pit",
        "paper_name": "Rethinking Spatial Dimensions of Vision Transformers",
        "paper_ids": "arXiv:2103.16302",
    }


def official_layout(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename timm's keys `transformers.{i+1}.pool.*` to the official `pools.{i}.*`; all others stay as they are."""
    return {_TIMM_POOL.sub(lambda stage: f"pools.{int(stage[1]) - 1}.", key): state_dict[key] for key in state_dict}


def checkpoint_filter_fn(state_dict: Mapping[str, Tensor], _model: nn.Module) -> dict[str, Tensor]:
    """Make either layout fit `load_state_dict`: timm's hook, called before weights go into a model.

    A position embedding of another size is left alone, so that loading it fails: see `resize_pos_embed`.
    """
    return official_layout(state_dict)


def resize_pos_embed(pos_embed: Tensor, grid: tuple[int, int]) -> Tensor:
    """Fit a position embedding to another `img_size`, by bicubic interpolation (Dosovitskiy et al., arXiv:2010.11929).

    pos_embed: float [1,C,h,w]. grid: the new height and width in patches, `model.pos_embed.shape[-2:]`.
    Returns a new tensor [1,C,*grid] of the same dtype. Never done unasked: it changes what a model predicts.
    """
    resized = interpolate(pos_embed.float(), size=grid, mode="bicubic", antialias=True)
    return resized.to(pos_embed.dtype)
