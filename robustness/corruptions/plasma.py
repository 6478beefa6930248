"""Plasma fractals: random clouds by the diamond-square algorithm on a torus.

Source: Fournier, Fussell & Carpenter 1982, "Computer rendering of stochastic models", in the variant that ImageNet-C
uses for fog. NumPy, since most grids are small and its calls cost less than torch's.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Grid = npt.NDArray[np.floating]


def plasma(noise: Tensor, size: int, decay: float) -> Tensor:
    """Turn uniform noise into a cloud.

    noise: float [size² - 1] in [-1,1), on the CPU: for each grid from coarse to fine the random numbers of its
    squares, of the points to the right of its corners, and of those below them. size: a power of two. decay: from one
    grid to the next the noise shrinks by its square. Returns float [size,size] in [0,1], both ends reached.
    """
    bumps = noise.numpy()
    cloud: Grid = np.zeros((2, 2), bumps.dtype)  # with its first row and column again behind the last
    reach = 100.0
    while (side := len(cloud) - 1) < size:
        here, bumps = np.split(bumps, [3 * side * side])
        cloud = _refine(cloud, here.reshape(3, side, side) * here.dtype.type(reach * reach))
        reach /= decay
    cloud -= cloud.min()
    return torch.from_numpy(cloud[:-1, :-1] / cloud.max())


def _refine(corners: Grid, bumps: Grid) -> Grid:
    """Double a grid's resolution: each new point is the mean of four neighbours, plus its bump."""
    side = len(bumps[0])
    below, across = corners[:-1] + corners[1:], corners[:-1, :-1] + corners[:-1, 1:]
    squares = np.empty_like(corners)  # with its last row and column again before the first
    squares[1:, 1:] = _settle(below[:, :-1] + below[:, 1:], bumps[0])
    squares[0], squares[1:, 0] = squares[-1], squares[1:, -1]
    squares[0, 0] = squares[-1, -1]
    inner = squares[1:, 1:]
    fine = np.empty((2 * side + 1, 2 * side + 1), corners.dtype)
    fine[::2, ::2], fine[1::2, 1::2] = corners, inner
    fine[:-1:2, 1::2] = _settle(inner + squares[:-1, 1:] + across, bumps[1])
    fine[1::2, :-1:2] = _settle(inner + squares[1:, :-1] + below[:, :-1], bumps[2])
    fine[-1], fine[:, -1] = fine[0], fine[:, 0]
    return fine


def _settle(total: Grid, bumps: Grid) -> Grid:
    total *= 0.25
    total += bumps
    return total
