"""Sparkles: stars with many rays of random lengths, of ImageNet-C-bar (see `bar`)."""

import math

import torch
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .fields import pixel_grid, size_of, uniform

# The benchmark's own numbers, in tenths of ...
SPARKLES = (1, 2, 3, 5, 6)  # a radius of a tenth of the shorter side
INVERSE_SPARKLES = (1, 2, 4, 9, 10)  # a power of 1.3

STARS = 5
MOST_RAYS = 199


def star(centre: Tensor, rays: Tensor, lengths: Tensor, power: float, shape: Shape) -> Tensor:
    """Let a star shine.

    centre: float64 [B,2], row and column in pixels. rays: int64 [B], how many, at most 199. lengths: float64 [B,199]
    in pixels, those beyond `rays` not being read. power: how fast the light fades with the square of the distance.
    shape: of the image. Returns float64 [B,H,W] in [0,1].
    """
    rows, columns = pixel_grid(shape, centre.device)
    down, right = rows - centre[:, 0, None, None], columns - centre[:, 1, None, None]
    count = rays[:, None, None]
    turn = (torch.atan2(right, down) + math.pi) / (2 * math.pi) * count
    first = turn.long()
    part = turn - first
    start, end = (lengths.gather(1, (ray % count).flatten(1)).view_as(turn) for ray in (first, first + 1))
    reach = start + part * (end - start)
    glow = (reach.square() / (down.square() + right.square() + 1e-4)).pow(power)
    return (1 - (part - 0.5).square()).mul_(glow).clamp_(0, 1)


def draw_stars(centres: Tensor, radius: float, generator: Generator) -> Draw:
    """Draw `centre`, float64 [n,2], `rays`, int64 [n], and `lengths`, float64 [n,199], each normal about `radius`."""
    rays = torch.randint(50, MOST_RAYS + 1, centres.shape[:1], generator=generator)
    spread = torch.randn((len(centres), MOST_RAYS), dtype=torch.float64, generator=generator)
    return {"centre": centres, "rays": rays, "lengths": radius + 0.25 * radius * spread}


def draw_sparkles(severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw five stars anywhere in the image."""
    centres = uniform(0, 1, generator, STARS, 2) * torch.tensor(shape)
    return draw_stars(centres, at(SPARKLES, severity) * 0.1 / 10 * min(shape), generator)


def sparkles(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Lay white stars over the image, one after the other; no ray is shorter than a pixel."""
    at(SPARKLES, severity)
    levels = images.float()
    for each in range(STARS):
        centre, rays, lengths = (draw[key][:, each] for key in ("centre", "rays", "lengths"))
        light = star(centre, rays, lengths.clamp(min=1), 1, size_of(images))[:, None]
        levels = (levels + light * (255 - levels)).float()
    return quantise(levels)


def draw_inverse_sparkles(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw a star not too near the border."""
    centre = uniform(0.25, 0.75, generator, 1, 2) * torch.tensor(shape)
    return draw_stars(centre, 0.25 * min(shape), generator)


def inverse_sparkles(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Show the image through a star, and white where the star does not shine."""
    power = at(INVERSE_SPARKLES, severity) * 65 / 10 / 50
    centre, rays, lengths = (draw[key][:, 0] for key in ("centre", "rays", "lengths"))
    light = star(centre, rays, lengths, power, size_of(images))[:, None]
    return quantise(255 + light * (images.double() - 255))


register("inverse_sparkles", inverse_sparkles, draw_inverse_sparkles)
register("sparkles", sparkles, draw_sparkles)
