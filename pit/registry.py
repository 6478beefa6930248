"""The eight published models, by name: as functions, and for `timm.create_model`."""

from dataclasses import replace
from typing import Any, Protocol

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

from .model import PiTConfig, PoolingTransformer, checkpoint_filter_fn
from .weights import pretrained_cfg

CONFIGS = {
    "pit_ti": PiTConfig(patch_size=16, stride=8, head_dim=32, depths=(2, 6, 4), heads=(2, 4, 8)),
    "pit_xs": PiTConfig(patch_size=16, stride=8, head_dim=48, depths=(2, 6, 4), heads=(2, 4, 8)),
    "pit_s": PiTConfig(patch_size=16, stride=8, head_dim=48, depths=(2, 6, 4), heads=(3, 6, 12)),
    "pit_b": PiTConfig(patch_size=14, stride=7, head_dim=64, depths=(3, 6, 4), heads=(4, 8, 16)),
}
CONFIGS |= {f"{name}_distilled": replace(config, distilled=True) for name, config in CONFIGS.items()}

# `register_model` reads a global of exactly this name.
default_cfgs = generate_default_cfgs({f"{name}.in1k": pretrained_cfg(name) for name in CONFIGS})


class EntryPoint(Protocol):
    """What makes a model of one name."""

    def __call__(self, pretrained: bool = False, **kwargs: Any) -> PoolingTransformer:
        """Make the model; with `pretrained`, load its ImageNet-1k weights, which downloads them once.

        kwargs: arguments of `PoolingTransformer`, and timm's own, such as `pretrained_cfg_overlay`.
        """


def _entry_point(name: str) -> EntryPoint:
    """Register with timm, under `name`, a function that makes that model."""

    def create(pretrained: bool = False, **kwargs: Any) -> PoolingTransformer:
        model: PoolingTransformer = build_model_with_cfg(
            PoolingTransformer,
            name,
            pretrained,
            model_cfg=CONFIGS[name],
            pretrained_filter_fn=checkpoint_filter_fn,
            **kwargs,
        )
        return model

    create.__name__ = create.__qualname__ = name
    create.__doc__ = EntryPoint.__call__.__doc__
    register_model(create)
    return create


pit_ti = _entry_point("pit_ti")
pit_xs = _entry_point("pit_xs")
pit_s = _entry_point("pit_s")
pit_b = _entry_point("pit_b")
pit_ti_distilled = _entry_point("pit_ti_distilled")
pit_xs_distilled = _entry_point("pit_xs_distilled")
pit_s_distilled = _entry_point("pit_s_distilled")
pit_b_distilled = _entry_point("pit_b_distilled")
