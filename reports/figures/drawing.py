"""From a chart to SVG and PNG, without a browser; and the look that all charts share."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert

from ..cells import printable
from .colours import FAINT, INK, LINE, PAPER, SERIES, styled

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # as wide as each other, and the first comes with vl-convert
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (4, 2))
_SCALE = 3  # dots a CSS pixel of a PNG: 288 to the inch
_WIDE = 480  # pixels; what is wider scrolls on a narrow screen rather than shrink
_LABEL = 280  # width of the longest label, pixels
_CONFIG = {
    "aria": False,  # one text alternative stands for the whole chart
    "background": PAPER,
    "font": FONT,
    "view": {"stroke": LINE},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "tickColor": FAINT,
        "domainColor": FAINT,
        "gridColor": LINE,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": _LABEL,
    },
    "legend": {
        "orient": "bottom",
        "direction": "vertical",
        "columns": 2,
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "labelLimit": _LABEL,
        "symbolStrokeWidth": 0,
        "symbolSize": 70,
        "symbolOpacity": 1,
    },
    "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": 11, "labelLimit": _LABEL},
}
_TAG = re.compile("<[^<>]+>")
_NEEDLESS = re.compile(r' (?:xmlns(?::xlink)?|version|class|role|pointer-events|aria-[a-z]+)="[^"]*"')
_ID = re.compile(r'(id="|href="#|url\(#)')

Rows = Iterable[Mapping[str, Any]]
Size = tuple[int | alt.Step, int | alt.Step]


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart. name: of its files. text: what it shows, for those who cannot see it. svg: on white paper."""

    name: str
    caption: str
    text: str
    svg: str

    @property
    def inline(self) -> str:
        """The SVG as part of the page, in the page's colours, its ids unlike those of other charts."""
        return _TAG.sub(self._tag, self.svg)

    def _tag(self, match: re.Match[str]) -> str:
        tag = _ID.sub(rf"\g<1>{self.name}-", _NEEDLESS.sub("", styled(match[0])))
        return tag.replace("<svg ", f'<svg role="img" aria-labelledby="{self.name}-text"{self._class} ')

    @property
    def _class(self) -> str:
        width = re.search(r'width="(\d+)', self.svg)
        return ' class="wide"' if width and int(width[1]) > _WIDE else ""

    @property
    def png(self) -> bytes:
        """The chart as a PNG file."""
        return bytes(vl_convert.svg_to_png(self.svg, scale=_SCALE))


def draw(name: str, caption: str, text: str, chart: alt.TopLevelMixin) -> Figure:
    """Draw a chart. The same chart gives the same bytes, by one version of vl-convert."""
    spec = chart.to_dict() | {"config": _CONFIG}
    return Figure(name, caption, text, vl_convert.vegalite_to_svg(spec, vl_version="6.1"))


def data(rows: Rows) -> alt.InlineData:
    """Hand rows to a chart; names lose the characters that no XML may hold."""
    return alt.InlineData(values=[{key: _printable(value) for key, value in row.items()} for row in rows])


def colour(field: str, names: Sequence[str]) -> dict[str, Any]:
    """Encode a series thrice, by colour, shape and dash, so that none of them alone must tell it.

    field: such as "model:N". names: of the series, at most five, in order.
    """
    domain = [_printable(name) for name in names]
    legend = alt.Legend(title=None) if len(names) > 1 else None

    def encode(channel: Any, values: Sequence[Any], legend: alt.Legend | None) -> Any:
        return channel(field, sort=None, scale=alt.Scale(domain=domain, range=list(values)), legend=legend)

    return {
        "color": encode(alt.Color, SERIES, legend),
        "shape": encode(alt.Shape, SHAPES, legend),
        "strokeDash": encode(alt.StrokeDash, DASHES, None),
    }


def panels(layers: Sequence[alt.Chart], size: Size, field: str, names: Sequence[str], most: int) -> alt.TopLevelMixin:
    """Lay the same layers out for each of `names`, side by side, `most` at most; of one name there is no panel.

    size: width and height of a panel, pixels or steps.
    """
    chart = alt.LayerChart(layer=list(layers), width=size[0], height=size[1])
    if len(names) == 1:
        return chart
    rows = -(-len(names) // most)
    facet = alt.Facet(field, title=None, sort=[_printable(name) for name in names])
    return chart.facet(facet, columns=-(-len(names) // rows))  # so that few places stay empty


def _printable(value: Any) -> Any:
    if not isinstance(value, str):
        return None if value is None or value != value else value
    return printable(value)


def slug(text: str) -> str:
    """Make a part of a file's name and of an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
