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


@dataclass(frozen=True, slots=True)
class Norm:
    """The geometry of one norm.

    distance(delta): float [B,3,H,W] → norm of each image's perturbation [B].
    project(images, origin, eps): onto the ball of radius eps around origin, within the pixel range; a new tensor.
    steepest(gradient): the step of unit norm that raises a linear function most.
    uniform(origin, eps, generators): a uniform draw from the ball of radius eps around 0, one CPU generator an image.
    longest: the largest distance there is between two images of n values; a larger eps is a mistake of units.
    """

    distance: Callable[[Tensor], Tensor]
    project: Callable[[Tensor, Tensor, float], Tensor]
    steepest: Callable[[Tensor], Tensor]
    uniform: Callable[[Tensor, float, Sequence[Generator]], Tensor]
    longest: Callable[[int], float]


NORMS: Registry[Norm] = Registry("norm")


def linf_distance(delta: Tensor) -> Tensor:
    """Return the largest absolute change of each image: [B,3,H,W] → [B]."""
    return delta.abs().flatten(1).amax(1)


def linf_project(images: Tensor, origin: Tensor, eps: float) -> Tensor:
    """Project onto the L-infinity ball of radius eps around origin, within [0,1]."""
    return torch.clamp(images, origin - eps, origin + eps).clamp_(0, 1)


def linf_uniform(origin: Tensor, eps: float, generators: Sequence[Generator]) -> Tensor:
    """Draw every value from U(-eps, eps)."""
    draws = [torch.rand(origin.shape[1:], generator=generator) for generator in generators]
    return torch.stack(draws).to(origin.device).mul_(2 * eps).sub_(eps)


def l2_distance(delta: Tensor) -> Tensor:
    """Return the Euclidean length of each image's change: [B,3,H,W] → [B]."""
    length: Tensor = torch.linalg.vector_norm(delta.flatten(1), dim=1)
    return length


def l2_project(images: Tensor, origin: Tensor, eps: float) -> Tensor:
    """Project onto the L2 ball of radius eps around origin, then clip to [0,1], which only brings it closer."""
    delta = images - origin
    shrink = (eps / l2_distance(delta).clamp_min(TINY)).clamp_max(1)
    return (origin + delta * _per_image(shrink)).clamp_(0, 1)


def l2_steepest(gradient: Tensor) -> Tensor:
    """Scale each image's gradient to Euclidean length 1; zero stays zero."""
    return gradient / _per_image(l2_distance(gradient).clamp_min(TINY))


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
    """Project onto the L1 ball of radius eps around origin, then clip to [0,1], which only brings it closer.

    All changes shrink by the same amount, found from their sorted sizes: Duchi et al. 2008, ICML.
    """
    delta = images - origin
    sizes = delta.abs().flatten(1)
    ordered = sizes.sort(1, descending=True).values
    surplus = ordered.cumsum(1) - eps
    ranks = torch.arange(1, sizes.shape[1] + 1, device=sizes.device)
    last = ((ordered * ranks > surplus) * ranks).amax(1, keepdim=True).clamp_min(1)
    threshold = (surplus.gather(1, last - 1) / last).clamp_min(0)
    shrunk = (sizes - threshold).clamp_min_(0).view_as(delta) * delta.sign()
    return (origin + shrunk).clamp_(0, 1)


def l1_steepest(gradient: Tensor) -> Tensor:
    """Step along the value with the largest slope alone; zero stays zero."""
    flat = gradient.flatten(1)
    largest = flat.abs().argmax(1, keepdim=True)
    return torch.zeros_like(flat).scatter(1, largest, flat.gather(1, largest).sign()).view_as(gradient)


def l1_uniform(origin: Tensor, eps: float, generators: Sequence[Generator]) -> Tensor:
    """Draw from the ball's volume: exponential sizes with random signs, divided by their sum and one more draw."""
    shape, values = origin.shape[1:], math.prod(origin.shape[1:])
    draws = []
    for generator in generators:
        sizes = torch.empty(values + 1).exponential_(generator=generator)
        signs = torch.randint(2, (values,), generator=generator) * 2 - 1
        draws.append((signs * sizes[:-1] / sizes.sum() * eps).view(shape))
    return torch.stack(draws).to(origin.device)


def _per_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


NORMS.add("linf", Norm(linf_distance, linf_project, torch.sign, linf_uniform, longest=lambda _values: 1.0))
NORMS.add("l2", Norm(l2_distance, l2_project, l2_steepest, l2_uniform, longest=math.sqrt))
NORMS.add("l1", Norm(l1_distance, l1_project, l1_steepest, l1_uniform, longest=float))
