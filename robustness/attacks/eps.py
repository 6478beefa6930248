"""The radius of an attack as people write it (`4/255`) and as code needs it (0.0157), checked for its units."""

from fractions import Fraction

from ..errors import UsageError
from .norms import NORMS

GREY_LEVELS = 255
VALUES = 3 * 224 * 224


def canonical(text: str, norm: str) -> str:
    """Write a radius or step the one way that keys and reports use: n/255 for linf, a decimal otherwise.

    text: a decimal or a fraction such as `4/255`, in units of pixels in [0,1]. Raises UsageError for anything that is
    not a number above 0, or is larger than the distance between a black and a white image (4 instead of 4/255).
    """
    value = as_pixels(text)
    longest = NORMS[norm].longest(VALUES)
    if not 0 < value <= longest:
        hint = f"; pixels are in [0, 1], did you mean {text}/{GREY_LEVELS}?" if norm == "linf" and value > 1 else ""
        raise UsageError(f"{text} is no length for norm {norm}: above 0 and at most {longest:g}{hint}")
    return f"{value * GREY_LEVELS:g}/{GREY_LEVELS}" if norm == "linf" else f"{value:g}"


def as_pixels(text: str) -> float:
    """Turn `4/255`, `0.5/255` or `0.5` into a float; raises UsageError for what is no number."""
    numerator, _, denominator = text.partition("/")
    try:
        top, bottom = float(numerator), float(denominator or 1)  # 1e999999999 as a Fraction takes minutes and gigabytes
        if not top and bottom:
            return 0.0
        if not all(1e-30 < abs(value) < 1e30 for value in (top, bottom)):
            raise ValueError(text)
        return float(Fraction(numerator.strip()) / Fraction(denominator.strip() or 1))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{text!r} is not a number such as 4/255 or 0.5") from None
