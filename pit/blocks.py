"""What PiT is made of: attention, transformer blocks, stages of them, and the pooling between stages.

`tokens` are float [B, K + h·w, C]: K class tokens (1, or 2 when distilled), then a grid of h × w, row by row.
"""

from collections.abc import Sequence
from functools import partial

import torch
from einops import rearrange
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

LayerNorm = partial(nn.LayerNorm, eps=1e-6)


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al., 2017, arXiv:1706.03762)."""

    def __init__(self, dim: int, heads: int, attn_drop: float, proj_drop: float) -> None:
        super().__init__()
        self.heads = heads
        self.attn_drop = attn_drop
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(proj_drop)

    def forward(self, tokens: Tensor, queries: int | None = None) -> Tensor:
        """Let the first `queries` tokens (None: all) attend to all: float [B,N,C] → [B,queries,C]."""
        qkv = rearrange(self.qkv(tokens), "b n (three heads c) -> three b heads n c", three=3, heads=self.heads)
        q, k, v = qkv.unbind()
        dropout = self.attn_drop if self.training else 0.0
        attended = scaled_dot_product_attention(q[:, :, :queries], k, v, dropout_p=dropout)
        projected: Tensor = self.proj_drop(self.proj(rearrange(attended, "b heads n c -> b n (heads c)")))
        return projected


class Block(nn.Module):
    """A pre-norm transformer block, of which only the first `queries` tokens (None: all) come out."""

    def __init__(
        self,
        dim: int,
        heads: int,
        mlp_ratio: float,
        attn_drop: float,
        proj_drop: float,
        drop_path: float,
        queries: int | None,
    ) -> None:
        super().__init__()
        self.queries = queries
        self.norm1 = LayerNorm(dim)
        self.attn = Attention(dim, heads, attn_drop, proj_drop)
        self.norm2 = LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), drop=proj_drop)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        """Float [B,N,C] → [B,queries,C]."""
        tokens = tokens[:, : self.queries] + self.drop_path(self.attn(self.norm1(tokens), self.queries))
        mixed: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return mixed


class Stage(nn.Module):
    """The blocks between two poolings."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.grad_checkpointing = False

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply the blocks; with gradient checkpointing, activations inside them are computed again when needed."""
        for block in self.blocks:
            if self.grad_checkpointing and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
        return tokens


class Pool(nn.Module):
    """The pooling layer: a strided depthwise convolution of the grid, and a linear layer for the class tokens."""

    def __init__(self, dim: int, out_dim: int, class_tokens: int, height: int) -> None:
        super().__init__()
        self.class_tokens = class_tokens
        self.height = height
        self.conv = nn.Conv2d(dim, out_dim, kernel_size=3, stride=2, padding=1, groups=dim)
        self.fc = nn.Linear(dim, out_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Float [B, K + h·w, C] → [B, K + ⌈h/2⌉·⌈w/2⌉, out_dim]."""
        grid = rearrange(tokens[:, self.class_tokens :], "b (h w) c -> b c h w", h=self.height)
        pooled = rearrange(self.conv(grid), "b c h w -> b (h w) c")
        return torch.cat((self.fc(tokens[:, : self.class_tokens]), pooled), dim=1)
