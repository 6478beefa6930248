"""Edges and the distance to them, as OpenCV computes them; 8-bit grey images as numpy arrays."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

# Borgefors 1986, "Distance transformations in digital images": steps of the 5×5 chamfer in 2^-20 pixels.
STRAIGHT, DIAGONAL, KNIGHT = (round(length * 2**20) for length in (1.0, 1.4, 2.1969))
STEPS = (
    *(((0, 1), STRAIGHT), ((1, 0), STRAIGHT), ((1, 1), DIAGONAL), ((1, -1), DIAGONAL)),
    *(((1, 2), KNIGHT), ((2, 1), KNIGHT), ((1, -2), KNIGHT), ((2, -1), KNIGHT)),
)
TANGENT = 13573  # tan(22.5 degrees) in 1/32768


def canny(grey: Bytes, low: int, high: int) -> Mask:
    """Find edges: Sobel gradient of aperture 3, its L1 norm, hysteresis between two thresholds.

    grey: [H,W]. Returns [H,W]. Source: Canny 1986, "A computational approach to edge detection".
    """
    wide = np.pad(grey, 1, mode="edge").astype(np.int32)
    slope = wide[:, 2:] - wide[:, :-2]
    dx = slope[:-2] + 2 * slope[1:-1] + slope[2:]
    slope = wide[2:] - wide[:-2]
    dy = slope[:, :-2] + 2 * slope[:, 1:-1] + slope[:, 2:]
    strength = np.abs(dx) + np.abs(dy)
    candidates = (strength > low) & _is_ridge(strength, dx, dy)
    regions, count = ndimage.label(candidates, structure=np.ones((3, 3)))
    kept = np.zeros(count + 1, dtype=np.bool_)
    kept[regions[candidates & (strength > high)]] = True
    return np.asarray(kept[regions], dtype=np.bool_)


def _is_ridge(strength: Integers, dx: Integers, dy: Integers) -> Mask:
    """Tell where the strength peaks along its gradient, in one of four directions."""
    padded = np.pad(strength, 1)
    height, width = strength.shape

    def beside(down: int, right: int) -> Integers:
        return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]

    across, along = np.abs(dx), np.abs(dy) << 15
    flat = along < across * TANGENT
    steep = along > across * TANGENT + (across << 16)
    falling = (dx ^ dy) < 0
    level = (strength > beside(0, -1)) & (strength >= beside(0, 1))
    upright = (strength > beside(-1, 0)) & (strength >= beside(1, 0))
    down = (strength > beside(-1, -1)) & (strength > beside(1, 1))
    up = (strength > beside(-1, 1)) & (strength > beside(1, -1))
    return np.where(flat, level, np.where(steep, upright, np.where(falling, up, down)))


def chamfer_distance(edges: Mask, limit: int) -> npt.NDArray[np.float32]:
    """Measure how far each pixel is from the nearest edge, at most `limit` pixels.

    edges: [H,W]. Returns [H,W], the length of the shortest way in straight (1), diagonal (1.4) and knight's (2.1969)
    steps. A shortest way needs steps in two neighbouring directions only, in any order: so each direction is followed
    once, to its end, in strides that double.
    """
    distance = np.where(edges, 0, limit * STRAIGHT).astype(np.int32)
    for (down, right), length in STEPS:
        stride = 1
        while stride * length <= limit * STRAIGHT:
            _relax(distance, stride * down, stride * right, stride * length)
            _relax(distance, -stride * down, -stride * right, stride * length)
            stride *= 2
    return (distance / STRAIGHT).astype(np.float32)


def _relax(distance: Integers, down: int, right: int, length: int) -> None:
    """Let each pixel be reached from the one `down` and `right` of it, in place."""
    height, width = distance.shape
    here = distance[max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)]
    there = distance[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]
    np.minimum(here, there + length, out=here)
