"""How far a decision boundary is, to first order."""

from torch import Tensor

from .norms import NORMS, TINY

DUAL = {"linf": "l1", "l2": "l2", "l1": "linf"}


def linear_distance(margins: Tensor, gradient: Tensor, norm: str) -> Tensor:
    """Return how far away margin 0 would be if the margins [B] were linear in the pixels: float [B], in `norm`.

    gradient: of each margin, [B,3,H,W].
    """
    return margins.abs() / NORMS[DUAL[norm]].distance(gradient).clamp_min(TINY)
