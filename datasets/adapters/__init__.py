"""One file a benchmark, or a family of them: its layouts, its classes, and how many images there should be."""

from . import background_challenge, corruptions, cue_conflict, imagenet, imagenet_v2, objectnet, wnid_folders
from .adapter import Adapter

_ALL = (
    imagenet.ADAPTER,
    wnid_folders.IMAGENET_A,
    wnid_folders.IMAGENET_O,
    wnid_folders.IMAGENET_R,
    wnid_folders.IMAGENET_SKETCH,
    imagenet_v2.ADAPTER,
    wnid_folders.STYLIZED_IMAGENET,
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
