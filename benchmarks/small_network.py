"""A network so small that it costs nothing: what runs are tried on whose model does not matter."""

import torch
from torch import nn


def build() -> nn.Module:
    """Make it, with the same random weights each time; for images [B,3,224,224]."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(3 * 14 * 14, 1000))
    half = (0.5,) * 3
    view = {"input_size": 224, "crop_pct": 0.875, "interpolation": "bilinear"}
    net.pretrained_cfg = {**view, "mean": half, "std": half}  # type: ignore[assignment]
    return net
