"""Colours of the charts, and how a chart that is part of the page follows its light or dark scheme.

Charts are drawn in the colours of the light scheme. On the page each becomes a CSS variable, whose dark value suits the
dark scheme. The series are Okabe and Ito's (jfly.uni-koeln.de/color), those that stand out from both papers by a
contrast of 3; shapes and dashes tell them apart as well.
"""

import re

from ..heat import SCALE, ink

# name of the CSS variable → colour on light and on dark paper
TOKENS = {
    "paper": ("#ffffff", "#14171a"),
    "ink": ("#1b1f24", "#e6e8ea"),
    "faint": ("#57606a", "#a3abb3"),
    "line": ("#d0d7de", "#3a4149"),
    "series-0": ("#0072b2", "#56b4e9"),
    "series-1": ("#d55e00", "#e8762d"),
    "series-2": ("#009e73", "#00b382"),
    "series-3": ("#bf6497", "#cc79a7"),
    "series-4": ("#1b1f25", "#e6e8eb"),
}
PAPER, INK, FAINT, LINE, *SERIES = (light for light, _ in TOKENS.values())
_DARK_SCALE = SCALE[::-1]


def ink_on(shade: int) -> str:
    """Return the ink of a heat map's cell: black or white, by a value that no other shade's ink has."""
    return f"#00000{shade}" if ink(SCALE[shade]) == "#000000" else f"#fffff{shade}"


SHADES = {
    name: pair
    for index in range(len(SCALE))
    for name, pair in (
        (f"shade-{index}", (SCALE[index], _DARK_SCALE[index])),
        (f"on-shade-{index}", (ink_on(index), ink(_DARK_SCALE[index]))),
    )
}
VARIABLES = TOKENS | SHADES
_NAMES = {light: name for name, (light, _) in VARIABLES.items()}


def styled(markup: str) -> str:
    """Replace the colours among the attributes of a chart by the page's variables."""
    return re.sub(
        '"(#[0-9a-f]{6})"', lambda found: f'"var(--{_NAMES[found[1]]})"' if found[1] in _NAMES else found[0], markup
    )
