"""What attacks ascend: losses of one image each, float [B] for logits [B,K], larger the nearer the goal.

Summed before they are differentiated: averaged, gradients would shrink with the batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import UsageError
from .goal import Goal

Loss = Callable[[Tensor, Goal], Tensor]
TINY = 1e-12  # floor of a spread of logits that divides: equal logits give 0, not NaN


def cross_entropy(logits: Tensor, goal: Goal) -> Tensor:
    """Cross-entropy of the label, to be raised; or of the target, to be lowered."""
    if goal.targets is None:
        return F.cross_entropy(logits, goal.labels, reduction="none")
    return -F.cross_entropy(logits, goal.targets, reduction="none")


def margin(logits: Tensor, goal: Goal) -> Tensor:
    """How far the largest logit beside the label's is above it; or the target's above all others."""
    chosen = goal.labels if goal.targets is None else goal.targets
    others = logits.scatter(1, chosen[:, None], -torch.inf).amax(1)
    lead = others - _logit(logits, chosen)
    return lead if goal.targets is None else -lead


def lead_over_label(logits: Tensor, goal: Goal) -> Tensor:
    """How far the target's logit is above the label's. The goal must have targets."""
    assert goal.targets is not None  # noqa: S101 - narrows the type
    return _logit(logits, goal.targets) - _logit(logits, goal.labels)


def difference_of_logits_ratio(logits: Tensor, goal: Goal) -> Tensor:
    """Difference of logits over their spread, which neither a shift nor a scale of the logits changes.

    Croce & Hein 2020, arXiv:2003.01690: eq. 6, with targets eq. 7. Raises UsageError for fewer than 3 classes, with
    targets 4: the spread would be the difference itself.
    """
    needed = 3 if goal.targets is None else 4
    if logits.shape[1] < needed:
        raise UsageError(
            f"the difference of logits ratio needs {needed} classes, and the model has {logits.shape[1]}; "
            "use an attack on the cross-entropy, such as apgd-ce"
        )
    largest = logits.topk(needed, 1).values
    if goal.targets is None:
        return margin(logits, goal) / (largest[:, 0] - largest[:, 2]).clamp_min(TINY)
    spread = largest[:, 0] - (largest[:, 2] + largest[:, 3]) / 2
    return lead_over_label(logits, goal) / spread.clamp_min(TINY)


def _logit(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None])[:, 0]
