"""The Backgrounds Challenge: a foreground is robust if no background of the collection flips its classification.

Xiao et al. 2021, arXiv:2006.09994; challenge_eval.py of MadryLab/backgrounds_challenge.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .classifier import batches_of

BACKGROUNDS = 4_050  # as published
PART = "only_bg_t"  # of the data set: the backgrounds are its images


def worst_background(
    classify: Callable[[Tensor], Tensor],
    decide: Callable[[Tensor], Tensor],
    images: Tensor,
    masks: Tensor,
    positions: Tensor,
    backgrounds: Tensor,
    batch_size: int,
    *,
    patient: bool = True,
) -> tuple[Tensor, Tensor]:
    """Put each foreground on one background after the other until one flips it.

    classify: uint8 [B,3,H,W] → logits on the CPU. decide: logits → decision, int64 [B]. images, backgrounds: uint8
    [B,3,H,W] and [N,3,H,W]. masks: uint8 [B,3,H,W], 255 on the foreground. positions: int64 [B], the decision that is
    right. A flipped foreground makes room for the others, so that up to batch_size pictures are classified at a time.
    Logits that are not finite flip, too; patient: whether to go on with the other foregrounds then.

    Returns (logits [B,K] of the first background that flips, of the last one where none does; int64 [B], the number of
    backgrounds tried).
    """
    first_logits: list[Tensor] = [torch.empty(0)] * len(images)
    tried = torch.zeros(len(images), dtype=torch.int64)
    alive, begun = torch.arange(len(images)), 0
    while len(alive) and begun < len(backgrounds):
        some = backgrounds[begun : begun + max(1, batch_size // len(alive))]
        pairs = torch.where(masks[alive] > 0, images[alive], some[:, None])  # [backgrounds, alive, 3, H, W]
        logits = torch.cat([classify(piece) for piece in batches_of(pairs.flatten(0, 1), batch_size)])
        flips = (decide(logits) != positions[alive].repeat(len(some))) | ~logits.isfinite().all(1)
        flips = flips.view(len(some), len(alive))
        logits = logits.view(len(some), len(alive), -1)
        flipped = flips.any(0)
        first = torch.where(flipped, flips.int().argmax(0), len(some) - 1)
        for column, (row, index) in enumerate(zip(first.tolist(), alive.tolist(), strict=True)):
            first_logits[index] = logits[row, column]
        tried[alive] = begun + first + 1
        alive, begun = alive[~flipped], begun + len(some)
        if not (patient or bool(torch.stack(first_logits).isfinite().all())):
            break
    return torch.stack(first_logits), tried
