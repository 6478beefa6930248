"""Errors by corruption and severity: a heat map of each model, and curves with bands."""

from collections.abc import Iterator, Sequence

import altair as alt

from ..cells import figure, place
from ..heat import SCALE, shade
from ..results import Measurement, Results
from ..selection import shown
from ..table import SEVERITIES
from .colours import ink_on
from .drawing import Figure, colour, data, draw, panels, slug

_PANELS = 5  # side by side


def severities(results: Results) -> Iterator[Figure]:
    """Draw a heat map and curves of each suite and data set that has severities."""
    models = shown(results)
    errors = [row for row in results.measurements if row.metric == "error" and row.severity is not None]
    errors = [row for row in errors if row.value is not None and row.model in models]
    pairs = dict.fromkeys((row.suite, row.dataset) for row in errors)
    for pair in pairs:
        own, where = [row for row in errors if (row.suite, row.dataset) == pair], place(*pair, pairs)
        yield _heat_map(where, own)
        yield _curves(where, own)


def _heat_map(where: str, rows: Sequence[Measurement]) -> Figure:
    models, corruptions = _names(rows)
    cells = [
        {
            "model": row.model,
            "corruption": row.condition,
            "severity": row.severity,
            "error": f"{100 * (row.value or 0):.0f}",
            "shade": SCALE[shade(row.value or 0)],
            "ink": ink_on(shade(row.value or 0)),
        }
        for row in rows
    ]
    base = alt.Chart(data(cells)).encode(
        x=alt.X("severity:O", title="severity", axis=alt.Axis(labelAngle=0, ticks=False, domain=False)),
        y=alt.Y("corruption:N", title=None, sort=corruptions, axis=alt.Axis(ticks=False, domain=False)),
    )
    squares = base.mark_rect().encode(color=alt.Color("shade:N", scale=None))
    numbers = base.mark_text(fontSize=10).encode(text="error:N", color=alt.Color("ink:N", scale=None))
    text = f"Heat map of top-1 errors on {where}: {_extremes(rows)}"
    drawn = panels([squares, numbers], (alt.Step(26), alt.Step(18)), "model:N", models, len(models))
    return draw(f"heat-map-{slug(where)}", f"Top-1 error on {where} in %, by corruption and severity.", text, drawn)


def _curves(where: str, rows: Sequence[Measurement]) -> Figure:
    models, corruptions = _names(rows)
    points = [
        {
            "model": row.model,
            "corruption": row.condition,
            "severity": row.severity,
            "error": row.value,
            "low": row.low,
            "high": row.high,
        }
        for row in rows
    ]
    x = alt.X("severity:Q", title="severity", axis=alt.Axis(values=SEVERITIES, format="d"), scale=alt.Scale(nice=False))
    y = alt.Y("error:Q", title="top-1 error", axis=alt.Axis(format="%", tickCount=3), scale=alt.Scale(domain=[0, 1]))
    series = colour("model:N", models)
    base = alt.Chart(data(points)).encode(x=x, color=series["color"])
    band = base.mark_area(opacity=0.2, strokeWidth=0).encode(y="low:Q", y2="high:Q")
    line = base.mark_line().encode(y=y, strokeDash=series["strokeDash"])
    marks = base.mark_point(size=18, filled=True, opacity=1).encode(y=y, shape=series["shape"])
    chart = panels([band, line, marks], (104, 84), "corruption:N", corruptions, _PANELS)
    caption = f"Top-1 error on {where} by severity, with 95 % intervals."
    return draw(f"severities-{slug(where)}", caption, f"Curves of top-1 error on {where}: {_extremes(rows)}", chart)


def _names(rows: Sequence[Measurement]) -> tuple[list[str], list[str]]:
    return list(dict.fromkeys(row.model for row in rows)), list(dict.fromkeys(row.condition for row in rows))


def _extremes(rows: Sequence[Measurement]) -> str:
    """Say between which errors each model moves."""
    parts = []
    for model in _names(rows)[0]:
        ranked = sorted((row for row in rows if row.model == model), key=lambda row: row.value or 0)
        ends = (f"{figure(row)} ({row.condition}, severity {row.severity})" for row in ranked[:: len(ranked) - 1 or 1])
        parts.append(f"{model} from {' to '.join(ends)}")
    return "; ".join(parts) + "."
