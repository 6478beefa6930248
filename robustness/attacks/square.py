"""Square attack: Andriushchenko et al. 2020, arXiv:1912.00049: a random search with squares, which needs no gradient.

The constants are AutoAttack's: 5000 queries, with the schedule of squares that the paper has for 10,000. Here every
image has its own squares, drawn beforehand from its own generator.

A square that does not raise the loss changes nothing, and few do. So an image's next squares can be tried in one batch,
as if none of them raised it, and those after the first that did be tried again: the same search with fuller batches.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from .attack import ATTACKS, GRADIENT_FREE, HAS_NORMS, check_norm
from .goal import Goal
from .losses import Loss, cross_entropy, margin
from .norms import NORMS, TINY
from .victim import Victim
from .worst_case import Found, only, perturbing

AHEAD = 0.5  # an image's squares in a batch: as many as are likely to hold so many that raise the loss,
RECENT = 50  # by what the last of them did
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


def linf_proposal(eps: float, side: int, best: Tensor, images: Tensor, draws: Tensor) -> Tensor:
    """Make one square eps lighter or darker than the image, in each colour."""
    inside = _window(draws[:, :2], images.shape, side).expand(-1, images.shape[1], -1)
    square = (images.flatten(2).gather(2, inside) + eps * _signs(draws[:, 2:])[:, :, None]).clamp_(0, 1)
    return best.flatten(2).scatter(2, inside, square).view_as(best)


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


def l2_proposal(eps: float, side: int, best: Tensor, images: Tensor, draws: Tensor) -> Tensor:
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
    """Return the pattern of a window of L2 length 1: a hill in one half and as much of a hollow in the other."""
    half = side // 2
    pattern = torch.cat([_hill(half, side), -_hill(side - half, side)])
    return (pattern / pattern.square().sum().sqrt()).to(device)


def _hill(height: int, width: int) -> Tensor:
    """Return Σ_{k=d}^{n} 1/(k+1)² for values whose distance from the middle is d, n being the largest; of length 1."""
    rows = (torch.arange(height) - height // 2).abs()
    columns = (torch.arange(width) - width // 2).abs()
    terms = 1 / torch.arange(1, max(height, width) // 2 + 2) ** 2
    hill = terms.flip(0).cumsum(0).flip(0)[rows[:, None].maximum(columns)]
    return hill / hill.square().sum().sqrt()


def _turned(pattern: Tensor, draws: Tensor) -> Tensor:
    """Lay a square pattern across for half of the draws: [N] → [N,side,side]."""
    return torch.where((draws < 0.5).view(-1, 1, 1), pattern, pattern.T)


def _signs(draws: Tensor) -> Tensor:
    return torch.where(draws < 0.5, -1.0, 1.0)


def _corner(draws: Tensor, shape: torch.Size, side: int) -> tuple[Tensor, Tensor]:
    """Place squares [N] so that they lie within the image: their top and left, int64."""
    top, left = ((draws[:, i] * (shape[2 + i] - side + 1)).long() for i in (0, 1))
    return top, left


def _window(draws: Tensor, shape: torch.Size, side: int) -> Tensor:
    """Return the positions of a window's values in a flattened channel: int64 [N,1,side²]."""
    top, left = _corner(draws, shape, side)
    span = torch.arange(side, device=draws.device)
    return ((top[:, None, None] + span[:, None]) * shape[3] + left[:, None, None] + span).flatten(1)[:, None]


def _length(values: Tensor) -> Tensor:
    return values.square().sum(-1, keepdim=True).sqrt_().clamp_min_(TINY)


# for each norm: the start, a proposal, and the numbers that a proposal draws besides one for each channel
Start = Callable[[Tensor, float, Sequence[Generator]], Tensor]
Proposal = Callable[[float, int, Tensor, Tensor, Tensor], Tensor]
SEARCHES: dict[str, tuple[Start, Proposal, int]] = {
    "linf": (linf_start, linf_proposal, 2),
    "l2": (l2_start, l2_proposal, 5),
}


class Searchers(NamedTuple):
    """The images that are not at their goal yet, a row each.

    where: their positions in the batch. origin: the clean image. draws: of all its squares. best, highest: the point
    with the largest loss so far, and its loss. asked: how many squares were tried. rate: the share of them that raised
    the loss of late.
    """

    where: Tensor
    origin: Tensor
    draws: Tensor
    best: Tensor
    highest: Tensor
    asked: Tensor
    rate: Tensor


def lookahead(state: Searchers, end: int, batch: int) -> Tensor:
    """Return how many squares each image tries next, none beyond `end`, so that a batch is filled at most: int64."""
    most = max(1, batch // max(1, int((state.asked < end).sum())))
    return (AHEAD / state.rate).clamp(1, most).long().minimum(end - state.asked)


def search(
    victim: Victim,
    goal: Goal,
    state: Searchers,
    loss: Loss,
    tries: Tensor,
    propose: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> tuple[Searchers, Tensor]:
    """Try each image's next squares up to the first that raises its loss; return which are at their goal then, bool.

    goal: of the state's images. tries: how many squares each of them has in this batch, int64. propose: a `Proposal`
    that knows eps and side.
    """
    total, end = int(tries.sum()), tries.cumsum(0)
    row = torch.arange(len(tries), device=tries.device).repeat_interleave(tries, output_size=total)
    position = torch.arange(total, device=tries.device)
    number = position + (state.asked + tries - end)[row]
    candidates = propose(state.best[row], state.origin[row], state.draws[row, number])
    logits, aim = victim(candidates), goal[row]
    losses, reached = loss(logits, aim), aim.reached(logits)
    better = reached | (losses > state.highest[row])
    first = torch.full_like(end, total).scatter_reduce(0, row[better], position[better], "amin")
    rose = first < total
    kept, tried = first[rose], torch.where(rose, first + 1 + tries - end, tries)
    best, highest, done = state.best.clone(), state.highest.clone(), rose.clone()
    best[rose], highest[rose], done[rose] = candidates[kept], losses[kept], reached[kept]
    rate = (state.rate + (rose.float() - state.rate * tried) / RECENT).clamp_min(1 / RECENT)
    return state._replace(best=best, highest=highest, asked=state.asked + tried, rate=rate), done


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

    The loss is the margin, or for a goal with targets their cross-entropy. The passes counted are those that one square
    after the other would take, whoever else is in the batch; those tried ahead in vain come on top. Raises UsageError
    for norm l1.
    """
    check_norm("square", norm)
    start, proposal, numbers = SEARCHES[norm]
    loss = margin if goal.targets is None else cross_entropy
    best, shape = start(images, eps, generators), (queries, numbers + images.shape[1])
    draws = torch.stack([torch.rand(shape, generator=generator) for generator in generators]).to(images.device)
    logits, where = victim(best), torch.arange(len(images), device=images.device)
    found = Found(best.clone(), goal.reached(logits), torch.ones_like(where), torch.zeros_like(where))
    state = Searchers(where, images, draws, best, loss(logits, goal), where * 0, torch.ones_like(logits[:, 0]))
    state = only(state, ~found.reached)
    for side, phase in groupby(range(queries), lambda query: side_of(query, images.shape, p_init, norm)):
        end, propose = max(phase) + 1, partial(proposal, eps, side)
        while bool((state.asked < end).any()):
            tries = lookahead(state, end, victim.batch_size)
            state, done = search(victim, goal[state.where], state, loss, tries, propose)
            found.forward[state.where] = state.asked + 1
            if bool(done.any()):
                found.images[state.where], found.reached[state.where] = state.best, done
                state = only(state, ~done)
    found.images[state.where] = state.best
    return found


ATTACKS.add("square", perturbing(square))
GRADIENT_FREE.add("square")
HAS_NORMS["square"] = tuple(SEARCHES)
