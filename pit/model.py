"""The Pooling-based Vision Transformer (PiT): a ViT that halves its grid and doubles its width twice, as a CNN does.

Heo et al., "Rethinking Spatial Dimensions of Vision Transformers", ICCV 2021, arXiv:2103.16302. The distillation token
is that of Touvron et al., "Training data-efficient image transformers & distillation through attention", ICML 2021,
arXiv:2012.12877. Parameters are named as in the official weights (github.com/naver-ai/pit).
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise, zip_longest

import torch
from einops import rearrange
from timm.layers.helpers import to_2tuple
from torch import Tensor, nn

from .blocks import Block, LayerNorm, Pool, Stage
from .weights import checkpoint_filter_fn

# timm's convention: a model's checkpoint filter is found in the module that defines its class.
__all__ = ["PiTConfig", "PoolingTransformer", "checkpoint_filter_fn"]


@dataclass(frozen=True, slots=True)
class PiTConfig:
    """What tells one PiT from another.

    patch_size, stride: pixels; patches overlap, and are not padded. head_dim: channels of one attention head.
    depths, heads: blocks and attention heads of each stage; a stage is heads · head_dim channels wide.
    """

    patch_size: int
    stride: int
    head_dim: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    mlp_ratio: float = 4.0
    distilled: bool = False

    @property
    def dims(self) -> tuple[int, ...]:
        """The width of each stage."""
        return tuple(self.head_dim * heads for heads in self.heads)

    @property
    def class_tokens(self) -> int:
        """How many class tokens there are: 1, or 2 when distilled."""
        return 2 if self.distilled else 1


class PoolingTransformer(nn.Module):
    """PiT, with the methods that timm expects of a model.

    Dropout: `drop_rate` before the heads, `pos_drop_rate` after the position embedding, `proj_drop_rate` after each
    linear layer of a block, `attn_drop_rate` on attention weights; `drop_path_rate` is the stochastic depth of the last
    block, which grows linearly from 0 at the first. Linear layers and convolutions keep PyTorch's initialisation, as
    in the official code.
    """

    def __init__(
        self,
        cfg: PiTConfig,
        *,
        img_size: int | tuple[int, int] = 224,
        in_chans: int = 3,
        num_classes: int = 1000,
        drop_rate: float = 0.0,
        pos_drop_rate: float = 0.0,
        proj_drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.img_size: tuple[int, int] = to_2tuple(img_size)
        self.in_chans = in_chans
        self.num_features = self.head_hidden_size = cfg.dims[-1]
        self.distilled_training = cfg.distilled
        height, width = ((pixels - cfg.patch_size) // cfg.stride + 1 for pixels in self.img_size)

        self.patch_embed = nn.Sequential(
            OrderedDict(conv=nn.Conv2d(in_chans, cfg.dims[0], kernel_size=cfg.patch_size, stride=cfg.stride))
        )
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, cfg.dims[0], height, width), std=0.02))
        self.cls_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, cfg.class_tokens, cfg.dims[0]), std=0.02))
        self.pos_drop = nn.Dropout(pos_drop_rate)
        self.transformers = nn.ModuleList(_stages(cfg, attn_drop_rate, proj_drop_rate, drop_path_rate))
        self.pools = nn.ModuleList(_pools(cfg, height))
        self.norm = LayerNorm(self.num_features)
        self.head_drop = nn.Dropout(drop_rate)
        self.head: nn.Module
        self.head_dist: nn.Module | None = nn.Identity() if cfg.distilled else None
        self.reset_classifier(num_classes)

    def forward_features(self, images: Tensor) -> Tensor:
        """Give the normalised class tokens.

        images: float [B,in_chans,H,W] with (H, W) = `img_size`, after the model's own mean and standard deviation.
        Returns float [B,K,C]. Raises ValueError for images of another size.
        """
        if images.shape[-2:] != self.img_size:
            raise ValueError(f"the model was built for img_size={self.img_size}, not {tuple(images.shape[-2:])}")
        tokens = self._embed(images)
        for stage, pool in zip_longest(self.transformers, self.pools):
            tokens = stage(tokens)
            if pool is not None:  # none after the last stage
                tokens = pool(tokens)
        normalised: Tensor = self.norm(tokens)
        return normalised

    def _embed(self, images: Tensor) -> Tensor:
        grid = self.pos_drop(self.patch_embed(images) + self.pos_embed)
        class_tokens = self.cls_token.expand(images.shape[0], -1, -1)
        return torch.cat((class_tokens, rearrange(grid, "b c h w -> b (h w) c")), dim=1)

    def forward_head(self, class_tokens: Tensor, pre_logits: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Turn class tokens [B,K,C] into logits [B,num_classes], or with `pre_logits` into features [B,C].

        Two heads give their mean, but a pair (class, distillation) in training mode: see `set_distilled_training`.
        """
        class_tokens = self.head_drop(class_tokens)
        first = class_tokens[:, 0] if pre_logits else self.head(class_tokens[:, 0])
        if self.head_dist is None:
            return first
        second = class_tokens[:, 1] if pre_logits else self.head_dist(class_tokens[:, 1])
        if self.training and self.distilled_training:
            return first, second
        return (first + second) / 2

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Classify: float [B,in_chans,H,W] → logits [B,num_classes], or a pair of them (see `forward_head`)."""
        return self.forward_head(self.forward_features(images))

    def get_classifier(self) -> nn.Module | tuple[nn.Module, nn.Module]:
        """Return the head, or both heads."""
        return self.head if self.head_dist is None else (self.head, self.head_dist)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put new heads for `num_classes` in place; 0 leaves the features as they are.

        global_pool: as timm passes it; a PiT reads its class tokens, so anything but `token` raises ValueError.
        """
        if global_pool not in (None, "token"):
            raise ValueError(f"global_pool {global_pool!r}: a PiT has class tokens and pools nothing")
        self.num_classes = num_classes
        self.head = self._new_head()
        if self.head_dist is not None:
            self.head_dist = self._new_head()

    def _new_head(self) -> nn.Module:
        if self.num_classes == 0:
            return nn.Identity()
        like = self.cls_token
        return nn.Linear(self.num_features, self.num_classes, device=like.device, dtype=like.dtype)

    def no_weight_decay(self) -> set[str]:
        """Name the parameters that an optimiser should not decay."""
        return {"pos_embed", "cls_token"}

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trade time for memory in training."""
        for module in self.modules():
            if isinstance(module, Stage):
                module.grad_checkpointing = enable

    def set_distilled_training(self, enable: bool = True) -> None:
        """Choose what two heads give in training mode: a pair of logits (the default), or their mean."""
        self.distilled_training = enable


def _stages(cfg: PiTConfig, attn_drop: float, proj_drop: float, drop_path_rate: float) -> list[Stage]:
    block = partial(Block, mlp_ratio=cfg.mlp_ratio, attn_drop=attn_drop, proj_drop=proj_drop)
    depth = sum(cfg.depths)
    drop_paths = torch.linspace(0, drop_path_rate, depth, device="cpu").tolist()
    # Nothing but the class tokens is read after the last block: there, the grid is only attended to.
    queries = [None] * (depth - 1) + [cfg.class_tokens]
    settings = iter(zip(drop_paths, queries, strict=True))
    return [
        Stage([block(dim, heads, drop_path=rate, queries=first) for rate, first in islice(settings, n)])
        for dim, heads, n in zip(cfg.dims, cfg.heads, cfg.depths, strict=True)
    ]


def _pools(cfg: PiTConfig, height: int) -> list[Pool]:
    heights = (-(-height // 2**i) for i in range(len(cfg.dims) - 1))  # each pooling halves, rounding up
    return [Pool(*dims, cfg.class_tokens, h) for dims, h in zip(pairwise(cfg.dims), heights, strict=True)]
