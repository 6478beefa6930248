"""Auto-PGD: Croce & Hein 2020, arXiv:2003.01690, Algorithm 1: a momentum step whose size halves where progress stalls.

Every attempt has its own step size and its own best point, so that it does not depend on the others of its batch; the
images that are at their goal leave it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from .attack import AT_THE_BOUNDARY, ATTACKS, HAS_NORMS, check_norm
from .goal import Goal
from .losses import Loss, cross_entropy, difference_of_logits_ratio
from .norms import NORMS, Norm
from .victim import Victim
from .worst_case import Found, aims, folded, only, perturbing, side_by_side, standing, untouched

MOMENTUM = 0.75  # α: the share of the new step, the rest goes on in the direction of the last one
RHO = 0.75  # a step size is kept where at least this share of steps since the last checkpoint raised the loss
FIRST, NARROWER, NARROWEST = 22, 3, 6  # p₁, and how gaps between checkpoints shrink, in per cent of the steps


def checkpoints(steps: int) -> tuple[int, ...]:
    """Return the steps after which step sizes are looked at, as section 3.2 has it.

    w_j = ⌈p_j steps⌉ with p_0 = 0, p_1 = 22 % and p_{j+1} = p_j + max(p_j − p_{j−1} − 3 %, 6 %).
    """
    at, gap, shares = FIRST, FIRST, []
    while at <= 100:
        shares.append(at)
        gap = max(gap - NARROWER, NARROWEST)
        at += gap
    return tuple(dict.fromkeys(-(-share * steps // 100) for share in shares))


class Climbers(NamedTuple):
    """The attempts that go on, a row each.

    where: their positions among all. origin: the clean image. iterate, earlier: the last two points. best, slope,
    highest: the point with the largest loss so far, its gradient and its loss. size: the step size. last: the loss of
    the last point. risen: steps that raised the loss since the last checkpoint. halved: whether that one halved the
    size. then: the largest loss by then.
    """

    where: Tensor
    origin: Tensor
    iterate: Tensor
    earlier: Tensor
    best: Tensor
    slope: Tensor
    highest: Tensor
    size: Tensor
    last: Tensor
    risen: Tensor
    halved: Tensor
    then: Tensor


def climb(
    victim: Victim, images: Tensor, goal: Goal, aim: Goal, start: Tensor, loss: Loss, ball: Norm, eps: float, steps: int
) -> Found:
    """Run Algorithm 1 from `start` [A B,3,H,W], within the ball of radius eps around the images [B,3,H,W].

    goal: [B], when to stop. aim: [A B], what the loss is told, such as one of the classes that would do. Row r of both
    is an attempt on image r % B, and those on one image stop together. Images that withstand come back as the last
    attempt's point with the largest loss.
    """
    count, found, marks, since = len(images), untouched(start), checkpoints(steps), 0
    where = torch.arange(len(start), device=images.device)
    low, none = torch.full(where.shape, -torch.inf, device=images.device), torch.zeros_like(where)
    state = Climbers(
        *(where, images[where % count], start, start, start, start, low),
        *(torch.full_like(low, 2 * eps), -low, none, none.bool(), low),
    )
    for step in range(steps + 1):
        gradient, where = state.iterate, state.where
        stop = goal[where % count]
        if step < steps:
            logits, losses, gradient = victim.gradient(state.iterate, loss, aim[where], stop)
        else:
            logits = victim(state.iterate)
            losses = loss(logits, aim[where])
        reached = stop.reached(logits)
        found.images[where[reached]] = state.iterate[reached]
        found.reached[where] = reached
        left = standing(found, where, count)
        found.forward[where] += 1
        found.backward[where[left]] += step < steps
        state, losses, gradient = only(state, left), losses[left], gradient[left]
        if not len(losses):
            break
        state = _noted(state, losses, gradient)
        if step in marks:
            state, gradient = _checked(state, gradient, step - since)
            since = step
        if step < steps:
            state = _stepped(state, gradient, ball, eps, 1.0 if step == 0 else MOMENTUM)
    found.images[state.where] = state.best
    return folded(found, count)


def _noted(state: Climbers, losses: Tensor, gradient: Tensor) -> Climbers:
    """Remember the iterate where its loss is the largest so far, and whether the loss rose."""
    better = losses > state.highest
    return state._replace(
        best=_where(better, state.iterate, state.best),
        slope=_where(better, gradient, state.slope),
        highest=losses.maximum(state.highest),
        last=losses,
        risen=state.risen + (losses > state.last),
        then=torch.where(state.then.isneginf(), losses, state.then),
    )


def _checked(state: Climbers, gradient: Tensor, steps: int) -> tuple[Climbers, Tensor]:
    """At a checkpoint, halve the step size where the loss rose too seldom or not at all, and go back to the best."""
    stuck = ~state.halved & (state.then == state.highest)
    halve = (state.risen < RHO * steps) | stuck
    new = state._replace(
        iterate=_where(halve, state.best, state.iterate),
        size=torch.where(halve, state.size / 2, state.size),
        risen=torch.zeros_like(state.risen),
        halved=halve,
        then=state.highest,
    )
    return new, _where(halve, state.slope, gradient)


def _stepped(state: Climbers, gradient: Tensor, ball: Norm, eps: float, share: float) -> Climbers:
    """Take a step along the gradient, and some of the last one again."""
    new = ball.steepest(gradient).mul_(state.size.view(-1, 1, 1, 1)).add_(state.iterate)
    new = ball.project(new, state.origin, eps).sub_(state.iterate).mul_(share).add_(state.iterate)
    if share < 1:
        new.add_(state.iterate, alpha=1 - share).sub_(state.earlier, alpha=1 - share)
        new = ball.project(new, state.origin, eps)
    return state._replace(iterate=new, earlier=state.iterate)


def _where(rows: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """Take some images from `new`, the rest from `old`."""
    return new if bool(rows.all()) else torch.where(rows.view(-1, 1, 1, 1), new, old)


def restarted(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    aims: Sequence[Goal],
    generators: Sequence[Generator],
    loss: Loss,
    norm: str,
    eps: float,
    steps: int,
    restarts: int,
) -> Found:
    """Run Algorithm 1 from `restarts` random starts for each aim. norm: linf or l2."""
    ball = NORMS[norm]

    def attempt(where: Tensor, aim: Goal) -> Found:
        origin, own = images[where], [generators[i] for i in where.tolist()]
        draws = [ball.uniform(origin, eps, own) for _ in range(len(aim) // len(where))]
        start = torch.cat([ball.project(origin + draw, origin, eps) for draw in draws])
        return climb(victim, origin, goal[where], aim, start, loss, ball, eps, steps)

    tried = [aim for aim in aims for _ in range(restarts)]
    return side_by_side(images, tried, attempt, victim.batch_size)


def apgd_ce(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    steps: int = 100,
    restarts: int = 1,
) -> Found:
    """Ascend the cross-entropy. steps: of each restart. Raises UsageError for norm l1."""
    check_norm("apgd-ce", norm)
    return restarted(victim, images, goal, [goal], generators, cross_entropy, norm, eps, steps, restarts)


def apgd_dlr(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    steps: int = 100,
    restarts: int = 1,
) -> Found:
    """Ascend the difference of logits ratio. Raises UsageError for norm l1 and for fewer than 3 classes."""
    check_norm("apgd-dlr", norm)
    loss = difference_of_logits_ratio
    return restarted(victim, images, goal, [goal], generators, loss, norm, eps, steps, restarts)


def apgd_t(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    steps: int = 100,
    restarts: int = 1,
) -> Found:
    """Ascend the targeted ratio, for the 9 likeliest wrong classes, or the goal's own target.

    steps, restarts: for each class. Raises UsageError for norm l1 and for fewer than 4 classes.
    """
    check_norm("apgd-t", norm)
    tried, loss = aims(victim(images), goal), difference_of_logits_ratio
    found = restarted(victim, images, goal, tried, generators, loss, norm, eps, steps, restarts)
    return found._replace(forward=found.forward + 1)


ATTACKS.add("apgd-ce", perturbing(apgd_ce))
ATTACKS.add("apgd-dlr", perturbing(apgd_dlr))
ATTACKS.add("apgd-t", perturbing(apgd_t))
AT_THE_BOUNDARY.add("apgd-t")
HAS_NORMS |= dict.fromkeys(("apgd-ce", "apgd-dlr", "apgd-t"), ("linf", "l2"))
