"""Weather: snow, frost, fog."""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .frost import PHOTOGRAPHS, frost_photograph
from .motion import motion_blur
from .plasma import plasma
from .zoom import zoom_crop, zoom_turned

SNOW = (  # mean, standard deviation, zoom, threshold; radius and sigma of the blur; weight of the image
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
FROST = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))  # weights of the image and of the frost
FOG = ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))  # strength, decay of the cloud's roughness


def draw_snow(severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `layer`: the flakes, uint8 [H,W]."""
    _, _, zoom, *_ = at(SNOW, severity)
    spans = [zoom_crop(size, zoom) for size in shape]
    noise = torch.randn([span.stop - span.start for span in spans], generator=generator).double()
    angle = torch.rand((), dtype=torch.float64, generator=generator) * 90 - 135
    return {"layer": snow_layer(noise, angle, severity, shape)}


def snow_layer(noise: Tensor, angle: Tensor, severity: int, shape: Shape) -> Tensor:
    """Make flakes of noise: enlarge it, keep its peaks, blur them along their fall.

    noise: standard normal, float64, of the size of `zoom_crop`: of noise for the whole image, the reference would
    show no more than this central part. angle: degrees, []. Returns uint8 [H,W].
    """
    mean, deviation, zoom, threshold, radius, sigma, _ = at(SNOW, severity)
    layer = zoom_turned((mean + deviation * noise)[None, None], zoom, shape).transpose(2, 3)
    # What equals the threshold stays; torch.threshold keeps only what is above.
    layer = quantise(F.threshold(layer, math.nextafter(threshold, 0), 0.0).mul_(255))
    return motion_blur(layer, radius, sigma, angle[None])[0, 0]


def snow(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Whiten the image, and add the flakes twice, once turned by 180 degrees."""
    weight = at(SNOW, severity)[-1]
    pixels = images.float().div_(255)
    red, green, blue = pixels.chunk(3, dim=1)
    grey = (red * 0.299).add_(green * 0.587).add_(blue * 0.114)
    white = torch.maximum(pixels, grey.mul_(1.5).add_(0.5)).mul_(1 - weight)
    flakes = draw["layer"][:, None].float().div_(255)
    both = flakes + flakes.rot90(2, (2, 3))
    return quantise(pixels.mul_(weight).add_(white).add_(both).mul_(255))


def draw_frost(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `window`: uint8 [3,H,W], cut from one of the photographs.

    Photograph, row and column are uniform; as in the reference the last row and column are never used.
    """
    photograph = frost_photograph(_integer(len(PHOTOGRAPHS), generator), *shape)
    row, column = (_integer(room - size, generator) for room, size in zip(photograph.shape[1:], shape, strict=True))
    return {"window": photograph[:, row : row + shape[0], column : column + shape[1]]}


def _integer(end: int, generator: Generator) -> int:
    return int(torch.randint(end, (), generator=generator))


@functools.cache
def _frost_mixture(severity: int, device: torch.device) -> Tensor:
    """Tabulate the mixture for each pair of grey levels, uint8 [256*256], image first.

    A fifth of the pairs mix to a whole number, and their truncation hangs on float64 rounding: so it is done there.
    """
    image_weight, frost_weight = at(FROST, severity)
    levels = torch.arange(256, dtype=torch.float64)
    return quantise(image_weight * levels[:, None] + frost_weight * levels).flatten().to(device)


def frost(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Mix with a window of frost."""
    pair = images.to(torch.int32).mul_(256).add_(draw["window"])
    return _frost_mixture(severity, images.device).index_select(0, pair.view(-1)).view_as(images)


def draw_fog(severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `cloud`: float32 [H,W] in [0,1], a corner of a plasma on the next power of two."""
    _, decay = at(FOG, severity)
    size = 1 << (max(shape) - 1).bit_length()
    noise = torch.empty(size * size - 1).uniform_(-1, 1, generator=generator)
    return {"cloud": plasma(noise, size, decay)[: shape[0], : shape[1]]}


def fog(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Add a cloud, and scale back to the image's own maximum."""
    strength, _ = at(FOG, severity)
    brightest = images.amax((1, 2, 3), keepdim=True).double().div_(255)
    scale = (brightest / (brightest + strength)).float()
    cloud = draw["cloud"][:, None] * (255 * strength)
    return quantise(images.float().add_(cloud).mul_(scale))


register("snow", snow, draw_snow)
register("frost", frost, draw_frost)
register("fog", fog, draw_fog)
