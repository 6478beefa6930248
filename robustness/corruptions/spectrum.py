"""Noise with a given spectrum and random phases: blue and brownish noise, of ImageNet-C-bar (see `bar`)."""

import functools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from scipy import fft
from torch import Generator, Tensor

from .corruption import Draw, Shape, at, quantise, register
from .fields import uniform

# The benchmark's own numbers, in tenths of ...
BLUE = (0.8, 1.6, 2.4, 4, 5.6)  # 3 standard deviations: pixels are kept above the threshold, which starts at -2.5
BROWNISH = (1, 2, 3, 4, 5)  # 64 grey levels

Grid = npt.NDArray[np.float64]
Spectrum = Callable[[Grid], Grid]  # frequencies in cycles per shorter side → amplitudes


def blue(frequency: Grid) -> Grid:
    """Amplitudes that rise with the frequency."""
    return frequency


def brownish(frequency: Grid) -> Grid:
    """Amplitudes that fall with the square of the frequency."""
    return 1 / (frequency**2 + 1)


@functools.cache
def amplitudes(spectrum: Spectrum, shape: Shape) -> Grid:
    """Return the spectrum on the grid of a Fourier transform, float64 [H,W]."""
    rows, columns = (fft.fftfreq(size) * min(shape) for size in shape)
    return spectrum(np.hypot(rows[:, None], columns))


def coloured_noise(phases: Tensor, shape: Shape, spectrum: Spectrum) -> Tensor:
    """Shape noise by its spectrum.

    phases: float64 [H*W // 2], uniform in [0,2π), of one half of the frequencies in raster order, zero frequency in
    the middle of the grid; the other half repeats them backwards, which is not quite the symmetry of a real image's
    spectrum, and of the image that results the real part is taken. Returns float32 [H,W] of standard deviation 1.
    """
    half = np.exp(1j * phases.numpy())
    middle = np.ones(shape[0] * shape[1] % 2)
    waves = fft.ifftshift(np.concatenate([half, middle, half[::-1]]).reshape(shape))
    noise: Grid = fft.ifft2(waves * amplitudes(spectrum, shape)).real
    return torch.from_numpy((noise / noise.std()).astype(np.float32))


def draw_coloured(shape: Shape, spectrum: Spectrum, generator: Generator) -> Tensor:
    """Draw one plane of noise: see `coloured_noise`."""
    return coloured_noise(uniform(0, 2 * math.pi, generator, shape[0] * shape[1] // 2), shape, spectrum)


def draw_blue(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `noise`: float32 [1,H,W]."""
    return {"noise": draw_coloured(shape, blue, generator)[None]}


def blue_noise_sample(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Black out pixels where the noise is low."""
    return images * (draw["noise"] > at(BLUE, severity) * 3 / 10 - 2.5)


def draw_brownish(_severity: int, shape: Shape, generator: Generator) -> Draw:
    """Draw `noise`: float32 [3,H,W]."""
    return {"noise": torch.stack([draw_coloured(shape, brownish, generator) for _ in range(3)])}


def brownish_noise(images: Tensor, severity: int, draw: Draw) -> Tensor:
    """Add smooth noise, another in each channel."""
    return quantise((draw["noise"] * (at(BROWNISH, severity) * 64 / 10)).add_(images))


register("blue_noise_sample", blue_noise_sample, draw_blue)
register("brownish_noise", brownish_noise, draw_brownish)
