"""Attempts one after the other, each on the images that all before it left standing: restarts, targets, ensembles."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import NamedTuple, ParamSpec

import torch
from torch import Tensor

from .attack import Perturbed
from .goal import Goal

MOST_TARGETS = 9  # of an attack that tries classes one by one: Croce & Hein 2020, arXiv:2003.01690


class Found(NamedTuple):
    """What an attempt came to: as `Perturbed`, and which images it brought to their goal, bool [B]."""

    images: Tensor
    reached: Tensor
    forward: Tensor
    backward: Tensor


Parameters = ParamSpec("Parameters")


def perturbing(find: Callable[Parameters, Found]) -> Callable[Parameters, Perturbed]:
    """Make the attack that leaves out what the engine judges by itself: which images are at their goal."""

    @wraps(find)
    def attack(*args: Parameters.args, **params: Parameters.kwargs) -> Perturbed:
        found = find(*args, **params)
        return Perturbed(found.images, found.forward, found.backward)

    return attack


def untouched(images: Tensor) -> Found:
    """Return a copy of the images, none at its goal, for which no pass was taken."""
    none = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    return Found(images.clone(), none.bool(), none, none.clone())


def worst_case(images: Tensor, attempts: Iterable[Callable[[Tensor], Found]]) -> Found:
    """Make the attempts in their order, each on the images that none before it brought to their goal.

    An attempt is given the positions of those images, int64. An image that withstands all is as the last one left it.
    """
    found = untouched(images)
    for attempt in attempts:
        where = (~found.reached).nonzero()[:, 0]
        if not len(where):
            break
        one = attempt(where)
        found.images[where], found.reached[where] = one.images, one.reached
        found.forward[where] += one.forward
        found.backward[where] += one.backward
    return found


def aims(logits: Tensor, goal: Goal) -> list[Goal]:
    """List what an attack with targets tries: the classes beside the label with the largest logits, largest first.

    logits: of the clean images, [B,K]. There are at most 9 of them, and K − 1. A goal with targets is its own only aim.
    """
    if goal.targets is not None:
        return [goal]
    others = logits.scatter(1, goal.labels[:, None], -torch.inf)
    classes = others.topk(min(MOST_TARGETS, logits.shape[1] - 1)).indices
    return [Goal(goal.labels, targets) for targets in classes.unbind(1)]
