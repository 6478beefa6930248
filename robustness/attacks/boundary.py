"""How far a decision boundary is, to first order."""

from torch import Tensor

from .norms import NORMS, TINY

DUAL = {"linf": "l1", "l2": "l2", "l1": "linf"}
SHORTEST = {"linf": 1e-5, "l2": 4e-3, "l1": 4e-3}  # one four-hundredth of a grey level, of 224 × 224 pixels in L2


def linear_distance(margins: Tensor, gradient: Tensor, norm: str) -> Tensor:
    """Return how far away margin 0 would be if the margins [B] were linear in the pixels: float [B], in `norm`.

    gradient: of each margin, [B,3,H,W]. At least SHORTEST, as from a tie of two classes a step of 0 leads nowhere.
    """
    return (margins.abs() / NORMS[DUAL[norm]].distance(gradient).clamp_min(TINY)).clamp_min(SHORTEST[norm])
