"""One file a benchmark, or a family of them: its layouts, its classes, and how many images there should be."""

from . import (
    background_challenge,
    corruptions,
    cue_conflict,
    imagenet,
    imagenet_a,
    imagenet_o,
    imagenet_r,
    imagenet_sketch,
    imagenet_v2,
    objectnet,
    stylized_imagenet,
)
from .adapter import Adapter

_ALL = (
    imagenet.ADAPTER,
    imagenet_a.ADAPTER,
    imagenet_o.ADAPTER,
    imagenet_r.ADAPTER,
    imagenet_sketch.ADAPTER,
    imagenet_v2.ADAPTER,
    stylized_imagenet.ADAPTER,
    corruptions.IMAGENET_C,
    corruptions.IMAGENET_C_BAR,
    corruptions.IMAGENET_3DCC,
    cue_conflict.CUE_CONFLICT,
    cue_conflict.EDGES,
    cue_conflict.SILHOUETTES,
    objectnet.ADAPTER,
    background_challenge.ADAPTER,
)
ADAPTERS = {adapter.name: adapter for adapter in _ALL}

__all__ = ["ADAPTERS", "Adapter"]
