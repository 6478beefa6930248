"""How numbers and other values are written: the one place that decides."""

from collections.abc import Iterable

from .results import Measurement

NOT_MEASURED = "–"
SO_FAR = "so far"
_AT_MOST = "at most: "  # what the notes of figures say that are nothing but a bound
# unit → what to multiply by, what to write behind, and how many decimals
_SCALES = {
    "fraction": (100.0, " %", 1),
    "percent of AlexNet": (1.0, "", 1),
    "passes": (1.0, "", 1),
    "linf distance of pixels in [0, 1]": (255.0, "/255", 2),
    "l2 distance of pixels in [0, 1]": (1.0, "", 2),
    "l1 distance of pixels in [0, 1]": (1.0, "", 1),
    "linf radius of pixels in [0, 1]": (255.0, "/255", 2),
    "l2 radius of pixels in [0, 1]": (1.0, "", 2),
    "l1 radius of pixels in [0, 1]": (1.0, "", 1),
}


def number(value: float | None, unit: str) -> str:
    """Write a value of `unit` as people read it: .74 as `74.0 %`, and None as a dash."""
    if value is None:
        return NOT_MEASURED
    scale, suffix, decimals = _scale(unit)
    return f"{value * scale:.{decimals}f}{suffix}"


def figure(measured: Measurement | None) -> str:
    """Write a value and its interval: `74.0 % [70.0, 77.6]`; without an interval the value alone.

    A figure that will change, as its suite is not complete, is marked, and so is one that is nothing but a bound.
    """
    if measured is None or measured.value is None:
        return NOT_MEASURED
    text = number(measured.value, measured.unit)
    if measured.low is not None and measured.high is not None:
        scale, _, decimals = _scale(measured.unit)
        text += f" [{measured.low * scale:.{decimals}f}, {measured.high * scale:.{decimals}f}]"
    text = f"≤ {text}" if _AT_MOST in measured.note else text
    return f"{text} {SO_FAR}" if measured.so_far else text


def _scale(unit: str) -> tuple[float, str, int]:
    return _SCALES.get(unit, (1.0, f" {unit}", 1))


def bare(measured: Measurement | None) -> str:
    """Write a value alone, without its unit: for tables whose caption names it."""
    if measured is None or measured.value is None:
        return NOT_MEASURED
    return number(measured.value, measured.unit).removesuffix(" %")


def printable(text: str) -> str:
    """Put a question mark for what a terminal or a browser would not print, or would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def place(suite: str, dataset: str, known: Iterable[tuple[str, str]] = ()) -> str:
    """Name where a figure was measured: by the suite, and by the data set where that is not to be expected.

    known: suites with data sets from which it must be told, as ImageNet-C that lay ready from one made on the fly.
    """
    several = len({other for name, other in known if name == suite}) > 1
    return suite if dataset in (suite, "imagenet") and not several else f"{suite} ({dataset})"


def plain(value: object) -> str:
    """Write a value of the header: lists and mappings in a row, truth as yes or no, None as a dash."""
    if value is None or value == "":
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(inner) for inner in value)
    return str(value)
