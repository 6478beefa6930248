"""Noise: gaussian, shot, impulse, speckle; independent for every pixel and channel."""

import functools

import numpy as np
import torch
from scipy.stats import poisson
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register

GAUSSIAN = (0.08, 0.12, 0.18, 0.26, 0.38)  # standard deviation, of a pixel range of 1
SHOT = (60, 25, 12, 5, 3)  # photons that make white
IMPULSE = (0.03, 0.06, 0.09, 0.17, 0.27)  # fraction of values replaced
SPECKLE = (0.15, 0.2, 0.35, 0.45, 0.6)  # standard deviation, relative to the pixel


def draw_normal(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `noise`: standard normal, float32 [3,H,W]."""
    return {"noise": torch.randn((3, *shape), generator=generator)}


def gaussian_noise(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Add normal noise of one standard deviation everywhere."""
    return quantise((draw["noise"] * (255 * at(GAUSSIAN, severity))).add_(images))


def speckle_noise(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Add normal noise in proportion to the pixel."""
    return quantise((draw["noise"] * at(SPECKLE, severity)).add_(1).mul_(images))


def draw_bits(count: int, dtype: torch.dtype, generator: Generator) -> Tensor:
    """Draw `count` integers, uniform over all values of an integer dtype of up to 64 bits."""
    width = 8 // torch.empty((), dtype=dtype).element_size()
    words = torch.empty(-(-count // width), dtype=torch.int64)
    return words.random_(-(2**63), None, generator=generator).view(dtype)[:count]


def draw_photons(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `word`: uniform int32 [3,H,W]."""
    return {"word": draw_bits(3 * shape[0] * shape[1], torch.int32, generator).view(3, *shape)}


@functools.cache
def photon_tables(white: int, device: torch.device) -> tuple[int, Tensor, Tensor]:
    """Tabulate Poisson(x * white / 255) / white for every grey level x, for drawing by Walker's alias method.

    A word's low `bits` bits choose a cell of x's row, the others decide between the cell's two outcomes: they are
    its first when below the cell's limit. Returns bits, limits int32 [256 << bits] and the outcomes as grey levels,
    uint8 [2 * (256 << bits)], second before first. All counts from `white` on look the same, so white + 1 outcomes
    suffice. Source: Vose 1991, "A Linear Algorithm For Generating Random Numbers With a Given Distribution".
    """
    bits = white.bit_length()
    cells = 1 << bits
    levels = (np.arange(cells) / white * 255).clip(0, 255).astype(np.uint8)
    rows = [_alias_row(grey * white / 255, white, cells) for grey in range(256)]
    share = np.concatenate([row[0] for row in rows])
    span = 2 ** (32 - bits)
    limits = (np.rint(share * span) - span // 2).astype(np.int32)
    outcomes = np.stack([levels[np.concatenate([row[1] for row in rows])], np.tile(levels, 256)], axis=1)
    return bits, torch.from_numpy(limits).to(device), torch.from_numpy(outcomes.reshape(-1)).to(device)


def _alias_row(mean: float, white: int, cells: int) -> tuple[list[float], list[int]]:
    """Split a Poisson law into equal cells: the share of outcome i in cell i, and the outcome that fills the rest."""
    chance = np.append(poisson.pmf(np.arange(white), mean), poisson.sf(white - 1, mean))
    left = [float(value) * cells for value in chance] + [0.0] * (cells - white - 1)
    share, other = [1.0] * cells, list(range(cells))
    poor = [i for i in range(cells) if left[i] < 1]
    rich = [i for i in range(cells) if left[i] >= 1]
    while poor and rich:
        low, high = poor.pop(), rich[-1]
        share[low], other[low] = left[low], high
        left[high] -= 1 - left[low]
        if left[high] < 1:
            poor.append(rich.pop())
    return share, other


def shot_noise(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Count photons: each value becomes Poisson(value * c) / c, an exact draw by table."""
    bits, limits, outcomes = photon_tables(at(SHOT, severity), images.device)
    word = draw["word"]
    cell = images.to(torch.int32).mul_(1 << bits).add_(word & ((1 << bits) - 1))
    # The sign, -1 for a first outcome: comparisons are slow on a CPU.
    below = (word >> bits).sub_(limits.index_select(0, cell.view(-1)).view_as(cell)).bitwise_right_shift_(31)
    return outcomes.index_select(0, cell.mul_(2).sub_(below).view(-1)).view_as(images)


def draw_impulses(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `word`: uniform int16 [3,H,W]."""
    return {"word": draw_bits(3 * shape[0] * shape[1], torch.int16, generator).view(3, *shape)}


def impulse_noise(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Replace a fraction of all values by 0 or 255, evenly: the lowest and the highest words."""
    tail = round(at(IMPULSE, severity) / 2 * 2**16)
    keep, salt = _from(draw["word"], tail - 2**15), _from(draw["word"], 2**15 - tail)
    return keep.bitwise_and_(images).bitwise_or_(salt)


def _from(word: Tensor, start: int) -> Tensor:
    """Return 255 where int16 words are at least `start`, else 0; comparisons are slow on a CPU."""
    return word.clamp(start - 1, start).sub_(start).bitwise_not_().to(torch.uint8)


register("gaussian_noise", gaussian_noise, draw_normal)
register("shot_noise", shot_noise, draw_photons)
register("impulse_noise", impulse_noise, draw_impulses)
register("speckle_noise", speckle_noise, draw_normal)
