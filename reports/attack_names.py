"""Conditions of attacks, taken apart: what reports read off a name like `pgd(norm=linf,eps=4/255,steps=40)`."""

import re

# pgd(norm=linf,eps=4/255,steps=40), worst(norm=linf,eps=4/255), fmn(norm=linf,steps=100) within 4/255
_CONDITION = re.compile(r"^(?P<name>[^(]+)\((?P<params>.*)\)(?: within (?P<within>\S+))?$")
_NUMBER = re.compile(r"(\d+(?:\.\d*)?(?:/0*[1-9]\d*)?)")
WORST = "worst"  # the name of the worst case over several attacks


def parse(condition: str) -> tuple[str, dict[str, str]]:
    """Return name and parameters; the radius behind "within" is an `eps`. What is no attack is a name alone."""
    if not (match := _CONDITION.match(condition)):
        return condition, {}
    params = dict(pair.split("=", 1) for pair in match["params"].split(",") if "=" in pair)
    return match["name"], {"eps": match["within"]} | params if match["within"] else params


def pixels(eps: str) -> float | None:
    """Read `4/255` or `0.5`; None for what is no radius."""
    return _value(eps) if _NUMBER.fullmatch(eps) else None


def by_size(condition: str) -> tuple[str | float, ...]:
    """Sort key: numbers by their values, so that 1/510 comes before 1/255."""
    return tuple(_value(part) if index % 2 else part for index, part in enumerate(_NUMBER.split(condition)))


def _value(number: str) -> float:
    numerator, _, denominator = number.partition("/")
    return float(numerator) / float(denominator or 1)
