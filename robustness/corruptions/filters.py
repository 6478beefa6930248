"""Gaussian filters with the reference's borders, radius and order of summation.

SciPy itself on a CPU, sums of shifted reads in its order of summation elsewhere; no matrix products or convolutions:
those round differently from one batch size, library or precision setting to the next, and a value that is truncated to
8 bits shows it. In float64 the result equals `scipy.ndimage.gaussian_filter` bit for bit.
"""

import functools

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

Array = npt.NDArray[np.float64]


@functools.cache
def gaussian_kernel(sigma: float, truncate: float) -> Array:
    """Return the weights at 0, 1, ..., r = int(truncate * sigma + 0.5); the full two-sided kernel sums to 1."""
    radius = int(truncate * sigma + 0.5)
    steps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 / (sigma * sigma) * steps**2)
    return np.asarray((weights / weights.sum())[radius:], dtype=np.float64)


def gaussian_blur(planes: Tensor, sigma: float) -> Tensor:
    """Blur along height and width with edges replicated and the kernel cut at 4 sigma.

    planes: float64 [B,C,H,W]. Returns a new tensor of the same kind.
    """
    half = gaussian_kernel(sigma, 4.0)
    if planes.device.type != "cpu":
        return blur_by_shifts(planes, half.tolist())
    kernel, rows = np.concatenate([half[:0:-1], half]), _apart(planes.numpy())
    ndimage.correlate1d(rows, kernel, axis=2, output=rows, mode="nearest")
    return torch.from_numpy(ndimage.correlate1d(rows, kernel, axis=3, mode="nearest"))


def _apart(planes: Array) -> Array:
    """Copy with an odd number of cache lines, of 8 values, from row to row.

    A column's values then spread over all sets of the cache; at 224 or 256 pixels a row they would share few of them
    and push each other out.
    """
    *outer, width = planes.shape
    rows: Array = np.empty((*outer, 8 * (-(-width // 8) | 1)))[..., :width]
    rows[:] = planes
    return rows


def blur_by_shifts(planes: Tensor, kernel: list[float]) -> Tensor:
    """Blur along height and width, on any device, given the weights at 0, 1, ..., r."""
    return _blur_along(_blur_along(planes, 2, kernel), 3, kernel)


def _blur_along(planes: Tensor, dim: int, kernel: list[float]) -> Tensor:
    radius, size = len(kernel) - 1, planes.shape[dim]
    padded = F.pad(planes, (0, 0, radius, radius) if dim == 2 else (radius, radius, 0, 0), mode="replicate")
    total = planes * kernel[0]
    pair = torch.empty_like(total)
    for k in range(radius, 0, -1):
        torch.add(padded.narrow(dim, radius - k, size), padded.narrow(dim, radius + k, size), out=pair)
        total.add_(pair.mul_(kernel[k]))
    return total


def mirrored_gaussian_matrix(size: int, sigma: float, truncate: float) -> Array:
    """Return the Gaussian filter of a line of `size` values as a matrix, float64 [size,size].

    Beyond the ends the line is mirrored, end values repeated (d c b a | a b c d | d c b a), as often as the kernel
    needs: this is the form to use where the kernel is longer than the line.
    """
    half = gaussian_kernel(sigma, truncate)
    radius = len(half) - 1
    kernel = np.concatenate([half[:0:-1], half])
    reads = (np.arange(size)[:, None] + np.arange(-radius, radius + 1)) % (2 * size)
    reads = np.minimum(reads, 2 * size - 1 - reads)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], reads), kernel)
    return matrix
