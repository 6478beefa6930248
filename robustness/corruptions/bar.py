"""ImageNet-C-bar's waves and checkerboards. Its other corruptions: caustics, perlin, sparkles, spectrum.

Ten corruptions chosen to be far from ImageNet-C's in what they do to a network's features. Source: Mintun, Kirillov &
Xie 2021, "On Interaction Between Augmentations and Corruptions in Natural Corruption Robustness", arXiv:2102.11273, as
its published code computes them for 224×224 images; at other sizes, lengths are in proportion to the shorter side.

Given the same random parameters, all ten agree with that code up to rounding. The parameters have the same
distributions, but come from this project's generators: single images differ from the published archive's.
"""

import math

import torch
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .fields import each, pixel_grid, size_of, uniform

# The benchmark's own numbers, in tenths of ...
SINE_WAVE = (1, 1.5, 2, 4.5, 5)  # 196 grey levels
SINE_RINGS = (3, 5, 8, 9, 10)  # 128 grey levels
PLASMA = (4.75, 7, 8.5, 9.25, 10)  # 64 grey levels, of 255
CHECKERBOARD = (2, 3, 4, 5, 6)  # all squares of one colour

GREY = 128


def draw_wave(_severity: int, _shape: Shape, generator: Generator) -> Draw:
    """Draw `wave`: frequencies rightwards and downwards in radians per pixel, and phase, float64 [3].

    One frequency is uniform below Nyquist's, the other uniform below the first; which is which, a coin decides.
    """
    larger = uniform(-math.pi, math.pi, generator)
    pair = torch.stack([larger, larger.abs() * uniform(-1, 1, generator)])
    pair = pair[torch.randperm(2, generator=generator)]
    return {"wave": torch.cat([pair, uniform(0, 2 * math.pi, generator, 1)])}


def single_frequency_greyscale(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Add a grey plane wave."""
    rows, columns = pixel_grid(size_of(images), images.device)
    rightwards, downwards, phase = each(draw["wave"])
    wave = (columns * rightwards + rows * downwards + phase).sin_()
    return quantise(wave.mul_(at(SINE_WAVE, severity) * 196 / 10)[:, None] + images)


def draw_rings(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `rings`, float64 [5]: column and row of the centre, petals, their height, and the rings' width in pixels."""
    centre = uniform(0, 1, generator, 2) * torch.tensor([shape[1], shape[0]])
    petals = uniform(0, 10, generator, 1)
    return {"rings": torch.cat([centre, petals, uniform(0, min(shape) / 10, generator, 2)])}


def cocentric_sine_waves(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Add ramps of grey that repeat with the distance from a centre, the rings wavy like petals.

    The number of petals need not be whole: then the rings break on one side.
    """
    rows, columns = pixel_grid(size_of(images), images.device)
    column, row, petals, height, width = each(draw["rings"])
    right, down = columns - column, rows - row
    wave = (torch.atan2(right, down) * petals).sin_() * height
    distance = (right.square() + down.square()).sqrt_() + wave
    ramp = distance.remainder(width) / width - 0.5
    return quantise(ramp.mul_(at(SINE_RINGS, severity) * 128 / 10)[:, None] + images)


def draw_plasma(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `plasma`, float64 [4]: moment, iterations (4, 5 or 6), sharpness, and scale in pixels."""
    iterations = torch.randint(4, 7, (1,), generator=generator)
    ranges = ((0, 6 * math.pi), (0.5, 1), (0.075 * min(shape), 0.2 * min(shape)))
    moment, *rest = (uniform(low, high, generator, 1) for low, high in ranges)
    return {"plasma": torch.cat([moment, iterations, *rest])}


def plasma_colours(plasma: Tensor, shape: Shape) -> Tensor:
    """Colour a plane that is folded again and again, each time finer.

    plasma: float64 [B,4] as from `draw_plasma`. Returns red, green and blue, float64 [B,3,H,W] in [-1,1].
    """
    rows, columns = pixel_grid(shape, plasma.device)
    moment, iterations, sharpness, scale = each(plasma)
    x, y = columns / scale, rows / scale
    frequency, slowness, calm = 1.0, 1.0, torch.ones_like(scale)
    for iteration in range(6):
        across = (y * frequency + moment / slowness).cos_() / calm
        down = (x * frequency + moment / slowness).sin_() / calm
        goes_on = iteration < iterations
        x = torch.where(goes_on, x + (across - down * 0.3), x)
        y = torch.where(goes_on, y + (down + across * 0.3), y)
        frequency, slowness, calm = frequency * 1.93, slowness * 1.15, calm * (2.25 - sharpness)
    colours = (x - moment).sin(), ((x + y + moment.sin()) * 0.5).sin_(), (y + moment).sin_()
    return torch.stack(colours, dim=1)


def plasma_noise(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Mix with clouds of light and dark colours."""
    share = at(PLASMA, severity) * 64 / 10
    colours = plasma_colours(draw["plasma"], size_of(images))
    return quantise(colours.mul_(share).add_(images * (1 - share / 255)))


def draw_checkerboard(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `board`, float64 [2]: angle and the squares' side in pixels; and `lot`, float32 [n,n], one a square.

    A side is at least a tenth of the shorter side of the image. The board turns about the upper left corner: its
    squares count from there, backwards ones (negative) from the end of `lot`, which is large enough for both.
    """
    furthest = int(math.hypot(*shape) / (0.1 * min(shape)))
    side = uniform(0.1, 0.25, generator) * min(shape)
    lot = torch.rand((2 * furthest + 1, 2 * furthest + 1), generator=generator)
    return {"board": torch.stack([uniform(0, 2 * math.pi, generator), side]), "lot": lot}


def checkerboard_cutout(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Cover some squares of one colour of a checkerboard with grey.

    As in the reference, squares right before and after the axes through the corner share their lot.
    """
    rows, columns = pixel_grid(size_of(images), images.device)
    angle, side = each(draw["board"])
    along = (angle.cos() * rows + angle.sin() * columns) / side
    across = (angle.cos() * columns - angle.sin() * rows) / side
    one_colour = (along.floor() + across.floor()).remainder(2) == 0
    count = draw["lot"].shape[1]
    square = along.trunc().remainder(count) * count + across.trunc().remainder(count)
    lot = draw["lot"].flatten(1).gather(1, square.long().flatten(1)).view_as(along)
    covered = one_colour & (lot < at(CHECKERBOARD, severity) / 10)
    return torch.where(covered[:, None], GREY, images)


register("plasma_noise", plasma_noise, draw_plasma)
register("checkerboard_cutout", checkerboard_cutout, draw_checkerboard)
register("cocentric_sine_waves", cocentric_sine_waves, draw_rings)
register("single_frequency_greyscale", single_frequency_greyscale, draw_wave)
