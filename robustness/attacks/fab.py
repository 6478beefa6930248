"""Fast Adaptive Boundary attack with targets: Croce & Hein 2020, arXiv:1907.02044, Algorithm 1 and section 3.4.

It walks along the boundary of a class towards the image, so its success does not depend on a step size or a radius. A
radius is given here, as in AutoAttack, and an image is done when it is at its goal within that.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from ..errors import UsageError
from .attack import ATTACKS
from .goal import Goal
from .losses import lead_over_label, margin
from .norms import NORMS
from .victim import Victim
from .worst_case import Found, aims, folded, perturbing, side_by_side, standing, untouched

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
    speed = torch.ones_like(weight) if norm == "linf" else weight
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


def walk(victim: Victim, images: Tensor, goal: Goal, aim: Goal, norm: str, eps: float, steps: int) -> Found:
    """Run Algorithm 1 from the images [B,3,H,W] to the boundaries between label and targets, until an image is done.

    goal: [B], when to stop, if within eps. aim: [A B], the targets. Row r of it is an attempt on image r % B, and those
    on one image stop together. Images that withstand come back as they were.
    """
    count, distance = len(images), NORMS[norm].distance
    loss = lead_over_label if goal.targets is None else margin
    where = torch.arange(len(aim), device=images.device)
    iterate = origin = images[where % count]
    found = untouched(origin)
    _, lead, slope = victim.gradient(origin, loss, aim)
    found.forward.add_(1)
    found.backward.add_(1)
    for step in range(1, steps + 1):
        iterate = _stepped(iterate, origin, lead, slope, norm)
        stop = goal[where % count]
        if step < steps:
            logits, lead, slope = victim.gradient(iterate, loss, aim[where], stop)
        else:
            logits = victim(iterate)
        reached = stop.reached(logits)
        done = reached & (distance(iterate - origin) <= eps)
        found.images[where[done]] = iterate[done]
        found.reached[where] = done
        found.forward[where] += 1
        left = standing(found, where, count)
        if step == steps or not bool(left.any()):
            break
        where, origin, iterate, lead, slope, reached = (
            part[left] for part in (where, origin, iterate, lead, slope, reached)
        )
        found.backward[where] += 1
        if bool(reached.any()):
            iterate[reached] = torch.lerp(origin[reached], iterate[reached], BACKWARD)
            found.forward[where[reached]] += 1
            _, lead[reached], slope[reached] = victim.gradient(iterate[reached], loss, aim[where[reached]])
    return folded(found, count)


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
    if norm == "l1":
        raise UsageError("FAB is for the norms linf and l2; for l1 use pgd")

    def attempt(where: Tensor, aim: Goal) -> Found:
        return walk(victim, images[where], goal[where], aim, norm, eps, steps)

    found = side_by_side(images, aims(victim(images), goal), attempt, victim.batch_size)
    return found._replace(forward=found.forward + 1)


ATTACKS.add("fab-t", perturbing(fab_t))
