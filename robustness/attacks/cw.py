"""The L2 attack of Carlini and Wagner 2017, arXiv:1608.04644, with the constants of the authors' code.

Minimises |x' - x|^2 + c max(-margin(x'), 0) over w with x' = (tanh(w) + 1) / 2, by Adam, for nine values of c that a
binary search finds for each image. It is dear: up to 9,000 forward and backward passes an image with the defaults, of
which giving up early saves a part; `fmn` takes 100.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from .attack import AT_THE_BOUNDARY, ATTACKS, HAS_NORMS, Perturbed, check_norm
from .goal import Goal
from .losses import margin
from .norms import l2_distance
from .victim import Victim

INSIDE = 0.999999  # keeps atanh of black and white finite
STALLED = 0.9999  # an image gives up when a tenth of the steps took less than this off its objective
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam's: Kingma and Ba 2015


def cw(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    _generators: Sequence[Generator],
    *,
    norm: str = "l2",
    steps: int = 1000,
    binary_search_steps: int = 9,
    learning_rate: float = 0.01,
    initial_const: float = 1e-3,
) -> Perturbed:
    """Search the constant c at which the goal is just worth its distance; return the nearest adversarial image.

    steps: of Adam for each c. initial_const: the first c; it rises tenfold until it is large enough. Raises UsageError
    for other norms than l2.
    """
    check_norm("cw", norm)
    nearest, best = images.clone(), torch.full(goal.labels.shape, torch.inf, device=images.device)
    const, low, high = torch.full_like(best, initial_const), torch.zeros_like(best), torch.full_like(best, torch.inf)
    passes = torch.zeros_like(goal.labels)
    for _ in range(binary_search_steps):
        found, distance, enough, taken = _minimise(victim, images, goal, const, steps, learning_rate)
        passes += taken
        closer = distance < best
        nearest[closer], best = found[closer], torch.where(closer, distance, best)
        high, low = torch.where(enough, const, high), torch.where(enough, low, const)
        const = torch.where(high.isfinite(), (low + high) / 2, const * 10)
    return Perturbed(nearest, passes, passes.clone())


def _minimise(
    victim: Victim, images: Tensor, goal: Goal, const: Tensor, steps: int, learning_rate: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Descend from the images with one constant each, const [B].

    Returns the nearest images at their goal [B,3,H,W], their distances [B], infinite where there is none, whether the
    constant is large enough [B], and how many steps each image took [B]. It is enough if the goal is still reached in
    the last tenth of the steps: with any constant the first may leap over a boundary that is near.
    """
    nearest, best, taken = images.clone(), torch.full_like(const, torch.inf), torch.zeros_like(goal.labels)
    enough = torch.zeros_like(goal.labels, dtype=torch.bool)
    active = torch.arange(len(images), device=images.device)
    w, before = torch.atanh((2 * images - 1) * INSIDE), best.clone()
    mean, square = torch.zeros_like(w), torch.zeros_like(w)
    for step in range(1, steps + 1):
        iterate, origin, c = (torch.tanh(w) + 1) / 2, images[active], const[active]
        logits, margins, slope = victim.gradient(iterate, margin, goal[active])
        taken[active] += 1
        distance = l2_distance(iterate - origin)
        reached = goal[active].reached(logits)
        enough[active] |= reached
        closer = reached & (distance < best[active])
        nearest[active[closer]], best[active[closer]] = iterate[closer], distance[closer]
        weight = (c * (margins <= 0)).view(-1, 1, 1, 1)
        gradient = (2 * (iterate - origin) - weight * slope) * 2 * iterate * (1 - iterate)
        mean, square = mean.lerp(gradient, 1 - BETA1), square.lerp(gradient**2, 1 - BETA2)
        root = (square / (1 - BETA2**step)).sqrt_().add_(EPSILON)
        w = w - learning_rate * mean / (1 - BETA1**step) / root
        if step % max(steps // 10, 1) == 0:
            objective = distance**2 - c * margins.clamp_max(0)
            going = objective <= STALLED * before
            active, w, mean, square, before = (part[going] for part in (active, w, mean, square, objective))
            if step == steps or not len(active):
                break
            enough[active] = False
    return nearest, best, enough, taken


ATTACKS.add("cw", cw)
AT_THE_BOUNDARY.add("cw")
HAS_NORMS["cw"] = ("l2",)
