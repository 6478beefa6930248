"""The charts of a report, by the section that they belong to, as SVG and PNG."""

from collections.abc import Mapping

from ..results import Results
from .calibration import reliability
from .drawing import Figure
from .epsilon import robustness_curves
from .scatter import clean_against_robust, natural_shifts
from .severities import severities
from .shape import shape_bias

Drawn = Mapping[str, tuple[Figure, ...]]  # by the title of the section that they belong to

__all__ = ["Drawn", "Figure", "figures", "files"]


def figures(results: Results) -> Drawn:
    """Draw all charts that the results allow, by the title of their section."""
    return {
        "Clean against robust": (*clean_against_robust(results), *natural_shifts(results)),
        "Corruptions": tuple(severities(results)),
        "Attacks": tuple(robustness_curves(results)),
        "Calibration": tuple(reliability(results)),
        "Shape or texture": tuple(shape_bias(results)),
    }


def files(drawn: Drawn) -> dict[str, str | bytes]:
    """Render `figures/*.svg` and `figures/*.png`."""
    everything = [figure for section in drawn.values() for figure in section]
    vectors = {f"figures/{figure.name}.svg": figure.svg + "\n" for figure in everything}
    return {**vectors, **{f"figures/{figure.name}.png": figure.png for figure in everything}}
