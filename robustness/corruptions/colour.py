"""Hue, saturation and value (Smith 1978), operation by operation as scikit-image computes them.

The order of the operations matters: many results are whole grey levels up to float64 rounding, and are then truncated.
"""

import torch
from torch import Tensor

# Where red, green and blue are found among (value, falling, rising, lowest), in each of the six sectors of hue.
SECTORS = ((0, 2, 3), (1, 0, 3), (3, 0, 2), (3, 1, 0), (2, 3, 0), (0, 3, 1))


def rgb_to_hsv(pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Convert float64 [B,3,H,W] in [0,1] to hue, saturation and value, each float64 [B,1,H,W] in [0,1]."""
    red, green, blue = pixels.chunk(3, dim=1)
    value = pixels.amax(1, keepdim=True)
    span = value - pixels.amin(1, keepdim=True)
    divisor = torch.where(span == 0, 1.0, span)
    sixths = torch.where(
        blue == value,
        4 + (red - green) / divisor,
        torch.where(green == value, 2 + (blue - red) / divisor, (green - blue) / divisor),
    )
    hue = torch.where(span == 0, 0.0, (sixths / 6).remainder(1.0))
    return hue, span / torch.where(span == 0, 1.0, value), value


def hsv_to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Convert hue, saturation and value, each float64 [B,1,H,W] in [0,1], to float64 [B,3,H,W] in [0,1]."""
    sector = (hue * 6).floor()
    part = hue * 6 - sector
    lowest = value * (1 - saturation)
    falling = value * (1 - part * saturation)
    rising = value * (1 - (1 - part) * saturation)
    table = torch.tensor(SECTORS, device=hue.device)
    channel = table[sector.long().squeeze(1) % 6].movedim(-1, 1)
    return torch.cat([value, falling, rising, lowest], dim=1).gather(1, channel)
