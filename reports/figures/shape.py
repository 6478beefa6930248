"""Shape bias by category, as in Geirhos et al. 2019, arXiv:1811.12231."""

from collections.abc import Iterator, Sequence

import altair as alt
import pandas as pd

from ..cells import figure
from ..results import Measurement, Results, rows
from ..selection import shown
from .drawing import Figure, colour, data, draw, slug

_FIELDS = ["model", "name", "shape_bias", "low", "high"]


def shape_bias(results: Results) -> Iterator[Figure]:
    """Draw the shape bias of each category and, as a line, of all together."""
    table, models = results.details.table("shape_bias"), shown(results)
    for suite, own in table[table["model"].isin(models)].groupby("suite", sort=False):
        overall = [
            row
            for row in results.measurements
            if (row.suite, row.metric) == (suite, "shape_bias") and row.model in models and row.value is not None
        ]
        yield _figure(str(suite), own, overall, [model for model in models if (own["model"] == model).any()])


def _figure(suite: str, table: pd.DataFrame, overall: Sequence[Measurement], models: Sequence[str]) -> Figure:
    names, series = [str(name) for name in dict.fromkeys(table["name"])], colour("model:N", models)
    title, scale = "texture ← shape bias → shape", alt.Scale(domain=[0, 1])
    x = alt.X("shape_bias:Q", title=title, scale=scale, axis=alt.Axis(format="%"))
    y = alt.Y("name:N", title=None, sort=names, axis=alt.Axis(grid=True))
    base = alt.Chart(data(rows(table[_FIELDS]))).encode(
        y=y, color=series["color"], yOffset=alt.YOffset("model:N", sort=list(models))
    )
    bars = base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    marks = base.mark_point(size=45, filled=True, opacity=1).encode(x=x, shape=series["shape"])
    totals = alt.Chart(data({"model": row.model, "shape_bias": row.value} for row in overall))
    lines = totals.mark_rule(strokeWidth=1.5).encode(x=x, color=series["color"], strokeDash=series["strokeDash"])
    height = len(names) * (10 + 7 * len(models))
    chart = alt.layer(lines, bars, marks).properties(width=320, height=height)
    caption = f"Shape bias on {suite} by category, with 95 % intervals; vertical lines: of all categories together."
    text = f"Shape bias of all categories together: {'; '.join(f'{row.model} {figure(row)}' for row in overall)}."
    return draw(f"shape-bias-{slug(suite)}", caption, text, chart)
