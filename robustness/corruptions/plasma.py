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
    cloud: Grid = np.zeros((1, 1), bumps.dtype)
    reach = 100.0
    while (side := len(cloud)) < size:
        here, bumps = np.split(bumps, [3 * side * side])
        cloud = _refine(cloud, here.reshape(3, side, side) * here.dtype.type(reach * reach))
        reach /= decay
    cloud -= cloud.min()
    return torch.from_numpy(cloud / cloud.max())


def _refine(corners: Grid, bumps: Grid) -> Grid:
    """Double a grid's resolution: each new point is the mean of four neighbours, plus its bump."""
    side = len(corners)
    below = corners + _turn(corners, 1, axis=0)
    across = corners + _turn(corners, 1, axis=1)
    squares = (below + _turn(below, 1, axis=1)) / 4 + bumps[0]
    fine = np.empty((side, 2, side, 2), corners.dtype)
    fine[:, 0, :, 0] = corners
    fine[:, 0, :, 1] = (squares + _turn(squares, -1, axis=0) + across) / 4 + bumps[1]
    fine[:, 1, :, 0] = (squares + _turn(squares, -1, axis=1) + below) / 4 + bumps[2]
    fine[:, 1, :, 1] = squares
    return fine.reshape(2 * side, 2 * side)


def _turn(grid: Grid, places: int, axis: int) -> Grid:
    """Read `places` further on along an axis, around the torus; numpy.roll without its overhead."""
    first, second = np.split(grid, [places % grid.shape[axis]], axis=axis)
    return np.concatenate([second, first], axis=axis)
