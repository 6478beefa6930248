"""PiT, the Pooling-based Vision Transformer (Heo et al., ICCV 2021, arXiv:2103.16302).

`pit.pit_s(pretrained=True)`, or after `import pit` also `timm.create_model("pit_s", pretrained=True)`.
"""

from .model import PiTConfig, PoolingTransformer
from .registry import (
    CONFIGS,
    pit_b,
    pit_b_distilled,
    pit_s,
    pit_s_distilled,
    pit_ti,
    pit_ti_distilled,
    pit_xs,
    pit_xs_distilled,
)
from .weights import checkpoint_filter_fn, official_layout, resize_pos_embed

__all__ = [
    "CONFIGS",
    "PiTConfig",
    "PoolingTransformer",
    "checkpoint_filter_fn",
    "official_layout",
    "pit_b",
    "pit_b_distilled",
    "pit_s",
    "pit_s_distilled",
    "pit_ti",
    "pit_ti_distilled",
    "pit_xs",
    "pit_xs_distilled",
    "resize_pos_embed",
]
