"""Attempts on the images that all before them left standing: restarts, targets, ensembles.

Those of one attack are made side by side, as an image that withstands needs all of them: the few that are left would
fill a small part of a batch each.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from typing import NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor

from .attack import Perturbed
from .goal import Goal

MOST_TARGETS = 9  # of an attack that tries classes: Croce & Hein 2020, arXiv:2003.01690
TOGETHER = 8  # attempts on an image that are made side by side, after the first
MOST_BATCHES = 4  # what is side by side is so many batches at most, as each attempt has images in memory


class Found(NamedTuple):
    """What an attempt came to: as `Perturbed`, and which images it brought to their goal, bool [B]."""

    images: Tensor
    reached: Tensor
    forward: Tensor
    backward: Tensor


Parameters = ParamSpec("Parameters")
Rows = TypeVar("Rows", bound=NamedTuple)


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


def only(rows: Rows, kept: Tensor) -> Rows:
    """Drop the rows that are not to be kept, bool [R], from a named tuple of tensors [R,…]."""
    return rows if bool(kept.all()) else rows._make(part[kept] for part in rows)


def standing(found: Found, rows: Tensor, count: int) -> Tensor:
    """Say which of the rows go on: those of an image none of whose rows is at its goal.

    found: of all rows, each an attempt on one of `count` images: row r on image r % count. rows: int64.
    """
    return ~found.reached.view(-1, count).any(0)[rows % count]


def folded(found: Found, count: int) -> Found:
    """Put the attempts on each image together: what the first at its goal found, failing that the last.

    found: a row an attempt, row r on image r % count.
    """
    reached, forward, backward = (part.view(-1, count) for part in (found.reached, found.forward, found.backward))
    first = torch.where(reached.any(0), reached.int().argmax(0), len(reached) - 1)
    images = found.images[first * count + torch.arange(count, device=first.device)]
    return Found(images, reached.any(0), forward.sum(0), backward.sum(0))


def side_by_side(images: Tensor, aims: Sequence[Goal], attempt: Callable[[Tensor, Goal], Found], batch: int) -> Found:
    """Attempt each aim, in groups: the first alone, as it does for most images, then TOGETHER at a time.

    attempt: what to do with the images at some positions, int64 [N], and a group of A aims for these, one after the
    other [A N]; its rows for an image should stop when one is at its goal. batch: the classifier's. What becomes of an
    image depends on its own rows alone.
    """

    def group(some: Sequence[Goal], where: Tensor) -> Found:
        size = max(1, MOST_BATCHES * batch // len(some))
        pieces = [where[start : start + size] for start in range(0, len(where), size)]
        found = [attempt(piece, Goal.joined([aim[piece] for aim in some])) for piece in pieces]
        return Found(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    starts = range(1, len(aims), TOGETHER)
    groups = [aims[:1], *(aims[start : start + TOGETHER] for start in starts)]
    return worst_case(images, [partial(group, some) for some in groups])


def aims(logits: Tensor, goal: Goal) -> list[Goal]:
    """List what an attack with targets tries: the classes beside the label with the largest logits, largest first.

    logits: of the clean images, [B,K]. There are at most 9 of them, and K − 1. A goal with targets is its own only aim.
    """
    if goal.targets is not None:
        return [goal]
    others = logits.scatter(1, goal.labels[:, None], -torch.inf)
    classes = others.topk(min(MOST_TARGETS, logits.shape[1] - 1)).indices
    return [Goal(goal.labels, targets) for targets in classes.unbind(1)]
