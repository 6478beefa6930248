"""Square attack: Andriushchenko et al. 2020, arXiv:1912.00049: a random search with squares, which needs no gradient.

The constants are AutoAttack's: 5000 queries, with the schedule of squares that the paper has for 10,000. Here every
image has its own squares, drawn beforehand from its own generator.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from ..errors import UsageError
from .attack import ATTACKS, GRADIENT_FREE
from .goal import Goal
from .losses import cross_entropy, margin
from .norms import NORMS, TINY
from .victim import Victim
from .worst_case import Found, perturbing, untouched

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # the queries after which the squares' area is halved


def share(query: int, p_init: float) -> float:
    """Return the share of the image that the square of a query, counted from 0, covers."""
    return float(p_init / 2 ** sum(query > halving for halving in HALVINGS))


def side_of(query: int, shape: torch.Size, p_init: float, norm: str) -> int:
    """Return the side of a query's square in pixels; in L2 it is odd and at least 3."""
    height, width = shape[-2:]
    side = max(round(math.sqrt(share(query, p_init) * height * width)), 1 if norm == "linf" else 3)
    return min(side + (norm == "l2" and side % 2 == 0), height, width)


def linf_start(images: Tensor, eps: float, generators: Sequence[Generator]) -> Tensor:
    """Add vertical stripes, each eps lighter or darker."""
    shape = (images.shape[1], 1, images.shape[3])
    stripes = _signs(torch.stack([torch.rand(shape, generator=generator) for generator in generators]))
    return (images + eps * stripes.to(images.device)).clamp_(0, 1)


def linf_proposal(best: Tensor, images: Tensor, eps: float, side: int, draws: Tensor) -> Tensor:
    """Make one square eps lighter or darker than the image, in each colour."""
    height, width = images.shape[-2:]
    top, left = _corner(draws[:, :2], images.shape, side)
    inside = _interval(top, side, height)[:, None, :, None] & _interval(left, side, width)[:, None, None, :]
    square = (images + eps * _signs(draws[:, 2:])[:, :, None, None]).clamp_(0, 1)
    return torch.where(inside, square, best)


def l2_start(images: Tensor, eps: float, generators: Sequence[Generator]) -> Tensor:
    """Lay out 5 × 5 tiles of bumps."""
    count, channels, height, width = images.shape
    side = max(min(height, width) // 5, 1)
    rows, columns = height // side, width // side
    shape = (rows * columns, channels + 1)
    draws = torch.stack([torch.rand(shape, generator=generator) for generator in generators]).to(images.device)
    bumps = _turned(bump(side, images.device), draws[:, :, 0].flatten()).view(count, rows, columns, 1, side, side)
    bumps = bumps * _signs(draws[:, :, 1:]).view(count, rows, columns, channels, 1, 1)
    tiles = bumps.permute(0, 3, 1, 4, 2, 5).reshape(count, channels, rows * side, columns * side)
    delta = torch.zeros_like(images)
    delta[:, :, : rows * side, : columns * side] = tiles
    return (images + eps * NORMS["l2"].steepest(delta)).clamp_(0, 1)


def l2_proposal(best: Tensor, images: Tensor, eps: float, side: int, draws: Tensor) -> Tensor:
    """Move the change of one window to another, where a bump is added: Algorithm 3."""
    channels = images.shape[1]
    delta = (best - images).flatten(2)
    here, there = (_window(draws[:, i : i + 2], images.shape, side).expand(-1, channels, -1) for i in (0, 2))
    budget = (eps**2 - delta.square().sum((1, 2)).view(-1, 1, 1)).clamp_min(0) / channels
    old = delta.gather(2, here)
    emptied = delta.scatter(2, here, 0).scatter(2, there, 0)
    budget = budget + (delta.square() - emptied.square()).sum(2, keepdim=True)
    added = _turned(bump(side, images.device), draws[:, 4]).flatten(1)[:, None] * _signs(draws[:, 5:])[:, :, None]
    new = added + old / _length(old)
    emptied.scatter_(2, here, new / _length(new) * budget.sqrt())
    delta = emptied.view_as(images)
    return (images + eps * NORMS["l2"].steepest(delta)).clamp_(0, 1)


def bump(side: int, device: torch.device) -> Tensor:
    """Return the pattern of a window of L2 length 1: a hill in one half and a hollow in the other, [side,side]."""
    half = side // 2
    pattern = torch.cat([_hill(half, side), -_hill(side - half, side)])
    return (pattern / pattern.square().sum().sqrt()).to(device)


def _hill(height: int, width: int) -> Tensor:
    """Return Σ_{k=d}^{n} 1/(k+1)² for values whose distance from the middle is d, n being the largest there is."""
    rows = (torch.arange(height) - height // 2).abs()
    columns = (torch.arange(width) - width // 2).abs()
    terms = 1 / torch.arange(1, max(height, width) // 2 + 2) ** 2
    return terms.flip(0).cumsum(0).flip(0)[rows[:, None].maximum(columns)]


def _turned(pattern: Tensor, draws: Tensor) -> Tensor:
    """Lay a square pattern across for half of the draws: [N] → [N,side,side]."""
    return torch.where((draws < 0.5).view(-1, 1, 1), pattern, pattern.T)


def _signs(draws: Tensor) -> Tensor:
    return torch.where(draws < 0.5, -1.0, 1.0)


def _corner(draws: Tensor, shape: torch.Size, side: int) -> tuple[Tensor, Tensor]:
    """Place squares [N] so that they lie within the image: their top and left, int64."""
    top, left = ((draws[:, i] * (shape[2 + i] - side + 1)).long() for i in (0, 1))
    return top, left


def _interval(start: Tensor, length: int, size: int) -> Tensor:
    """Say which of `size` positions lie in [start, start + length): bool [N,size]."""
    offset = torch.arange(size, device=start.device) - start[:, None]
    return (offset >= 0) & (offset < length)


def _window(draws: Tensor, shape: torch.Size, side: int) -> Tensor:
    """Return the positions of a window's values in a flattened channel: int64 [N,1,side²]."""
    top, left = _corner(draws, shape, side)
    span = torch.arange(side, device=draws.device)
    return ((top[:, None, None] + span[:, None]) * shape[3] + left[:, None, None] + span).flatten(1)[:, None]


def _length(values: Tensor) -> Tensor:
    return values.square().sum(-1, keepdim=True).sqrt_().clamp_min_(TINY)


# for each norm: the start, a proposal, and the numbers that a proposal draws besides one for each channel
Start = Callable[[Tensor, float, Sequence[Generator]], Tensor]
Proposal = Callable[[Tensor, Tensor, float, int, Tensor], Tensor]
SEARCHES: dict[str, tuple[Start, Proposal, int]] = {
    "linf": (linf_start, linf_proposal, 2),
    "l2": (l2_start, l2_proposal, 5),
}


def square(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    queries: int = 5000,
    p_init: float = 0.8,
) -> Found:
    """Try `queries` squares, of which the first cover `p_init` of the image, and keep one where it raises the loss.

    The loss is the margin, or for a goal with targets their cross-entropy. Raises UsageError for norm l1.
    """
    if norm not in SEARCHES:
        raise UsageError(f"square is for the norms {' and '.join(SEARCHES)}, not {norm}")
    start, propose, numbers = SEARCHES[norm]
    loss = margin if goal.targets is None else cross_entropy
    found, where = untouched(images), torch.arange(len(images), device=images.device)
    origin, candidate = images, start(images, eps, generators)
    shape = (queries, numbers + images.shape[1])
    draws = torch.stack([torch.rand(shape, generator=generator) for generator in generators]).to(images.device)
    best, highest = candidate, torch.full((len(images),), -torch.inf, device=images.device)
    for query in range(queries + 1):
        if query:
            side = side_of(query - 1, images.shape, p_init, norm)
            candidate = propose(best, origin, eps, side, draws[where, query - 1])
        logits = victim(candidate)
        found.forward[where] += 1
        losses, reached = loss(logits, goal[where]), goal[where].reached(logits)
        best = torch.where(((losses > highest) | reached).view(-1, 1, 1, 1), candidate, best)
        highest = highest.maximum(losses)
        if bool(reached.any()):
            found.images[where[reached]], found.reached[where] = best[reached], reached
            where, origin, best, highest = (part[~reached] for part in (where, origin, best, highest))
            if not len(where):
                break
    found.images[where] = best
    return found


ATTACKS.add("square", perturbing(square))
GRADIENT_FREE.add("square")
