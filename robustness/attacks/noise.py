"""Uniform noise of an attack's budget: no attack, but what every attack must beat."""

from collections.abc import Sequence

from torch import Generator, Tensor

from ..errors import UsageError
from .attack import ATTACKS, GRADIENT_FREE, Perturbed
from .goal import Goal
from .norms import NORMS
from .trials import worst_of
from .victim import Victim


def noise(
    victim: Victim,
    images: Tensor,
    goal: Goal,
    generators: Sequence[Generator],
    *,
    norm: str = "linf",
    eps: float = 4 / 255,
    draws: int = 10,
) -> Perturbed:
    """Keep the worst of `draws` uniform draws from the ball, clipped to [0,1]; needs no gradient.

    Raises UsageError for no draws at all.
    """
    if draws < 1:
        raise UsageError(f"draws {draws} of attack noise is not at least 1")
    ball = NORMS[norm]

    def draw(rows: Tensor) -> Tensor:
        origin = images[rows]
        return ball.project(origin + ball.uniform(origin, eps, [generators[i] for i in rows.tolist()]), origin, eps)

    return worst_of([draw] * draws, victim, images, goal)


ATTACKS.add("noise", noise)
GRADIENT_FREE.add("noise")
