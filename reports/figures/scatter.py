"""Clean against robust accuracy: of the run's models among each other, and among the testbed's."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from ..cells import place
from ..results import Measurement, Results, data_name
from ..selection import shown
from .colours import FAINT
from .drawing import Figure, colour, data, draw, slug

_SIDE = 300  # pixels
Point = Mapping[str, Any]  # model, clean, clean_low, clean_high, shifted, low, high


def clean_against_robust(results: Results) -> Iterator[Figure]:
    """Draw accuracy under corruption over clean accuracy, where two models or more have both."""
    clean = {
        (row.model, data_name(row.dataset)): row
        for row in results.measurements
        if (row.suite, row.condition, row.metric) == ("imagenet", "clean", "top1") and row.value is not None
    }
    suites: dict[tuple[str, str], list[Point]] = {}
    for row in results.measurements:
        if (row.condition, row.metric) == ("all", "mean_error") and row.value is not None:
            found = clean.get((row.model, data_name(row.dataset))) or clean.get((row.model, "imagenet"))
            if found:
                suites.setdefault((row.suite, row.dataset), []).append(_point(found, row))
    for where, points in suites.items():
        if len(points) > 1:
            yield _clean_against_robust(place(*where, suites), points, shown(results))


def natural_shifts(results: Results) -> Iterator[Figure]:
    """Draw accuracy on each natural shift over clean accuracy: the testbed's models, their line, and the run's."""
    table = results.details.table("testbed")
    for (suite, condition), own in table.groupby(["suite", "condition"], sort=False):
        yield _shift(suite if condition == "clean" else f"{suite} ({condition})", own, shown(results))


def _point(clean: Measurement, error: Measurement) -> Point:
    low, high = (None if bound is None else 1 - bound for bound in (error.high, error.low))
    shifted = 1 - (error.value or 0.0)
    bounds = {"clean_low": clean.low, "clean_high": clean.high, "low": low, "high": high}
    return {"model": error.model, "clean": clean.value, "shifted": shifted, **bounds}


def _clean_against_robust(where: str, points: Sequence[Point], models: Sequence[str]) -> Figure:
    marked = [point for point in points if point["model"] in models]
    others = [point for point in points if point["model"] not in models]
    axes = _axes("clean top-1 accuracy", f"mean accuracy on {where}")
    chart = _square(*_grey(others, axes), *_marked(marked, models, axes))
    grey = f"; {len(others)} other models are grey" if others else ""
    caption = f"Mean accuracy on {where} over clean accuracy, with 95 % intervals{grey}."
    return draw(f"clean-and-{slug(where)}", caption, f"Of {len(points)} models: {_said(marked)}.", chart)


def _shift(where: str, table: pd.DataFrame, models: Sequence[str]) -> Figure:
    standard, line, measured = (table[table["kind"] == kind] for kind in ("standard", "line", "measured"))
    own = {row["model"]: row for row in measured.to_dict("records")}
    marked = [own[model] for model in models if model in own]
    axes = _axes("clean top-1 accuracy", f"top-1 accuracy on {where}")
    points = line.assign(part=line["model"].fillna(""))[["clean", "shifted", "part"]].to_dict("records")
    fit = alt.Chart(data(points)).mark_line(color=FAINT, strokeDash=[5, 3]).encode(**axes, detail="part:N")
    chart = _square(*_grey(standard.to_dict("records"), axes), fit, *_marked(marked, models, axes))
    caption = (
        f"Accuracy on {where} over accuracy on ImageNet, with 95 % intervals. Grey: {len(standard)} standard models "
        "and the line through them, straight on logit scale (Taori et al. 2020, arXiv:2007.00644); what is above it "
        "is effectively robust."
    )
    text = f"Among {len(standard)} standard models of the ImageNet testbed: {_said(marked)}."
    return draw(f"shift-{slug(where)}", caption, text, chart)


def _axes(x: str, y: str) -> dict[str, Any]:
    scale, axis = alt.Scale(zero=False), alt.Axis(format="%", tickCount=6)
    return {
        "x": alt.X("clean:Q", title=x, scale=scale, axis=axis),
        "y": alt.Y("shifted:Q", title=y, scale=scale, axis=axis),
    }


def _grey(points: Sequence[Point], axes: Mapping[str, Any]) -> list[alt.Chart]:
    if not points:
        return []
    rows = [{"clean": point["clean"], "shifted": point["shifted"]} for point in points]
    return [alt.Chart(data(rows)).mark_point(size=22, color=FAINT, strokeWidth=1, opacity=0.7).encode(**axes)]


def _marked(points: Sequence[Point], models: Sequence[str], axes: Mapping[str, Any]) -> list[alt.Chart]:
    present = [model for model in models if any(point["model"] == model for point in points)]
    series = colour("model:N", present)
    base = alt.Chart(data(points))
    vertical = base.mark_rule(strokeWidth=1.5).encode(x=axes["x"], y=alt.Y("low:Q"), y2="high:Q", color=series["color"])
    horizontal = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("clean_low:Q"), x2="clean_high:Q", y=axes["y"], color=series["color"]
    )
    marks = base.mark_point(size=90, filled=True, opacity=1).encode(
        **axes, color=series["color"], shape=series["shape"]
    )
    return [vertical, horizontal, marks]


def _said(points: Sequence[Point]) -> str:
    return "; ".join(
        f"{point['model']} {100 * point['clean']:.1f} % clean, {100 * point['shifted']:.1f} % shifted"
        for point in points
    )


def _square(*layers: alt.Chart) -> alt.TopLevelMixin:
    return alt.layer(*layers).properties(width=_SIDE, height=_SIDE)
