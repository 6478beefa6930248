"""Robust accuracy over the radius of the attack."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import altair as alt

from ..attack_names import WORST, parse, pixels
from ..cells import figure
from ..results import Measurement, Results, data_name
from ..selection import MOST, shown
from .drawing import Figure, colour, data, draw, panels, slug

_UNITS = {"linf": (255, "L∞ radius, /255"), "l2": (1, "L2 radius"), "l1": (1, "L1 radius")}
_WORST = "worst case of all"
_PANELS = 3  # side by side


@dataclass(frozen=True, slots=True)
class _Point:
    """Robust accuracy at one radius. attack: the condition without it. eps: in the units of the axis."""

    model: str
    dataset: str
    norm: str
    attack: str
    eps: float
    measured: Measurement


def robustness_curves(results: Results) -> Iterator[Figure]:
    """Draw the curves of each norm and data set; a radius of 0 is clean accuracy.

    One model has a curve for each attack, as long as colours last; else there is a panel for each attack.
    """
    models = shown(results)
    rows = [row for row in results.measurements if row.model in models and row.value is not None]
    points = [point for row in rows if row.metric == "robust_accuracy" and (point := _point(row))]
    clean = {
        (row.model, data_name(row.dataset)): row
        for row in rows
        if (row.condition, row.metric) == ("clean", "top1") and row.suite in ("imagenet", data_name(row.dataset))
    }
    for norm, dataset in dict.fromkeys((point.norm, point.dataset) for point in points):
        own = [point for point in points if (point.norm, point.dataset) == (norm, dataset)]
        starts = dict.fromkeys((point.model, point.attack) for point in own)
        zeros = [
            _Point(model, dataset, norm, attack, 0.0, clean[model, data_name(dataset)])
            for model, attack in starts
            if (model, data_name(dataset)) in clean
        ]
        yield _figure(norm, dataset, [*zeros, *own], [model for model in models if any(p.model == model for p in own)])


def _point(row: Measurement) -> _Point | None:
    """Read norm and radius off a condition; None for an attack that has none."""
    name, params = parse(row.condition)
    norm, radius = params.pop("norm", ""), pixels(params.pop("eps", ""))
    if norm not in _UNITS or radius is None:
        return None
    inner = ", ".join(f"{key} {value}" for key, value in params.items())
    attack = _WORST if name == WORST else f"{name} ({inner})" if inner else name
    return _Point(row.model, row.dataset, norm, attack, radius * _UNITS[norm][0], row)


def _figure(norm: str, dataset: str, points: Sequence[_Point], models: Sequence[str]) -> Figure:
    attacks = list(dict.fromkeys(point.attack for point in points))
    apart = len(models) > 1 or len(attacks) > MOST
    rows = [
        {
            "series": point.model if apart else point.attack,
            "attack": point.attack,
            "eps": point.eps,
            "robust": point.measured.value,
            "low": point.measured.low,
            "high": point.measured.high,
        }
        for point in points
    ]
    series = colour("series:N", models if apart else attacks)
    x = alt.X("eps:Q", title=_UNITS[norm][1])
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(format="%", tickCount=6)
    base = alt.Chart(data(rows)).encode(x=x, color=series["color"])
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title="robust accuracy", scale=scale), y2="high:Q")
    y = alt.Y("robust:Q", title="robust accuracy", scale=scale, axis=axis)
    line = base.mark_line(strokeWidth=2).encode(y=y, strokeDash=series["strokeDash"])
    marks = base.mark_point(size=40, filled=True, opacity=1).encode(y=y, shape=series["shape"])
    several = attacks if apart else attacks[:1]
    size = (170, 150) if len(several) > 1 else (380, 260)
    drawn = panels([line, bars, marks], size, "attack:N", several, _PANELS)
    at_zero = "" if all(point.eps for point in points) else "; at 0: clean accuracy"
    caption = (
        f"Robust accuracy on {dataset} over the attack's {_UNITS[norm][1].split(',')[0]}, with 95 % intervals"
        f"{at_zero}. What attacks find are upper bounds."
    )
    return draw(f"epsilon-{slug(norm)}-{slug(dataset)}", caption, _said(points), drawn)


def _said(points: Sequence[_Point]) -> str:
    """Say how each curve ends."""
    curves: dict[tuple[str, str], list[_Point]] = {}
    for point in points:
        curves.setdefault((point.model, point.attack), []).append(point)
    ends = [(*key, max(curve, key=lambda point: point.eps)) for key, curve in curves.items()]
    said = (f"{model} under {attack}: {figure(p.measured)} at {p.eps:g}" for model, attack, p in ends)
    return f"Curves of robust accuracy. At the largest radius, {'; '.join(said)}."
