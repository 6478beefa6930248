"""Spatter: drops of water (severities 1-3) or mud (4, 5) on the lens."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .edges import Bytes, canny, chamfer_distance
from .filters import gaussian_blur

Floats = npt.NDArray[np.float32]

SPATTER = (  # mean, standard deviation and sigma of the liquid, threshold, strength, kind
    (0.65, 0.3, 4, 0.69, 0.6, "water"),
    (0.65, 0.3, 3, 0.68, 0.6, "water"),
    (0.65, 0.3, 2, 0.68, 0.5, "water"),
    (0.65, 0.3, 1, 0.65, 1.5, "mud"),
    (0.67, 0.4, 1, 0.65, 1.5, "mud"),
)
COLOURS = {"water": (175, 238, 238), "mud": (63, 42, 20)}  # RGB grey levels
RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])  # lights the drops from one side


def draw_spatter(severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `mask`: float32 [H,W], how much of the liquid's colour each pixel takes."""
    return {"mask": spatter_mask(torch.randn(shape, generator=generator).double(), severity)}


def spatter_mask(noise: Tensor, severity: int) -> Tensor:
    """Make drops of noise: standard normal, float64 [H,W] → float32 [H,W] in [0, strength] (water) or [0,1] (mud)."""
    mean, deviation, sigma, threshold, strength, kind = at(SPATTER, severity)
    liquid = gaussian_blur((mean + deviation * noise)[None, None], sigma)
    if kind == "mud":
        drops = gaussian_blur((liquid > threshold).double(), strength)[0, 0].float()
        return torch.where(drops < 0.8, 0.0, drops)
    drops = torch.where(liquid < threshold, 0.0, liquid)[0, 0]
    return torch.from_numpy(_water((drops * 255).to(torch.uint8).numpy()) * np.float32(strength))


def _water(liquid: Bytes) -> Floats:
    """Shade drops by the distance to their rims. Returns float32 [H,W] in [0,1]; all 0 where there is no drop."""
    distance = chamfer_distance(canny(liquid, 50, 150), 20)
    depth = equalise(_box_mean(distance).astype(np.float32).astype(np.uint8))
    relief = ndimage.correlate(depth.astype(np.int32), RELIEF, mode="mirror").clip(0, 255)
    shaded = liquid * np.rint(_box_mean(relief)).astype(np.float32)
    return np.asarray(shaded / max(shaded.max(), np.float32(1)), dtype=np.float32)


def _box_mean(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Average over 3×3 pixels, the image mirrored at its border (edge pixels not repeated)."""
    wide = np.pad(values.astype(np.float64), 1, mode="reflect")
    lines = wide[:-2] + wide[1:-1] + wide[2:]
    return (lines[:, :-2] + lines[:, 1:-1] + lines[:, 2:]) / 9


def equalise(grey: Bytes) -> Bytes:
    """Spread grey levels so that all are equally frequent, the darkest present becoming 0, as OpenCV does."""
    counts = np.bincount(grey.reshape(-1), minlength=256)
    darkest = int(grey.min())
    rest = grey.size - counts[darkest]
    if rest == 0:
        return grey
    below = np.cumsum(counts) - counts[: darkest + 1].sum()
    scale = np.float32(255) / np.float32(rest)
    levels: Bytes = np.rint(below.clip(0).astype(np.float32) * scale).astype(np.uint8)
    return levels[grey]


def spatter(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Add the glint of water, or cover with mud."""
    kind = at(SPATTER, severity)[-1]
    mask = draw["mask"][:, None]
    colour = torch.tensor(COLOURS[kind], dtype=torch.float32, device=images.device)[:, None, None]
    if kind == "mud":
        return quantise((images * (1 - mask)).add_(mask * colour))
    return quantise((mask * colour).add_(images))


register("spatter", spatter, draw_spatter)
