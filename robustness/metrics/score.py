"""One figure: a value, its 95 % interval, and what it rests on."""

import math
from dataclasses import dataclass

FRACTION = "fraction"
PERCENT_OF_ALEXNET = "percent of AlexNet"


@dataclass(frozen=True, slots=True)
class Score:
    """A figure with the bounds of its 95 % interval.

    value, low, high: in `unit`; None where it cannot be measured, and then `note` says why. Never NaN, never a 0 that
    stands for "unknown". n: the samples that the value is a mean of. Raises ValueError when these rules are broken.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    note: str = ""

    def __post_init__(self) -> None:
        numbers = [number for number in (self.value, self.low, self.high) if number is not None]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"a score is a finite number or None, not {numbers}")
        if self.value is None and not self.note:
            raise ValueError("a score without a value must say why in its note")


def join_notes(*notes: str) -> str:
    """Write several notes as one; empty ones vanish."""
    return "; ".join(note for note in notes if note)


def unmeasured(reason: str, unit: str, n: int = 0) -> Score:
    """Make the score of what cannot be measured."""
    return Score(None, None, None, n, unit, reason)
