"""What attacks ascend: losses of one image each, float [B] for logits [B,K], larger the nearer the goal.

Summed before they are differentiated: averaged, gradients would shrink with the batch.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from .goal import Goal

Loss = Callable[[Tensor, Goal], Tensor]


def cross_entropy(logits: Tensor, goal: Goal) -> Tensor:
    """Cross-entropy of the label, to be raised; or of the target, to be lowered."""
    if goal.targets is None:
        return F.cross_entropy(logits, goal.labels, reduction="none")
    return -F.cross_entropy(logits, goal.targets, reduction="none")
