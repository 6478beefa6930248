"""How numbers and other values are written: the one place that decides."""

from .results import Measurement

NOT_MEASURED = "–"
_SCALES = {"fraction": (100.0, " %"), "percent of AlexNet": (1.0, "")}


def number(value: float | None, unit: str) -> str:
    """Write a value of `unit` with one decimal: .74 as `74.0 %`, and None as a dash."""
    if value is None:
        return NOT_MEASURED
    scale, suffix = _SCALES.get(unit, (1.0, f" {unit}"))
    return f"{value * scale:.1f}{suffix}"


def figure(measured: Measurement | None) -> str:
    """Write a value and its interval: `74.0 % [70.0, 77.6]`; without an interval the value alone."""
    if measured is None or measured.value is None:
        return NOT_MEASURED
    text = number(measured.value, measured.unit)
    if measured.low is None or measured.high is None:
        return text
    scale, _ = _SCALES.get(measured.unit, (1.0, ""))
    return f"{text} [{measured.low * scale:.1f}, {measured.high * scale:.1f}]"


def bare(measured: Measurement | None) -> str:
    """Write a value alone, without its unit: for tables whose caption names it."""
    if measured is None or measured.value is None:
        return NOT_MEASURED
    return number(measured.value, measured.unit).removesuffix(" %")


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
