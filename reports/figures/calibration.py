"""Reliability diagrams: how often a model is right, by how sure it is."""

from collections.abc import Iterator, Sequence

import altair as alt
import pandas as pd

from ..results import Results, rows
from ..selection import shown
from .colours import FAINT
from .drawing import Figure, colour, data, draw, panels, slug

_SEVERITIES = (1, 3, 5)  # enough to show the trend
_FEWEST = 10  # of a bin, below which chance alone is seen
_PANELS = 3  # side by side


def reliability(results: Results) -> Iterator[Figure]:
    """Draw accuracy over confidence: on clean images and under each suite of corruptions, then on natural shifts."""
    table, models = results.details.table("reliability"), shown(results)
    table = table[table["model"].isin(models) & (table["n"] >= _FEWEST)]
    clean = table[(table["suite"] == "imagenet") & (table["condition"] == "clean")]
    severe = table["severity"].notna()
    for suite, own in table[severe & table["severity"].isin(_SEVERITIES)].groupby("suite", sort=False):
        series = own["severity"].map(lambda severity: f"severity {severity:.0f}")
        yield _figure(suite, [clean.assign(series="clean"), own.assign(series=series)], models)
    shifts = table[~severe & (table["suite"] == table["dataset"]) & (table["suite"] != "imagenet")]
    if len(shifts) or (len(clean) and not severe.any()):
        names = shifts["suite"].where(shifts["condition"] == "clean", shifts["suite"] + ", " + shifts["condition"])
        kept = names.isin(names.drop_duplicates()[:4])  # as many as there are colours left
        yield _figure("natural shifts", [clean.assign(series="clean"), shifts.assign(series=names)[kept]], models)


def _figure(where: str, tables: Sequence[pd.DataFrame], models: Sequence[str]) -> Figure:
    table = pd.concat([own for own in tables if len(own)], ignore_index=True)
    series = list(dict.fromkeys(table["series"]))
    points = rows(table[["model", "series", "confidence", "accuracy", "low", "high"]])
    encoded = colour("series:N", series)
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(format="%", tickCount=5)
    x = alt.X("confidence:Q", title="mean confidence of a bin", scale=scale, axis=axis)
    y = alt.Y("accuracy:Q", title="accuracy", scale=scale, axis=axis)
    base = alt.Chart(data(points)).encode(x=x, color=encoded["color"])
    ideal = base.mark_rule(color=FAINT, strokeDash=[5, 3]).encode(
        x=alt.datum(0), x2=alt.datum(1), y=alt.datum(0), y2=alt.datum(1), color=alt.value(FAINT)
    )
    bars = base.mark_rule(opacity=0.6).encode(y=alt.Y("low:Q", title="accuracy"), y2="high:Q")
    line = base.mark_line().encode(y=y, strokeDash=encoded["strokeDash"])
    marks = base.mark_point(size=28, filled=True, opacity=1).encode(y=y, shape=encoded["shape"])
    present = [model for model in models if (table["model"] == model).any()]
    side = 300 if len(present) == 1 else 170
    drawn = panels([ideal, bars, line, marks], (side, side), "model:N", present, _PANELS)
    caption = (
        "Reliability: how often a model is right, by how sure it is, in 15 bins of equal width, with 95 % intervals; "
        f"below the dashed line it is too sure. Clean images and {where}; bins of less than {_FEWEST} are left out."
    )
    return draw(f"reliability-{slug(where)}", caption, _said(table, present), drawn)


def _said(table: pd.DataFrame, models: Sequence[str]) -> str:
    """Say how far confidence is from accuracy, over all images."""
    sums = table.assign(gap=(table["confidence"] - table["accuracy"]) * table["n"])
    gaps = sums.groupby(["model", "series"], sort=False)[["gap", "n"]].sum()
    said = [
        f"{model}, {name}: {100 * row.gap / row.n:+.1f}"
        for model in models
        for (_, name), row in zip(gaps.loc[[model]].index, gaps.loc[[model]].itertuples(), strict=True)
    ]
    return f"Reliability diagrams. Mean confidence minus accuracy in percentage points: {'; '.join(said)}."
