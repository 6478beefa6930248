"""Caustic refraction: an image seen through moving water, of ImageNet-C-bar (see `bar`)."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .fields import each, pixel_grid, size_of, uniform
from .filters import gaussian_blur

# The benchmark's own numbers, in tenths of a depth of half the shorter side, and of a brightness of 2.
CAUSTICS = (2.35, 3.2, 4.9, 6.6, 9.15)

FULL_TURN = 6.28318530718  # as the reference has it
FOCUS = 0.005
REFRACTION = 4.0  # ratio of the refractive indices
FLAT = 1 - 1e-3  # where a surface is more level than this (cosine), light goes straight through


def draw_water(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `water`, float64 [2]: moment, and period of the pattern in pixels."""
    period = uniform(0.75, 1.25, generator) * min(shape)
    return {"water": torch.stack([uniform(0.5, 2, generator), period])}


def caustics(water: Tensor, shape: Shape) -> Tensor:
    """Compute the light at the bottom of the water.

    water: float64 [B,2] as from `draw_water`. Returns float64 [B,H,W] in [0,1].
    """
    moment, period = each(water)
    down, right = ((line / period).remainder(1) * FULL_TURN - 250 for line in pixel_grid(shape, water.device))
    y, x = down, right
    light = water.new_ones(len(water), *shape)
    for wave in range(1, 6):
        t = moment * (1 - 3.5 / wave)
        y, x = down + ((t - y).cos() + (t + x).sin()), right + ((t - x).sin() + (t + y).cos())
        width = (down / ((y + t).sin() / FOCUS)).square() + (right / ((x + t).cos() / FOCUS)).square()
        light += 1 / width.sqrt()
    return (1.17 - (light / 5).pow(1.4)).abs().pow(8).clamp_(0, 1)


def soften(planes: Tensor) -> Tensor:
    """Blur float [B,H,W] with a Gaussian of 1 pixel, mirrored at the border with its edge pixels repeated."""
    radius = 4
    for dim in (1, 2):
        planes = torch.cat([planes.narrow(dim, 0, radius).flip(dim), planes, _last(planes, dim, radius).flip(dim)], dim)
    return gaussian_blur(planes[:, None], 1.0)[:, 0, radius:-radius, radius:-radius]


def _last(planes: Tensor, dim: int, count: int) -> Tensor:
    return planes.narrow(dim, planes.shape[dim] - count, count)


def slopes(surface: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much float [B,H,W] rises downwards and rightwards, over two pixels, with 0 outside."""
    wide = F.pad(surface, (1, 1, 1, 1))
    return wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1], wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]


def refract(downwards: Tensor, rightwards: Tensor, depth: float) -> tuple[Tensor, Tensor]:
    """Tell where vertical rays of light come from, by Snell's law.

    downwards, rightwards: the surface's slopes, float64 [B,H,W]. depth: in pixels. Returns offsets down and right in
    pixels, to three decimals, float64 [B,H,W].
    """
    level = (downwards.square() + rightwards.square() + 1).rsqrt()  # cosine of the angle of incidence
    sine_squared = 1 - level.square()
    bend = level * ((1 - sine_squared / REFRACTION**2).sqrt() - level / REFRACTION) * depth
    bend = torch.where(level >= FLAT, 0.0, bend)
    return (bend * downwards).round(decimals=3), (bend * rightwards).round(decimals=3)


def sample(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Read float32 images [B,3,H,W] at offsets float64 [B,H,W] from each pixel, bilinearly, with 0 outside.

    Offsets of 0 return the image exactly.
    """
    height, width = images.shape[2:]
    rows = torch.arange(height, dtype=torch.float64, device=images.device)[:, None] + down
    columns = torch.arange(width, dtype=torch.float64, device=images.device) + right
    top, left = rows.floor(), columns.floor()
    below, beside = ((place - first).float()[:, None] for place, first in ((rows, top), (columns, left)))
    padded = F.pad(images, (1, 1, 1, 1)).flatten(2)

    def pixel(y: Tensor, x: Tensor) -> Tensor:
        place = (y + 1).clamp(0, height + 1) * (width + 2) + (x + 1).clamp(0, width + 1)
        return padded.gather(2, place.long().flatten(1)[:, None].expand(-1, 3, -1)).view_as(images)

    upper = pixel(top, left) * (1 - beside) + pixel(top, left + 1) * beside
    lower = pixel(top + 1, left) * (1 - beside) + pixel(top + 1, left + 1) * beside
    return upper * (1 - below) + lower * below


def caustic_refraction(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Bend the image by the waves, and light it by their slopes.

    The reference leaves float32 only when it scales back to grey levels: half of them come out one lower even where
    the water is level. So they do here.
    """
    amount = at(CAUSTICS, severity) / 10
    downwards, rightwards = slopes(soften(caustics(draw["water"], size_of(images))))
    depth = amount * 0.5 * min(size_of(images))
    bent = sample(images.float().div_(255), *refract(downwards, rightwards, depth))
    for slope in (-rightwards, downwards):
        bent.add_((slope * (amount * 2)).float()[:, None])
    return quantise(bent.clamp_(0, 1).double().mul_(255))


register("caustic_refraction", caustic_refraction, draw_water)
