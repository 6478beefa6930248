"""The balls in which adversarial images are sought: distances, projections, random starts and steepest steps.

Madry et al. 2018, arXiv:1706.06083. Everything is in pixel units: images in [0,1], so eps is 4/255 and not 4.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ..registry import Registry

TINY = 1e-12  # floor of an L2 norm that divides: a zero gradient gives a zero step, not NaN
ROUNDING = 1e-6  # share of eps that rounding may add
BISECTIONS = 32  # of an interval of length 1 at most: what is left of it, over all values of an image, is 4e-5


@dataclass(frozen=True, slots=True)
class Norm:
    """The geometry of one norm.

    distance(delta): float [B,3,H,W] → norm of each image's perturbation [B].
    project(images, origin, eps): onto the ball of radius eps around origin, within the pixel range; a new tensor.
    steepest(gradient): the step of unit norm that raises a linear function most.
    ascend(images, gradient, length, spread): images moved by `length` so that a linear function rises most. In L1 that
    moves the values with the largest slopes as far as the pixel range lets them; spread is the share of all values that
    the length is divided among, 0 for as few as can be. The other norms move every value anyway and ignore it.
    uniform(origin, eps, generators): a uniform draw from the ball of radius eps around 0, one CPU generator an image.
    longest: the largest distance there is between two images of n values; a larger eps is a mistake of units.
    """

    distance: Callable[[Tensor], Tensor]
    project: Callable[[Tensor, Tensor, float], Tensor]
    steepest: Callable[[Tensor], Tensor]
    ascend: Callable[[Tensor, Tensor, float, float], Tensor]
    uniform: Callable[[Tensor, float, Sequence[Generator]], Tensor]
    longest: Callable[[int], float]


NORMS: Registry[Norm] = Registry("norm")


def linf_distance(delta: Tensor) -> Tensor:
    """Return the largest absolute change of each image: [B,3,H,W] → [B]."""
    return delta.abs().flatten(1).amax(1)


def linf_project(images: Tensor, origin: Tensor, eps: float) -> Tensor:
    """Project onto the L-infinity ball of radius eps around origin, within [0,1]."""
    return torch.clamp(images, origin - eps, origin + eps).clamp_(0, 1)


def linf_ascend(images: Tensor, gradient: Tensor, length: float, _spread: float) -> Tensor:
    """Move every value by length, along the sign of its slope."""
    return images + length * gradient.sign()


def linf_uniform(origin: Tensor, eps: float, generators: Sequence[Generator]) -> Tensor:
    """Draw every value from U(-eps, eps)."""
    draws = [torch.rand(origin.shape[1:], generator=generator) for generator in generators]
    return torch.stack(draws).to(origin.device).mul_(2 * eps).sub_(eps)


def l2_distance(delta: Tensor) -> Tensor:
    """Return the Euclidean length of each image's change: [B,3,H,W] → [B]. In float32 errors that are alike add up."""
    length: Tensor = torch.linalg.vector_norm(delta.flatten(1), dim=1, dtype=torch.float64)
    return length.to(delta.dtype)


def l2_project(images: Tensor, origin: Tensor, eps: float) -> Tensor:
    """Project onto the L2 ball of radius eps around origin, then clip to [0,1], which only brings it closer.

    Where all values are alike, all sums are rounded alike: images that this takes beyond eps go back by one rounding.
    """
    delta = images - origin
    shrink = (eps / l2_distance(delta).clamp_min(TINY)).clamp_max(1)
    moved = (origin + delta * _per_image(shrink)).clamp_(0, 1)
    beyond = l2_distance(moved - origin) > eps * (1 + ROUNDING)
    return torch.where(_per_image(beyond), torch.nextafter(moved, origin), moved) if bool(beyond.any()) else moved


def l2_steepest(gradient: Tensor) -> Tensor:
    """Scale each image's gradient to Euclidean length 1; zero stays zero."""
    return gradient / _per_image(l2_distance(gradient).clamp_min(TINY))


def l2_ascend(images: Tensor, gradient: Tensor, length: float, _spread: float) -> Tensor:
    """Move each image by length along its gradient."""
    return images + length * l2_steepest(gradient)


def l2_uniform(origin: Tensor, eps: float, generators: Sequence[Generator]) -> Tensor:
    """Draw from the ball's volume: a normal direction with radius eps u^(1/d), u uniform and d values an image."""
    shape, values = origin.shape[1:], math.prod(origin.shape[1:])
    directions = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    radii = torch.stack([torch.rand((), generator=generator) for generator in generators]) ** (1 / values)
    return (l2_steepest(directions) * _per_image(eps * radii)).to(origin.device)


def l1_distance(delta: Tensor) -> Tensor:
    """Return the sum of absolute changes of each image: [B,3,H,W] → [B]."""
    return delta.abs().flatten(1).sum(1)


def l1_project(images: Tensor, origin: Tensor, eps: float) -> Tensor:
    """Project onto what the L1 ball of radius eps around origin and the pixel range share: Croce & Hein 2021.

    The nearest point has every change smaller by the same amount, between 0 and what the range leaves it; the amount is
    found by bisection (arXiv:2103.01208, proposition 2.1). Clipping after a projection onto the ball alone would leave
    much of eps unspent. Changes are rounded towards 0, as 150,528 rounding errors add up to more than float noise.
    """
    delta = (images - origin).flatten(1)
    sizes, room = delta.abs(), _room(origin, delta)
    low, high = torch.zeros_like(sizes[:, :1]), sizes.amax(1, keepdim=True)

    def left(amount: Tensor) -> Tensor:
        return torch.minimum((sizes - amount).clamp_min_(0), room)

    inside = left(low).sum(1, keepdim=True) <= eps
    for _ in range(0 if bool(inside.all()) else BISECTIONS):
        middle = (low + high) / 2
        too_far = left(middle).sum(1, keepdim=True) > eps
        low, high = torch.where(too_far, middle, low), torch.where(too_far, high, middle)
    kept = left(torch.where(inside, torch.zeros_like(high), high)).view_as(images)
    moved = (origin + kept * (images - origin).sign()).clamp_(0, 1)
    return torch.where((moved - origin).abs() > kept, torch.nextafter(moved, origin), moved)


def l1_steepest(gradient: Tensor) -> Tensor:
    """Step along the value with the largest slope alone; zero stays zero."""
    flat = gradient.flatten(1)
    largest = flat.abs().argmax(1, keepdim=True)
    return torch.zeros_like(flat).scatter(1, largest, flat.gather(1, largest).sign()).view_as(gradient)


def l1_ascend(images: Tensor, gradient: Tensor, length: float, spread: float) -> Tensor:
    """Spend length on the values with the largest slopes: each as far as the pixel range and its share allow.

    With spread 0 this is the best that a step of this length can do to a linear function of pixels in [0,1]. Spread
    0.01 is the sparse step of Tramèr & Boneh 2019, arXiv:1904.13000, which leaves out values that cannot move, too.
    """
    slopes, values = gradient.flatten(1), gradient[0].numel()
    room = _room(images, slopes)
    sharers = max(1, round(spread * values))
    room.clamp_max_(length / sharers)
    slopes_left = slopes.abs() * (room > 0)
    for candidates in (min(values, 2 * sharers + 4 * math.ceil(length)), values):  # few are enough as a rule
        top = slopes_left.topk(candidates, 1).indices
        moves = room.gather(1, top)
        if candidates == values or bool((moves.sum(1) >= length).all()):
            break
    moves = torch.minimum(moves, (length - (moves.cumsum(1) - moves)).clamp_min_(0))
    signs = slopes.gather(1, top).sign()
    return images + torch.zeros_like(slopes).scatter_(1, top, moves * signs).view_as(images)


def l1_uniform(origin: Tensor, eps: float, generators: Sequence[Generator]) -> Tensor:
    """Draw from the ball's volume: exponential sizes with random signs, divided by their sum and one more draw."""
    shape, values = origin.shape[1:], math.prod(origin.shape[1:])
    draws = []
    for generator in generators:
        sizes = torch.empty(values + 1).exponential_(generator=generator)
        signs = torch.randint(2, (values,), generator=generator) * 2 - 1
        draws.append((signs * sizes[:-1] / sizes.sum() * eps).view(shape))
    return torch.stack(draws).to(origin.device)


def _room(images: Tensor, directions: Tensor) -> Tensor:
    """Return how far each value of [B,3,H,W] can go up, or down where directions [B,N] are negative: [B,N]."""
    values = images.flatten(1)
    return torch.where(directions > 0, 1 - values, values).clamp_min_(0)


def _per_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


NORMS.add("linf", Norm(linf_distance, linf_project, torch.sign, linf_ascend, linf_uniform, longest=lambda _values: 1.0))
NORMS.add("l2", Norm(l2_distance, l2_project, l2_steepest, l2_ascend, l2_uniform, longest=math.sqrt))
NORMS.add("l1", Norm(l1_distance, l1_project, l1_steepest, l1_ascend, l1_uniform, longest=float))
