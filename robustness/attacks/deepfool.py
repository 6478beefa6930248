"""DeepFool: Moosavi-Dezfooli et al. 2016, arXiv:1511.04599, algorithm 2; L-infinity as in its section 3.

The classifier is taken for linear again and again: each time the image goes to the nearest boundary of the nearest
polyhedron. Cost: a forward and a backward pass for each class other than the label, in each step; some three steps.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from .attack import AT_THE_BOUNDARY, ATTACKS, HAS_NORMS, Perturbed, check_norm
from .boundary import linear_distance
from .goal import Goal
from .losses import margin
from .norms import NORMS
from .victim import Victim


def deepfool(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    _generators: Sequence[Generator],
    *,
    norm: str = "l2",
    steps: int = 50,
    classes: int = 10,
    overshoot: float = 0.02,
) -> Perturbed:
    """Step to the nearest linearised boundary until it is crossed, and go `overshoot` further.

    classes: the label and those with the next largest clean logits, which are the ones considered; with a target it
    alone is. Iterates are kept in [0,1], which the paper leaves out. Raises UsageError for norm l1: its steps change
    one value, which soon ends at the edge of the range.
    """
    check_norm("deepfool", norm)
    nearest, change = images.clone(), torch.zeros_like(images)
    forward, backward = torch.zeros_like(goal.labels), torch.zeros_like(goal.labels)
    if goal.targets is None:
        others = victim(images).scatter(1, goal.labels[:, None], -torch.inf)
        rivals = others.topk(min(classes, others.shape[1]) - 1).indices
        forward += 1
    else:
        rivals = goal.targets[:, None]
    active = torch.arange(len(images), device=images.device)
    for _ in range(steps):
        origin = images[active]
        change[active] += _to_the_boundary(
            victim, _overshot(origin, change[active], overshoot), goal[active], rivals[active], norm
        )
        iterate = _overshot(origin, change[active], overshoot)
        reached = goal[active].reached(victim(iterate))
        forward[active] += rivals.shape[1] + 1
        backward[active] += rivals.shape[1]
        nearest[active[reached]] = iterate[reached]
        active = active[~reached]
        if not len(active):
            break
    return Perturbed(nearest, forward, backward)


def _overshot(origin: Tensor, change: Tensor, overshoot: float) -> Tensor:
    return (origin + (1 + overshoot) * change).clamp_(0, 1)


def _to_the_boundary(victim: Victim, images: Tensor, goal: Goal, rivals: Tensor, norm: str) -> Tensor:
    """Return the shortest change that brings images [B,3,H,W], if all were linear, to one of the classes [B,R].

    As none has reached its goal, the margin towards a rival as target is the label's logit minus the rival's.
    """
    shortest, step = torch.full(goal.labels.shape, torch.inf, device=images.device), torch.zeros_like(images)
    for rival in rivals.unbind(1):
        _, margins, gradient = victim.gradient(images, margin, Goal(goal.labels, rival))
        distance = linear_distance(margins, gradient, norm)
        closer = distance < shortest
        shortest = torch.where(closer, distance, shortest)
        towards = distance.view(-1, 1, 1, 1) * NORMS[norm].steepest(gradient)
        step = torch.where(closer.view(-1, 1, 1, 1), towards, step)
    return step


ATTACKS.add("deepfool", deepfool)
AT_THE_BOUNDARY.add("deepfool")
HAS_NORMS["deepfool"] = ("l2", "linf")
