"""Fast Adaptive Boundary attack with targets: Croce & Hein 2020, arXiv:1907.02044, Algorithm 1 and section 3.4.

It walks along the boundary of a class towards the image, so its success does not depend on a step size or a radius. A
radius is given here, as in AutoAttack, and an image is done when it is at its goal within that.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from .attack import AT_THE_BOUNDARY, ATTACKS, HAS_NORMS, check_norm
from .goal import Goal
from .losses import lead_over_label, margin
from .norms import NORMS
from .victim import Victim
from .worst_case import Found, aims, folded, only, perturbing, side_by_side, standing, untouched

ALPHA_MAX = 0.1  # the largest weight of the step that starts from the image rather than from the iterate
OVERSHOOT = 1.05  # η
BACKWARD = 0.9  # β: how far an iterate at its goal stays from the image
TINY = 1e-12  # floors against 0/0: of a slope,
SHORTEST = 1e-8  # and of a step's length
PRECISION = 1e-5  # of a rise, relative: what is left to do is far less than the overshoot
MOST_PIECES = 50  # of Newton's method; it takes about 5


def to_plane(points: Tensor, slopes: Tensor, rise: Tensor, norm: str) -> Tensor:
    """Return the shortest change within [0,1] by which linear functions rise as wanted: section 3.1's projection.

    points: [B,3,H,W] in [0,1]. slopes: the functions' gradients, same shape. rise: [B], negative for a fall. norm: linf
    or l2. Where the box does not let a function rise so far, every value goes to its end.

    Value i changes by min(t v_i, room_i), v_i being 1 or, in L2, |slope_i|. What that gains grows with t, ever more
    slowly and in straight pieces, so that Newton's method comes from below and ends exactly.
    """
    direction = slopes.sign() * rise.sign().view(-1, 1, 1, 1)
    room = torch.where(direction > 0, 1 - points, points)
    weight, wanted = slopes.abs(), rise.abs()
    speed = weight.new_ones(()) if norm == "linf" else weight
    gain, t = weight * speed, torch.zeros_like(wanted)
    for _ in range(MOST_PIECES):
        change = (speed * t.view(-1, 1, 1, 1)).minimum(room)
        missing = wanted - (weight * change).flatten(1).sum(1)
        free = (gain * (change < room)).flatten(1).sum(1)
        further = (missing > wanted * PRECISION) & (free > 0)
        if not bool(further.any()):
            break
        t = torch.where(further, t + missing / free.clamp_min(TINY), t)
    return direction * change


class Walkers(NamedTuple):
    """The attempts that go on, a row each.

    where: their positions among all. origin, iterate: the clean image and the last point. taken: steps. fresh: whether
    it is unknown if the point is at the goal. since, gap: steps since one was, and steps between the two before.
    """

    where: Tensor
    origin: Tensor
    iterate: Tensor
    taken: Tensor
    fresh: Tensor
    since: Tensor
    gap: Tensor


def walk(victim: Victim, images: Tensor, goal: Goal, aim: Goal, norm: str, eps: float, steps: int) -> Found:
    """Run Algorithm 1 from the images [B,3,H,W] to the boundaries between label and targets, until an image is done.

    goal: [B], when to stop, if within eps. aim: [A B], the targets. Row r of it is an attempt on image r % B, and those
    on one image stop together. Images that withstand come back as they were.

    A point that is not at the goal is the one whose slope comes next: one pass tells both. As points are at the goal at
    regular intervals, a pass for that alone is taken only where it is to be expected.
    """
    count, loss = len(images), lead_over_label if goal.targets is None else margin
    where = torch.arange(len(aim), device=images.device)
    origin, none = images[where % count], torch.zeros_like(where)
    found, state = untouched(origin), Walkers(where, origin, origin, none, none.bool(), none, none)
    while True:
        asked = state.fresh & ((state.since >= state.gap) | (state.taken == steps))
        reached, where = asked.clone(), state.where[asked]
        if len(where):
            reached[asked] = goal[where % count].reached(victim(state.iterate[asked]))
            found.forward[where] += 1
        state = _back(found, state, reached, norm, eps)
        left = standing(found, state.where, count) & (state.taken < steps)
        state = only(state, left)
        if not len(state.where):
            return folded(found, count)
        where = state.where
        logits, lead, slope = victim.gradient(state.iterate, loss, aim[where])
        found.forward[where] += 1
        found.backward[where] += 1
        late = state.fresh & goal[where % count].reached(logits)  # nobody asked: their slope is another one
        state = _back(found, state, late, norm, eps)
        ahead = _stepped(state.iterate, state.origin, lead, slope, norm)
        iterate = torch.where(late.view(-1, 1, 1, 1), state.iterate, ahead)
        state = state._replace(iterate=iterate, fresh=~late, taken=state.taken + ~late, since=state.since + ~late)


def _back(found: Found, state: Walkers, reached: Tensor, norm: str, eps: float) -> Walkers:
    """Note which points are at their goal within eps, and go back from all that are at their goal."""
    away = state.iterate - state.origin
    done = reached & (NORMS[norm].distance(away) <= eps)
    found.images[state.where[done]] = state.iterate[done]
    found.reached[state.where[done]] = True
    return state._replace(
        iterate=torch.where(reached.view(-1, 1, 1, 1), state.origin + BACKWARD * away, state.iterate),
        fresh=state.fresh & ~reached,
        gap=torch.where(reached, state.since, state.gap),
        since=torch.where(reached, 0, state.since),
    )


def _stepped(iterate: Tensor, origin: Tensor, lead: Tensor, slope: Tensor, norm: str) -> Tensor:
    """Go a little beyond the boundary's tangent plane, between where iterate and image would meet it: eq. 9 and 10."""
    per_image, distance = (-1, 1, 1, 1), NORMS[norm].distance
    from_iterate = to_plane(iterate, slope, -lead, norm)
    at_origin = lead - (slope * (iterate - origin)).flatten(1).sum(1)
    from_origin = to_plane(origin, slope, -at_origin, norm)
    near, far = (distance(change).clamp_min(SHORTEST) for change in (from_iterate, from_origin))
    alpha = (near / (near + far)).clamp_max(ALPHA_MAX).view(per_image)
    ahead, fresh = iterate + OVERSHOOT * from_iterate, origin + OVERSHOOT * from_origin
    return torch.lerp(ahead, fresh, alpha).clamp_(0, 1)


def fab_t(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],  # noqa: ARG001 - one run from the images themselves draws nothing
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    steps: int = 100,
) -> Found:
    """Walk to the boundaries of the 9 likeliest wrong classes, or of the goal's own target.

    steps: for each class. An image that is nowhere at its goal within eps comes back as it was. Raises UsageError for
    norm l1.
    """
    check_norm("fab-t", norm)

    def attempt(where: Tensor, aim: Goal) -> Found:
        return walk(victim, images[where], goal[where], aim, norm, eps, steps)

    found = side_by_side(images, aims(victim(images), goal), attempt, victim.batch_size)
    return found._replace(forward=found.forward + 1)


ATTACKS.add("fab-t", perturbing(fab_t))
AT_THE_BOUNDARY.add("fab-t")
HAS_NORMS["fab-t"] = ("linf", "l2")
