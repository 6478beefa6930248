"""The report as one HTML file without outside parts, `report.html`, and its figures as files of their own."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from . import figures, heat
from .document import document
from .figures.colours import VARIABLES
from .figures.drawing import slug
from .results import Results
from .selection import shown

_TEMPLATES = Path(__file__).parent / "templates"
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["slug"] = slug
_STYLE, _SCRIPT = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "tables.js"))
# Nothing is fetched, and no script runs but the page's own, whatever names a run brings along.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{b64encode(sha256(_SCRIPT.encode()).digest()).decode()}'",
    )
)


def render(results: Results) -> dict[str, str | bytes]:
    """Render `report.html`, and `figures/*.svg` and `.png`."""
    drawn = figures.figures(results)
    page = document(results, _for_page(results, drawn), pictures=True)
    content = {"document": page, "heat": heat, "colours": VARIABLES, "policy": _POLICY}
    html = _ENVIRONMENT.get_template("report.html").render(**content, style=_STYLE, script=_SCRIPT)
    return {"report.html": html + "\n", **figures.files(drawn)}


def _for_page(results: Results, drawn: figures.Drawn) -> figures.Drawn:
    """Leave out the heat maps of a single model, which the page has as tables."""
    if len(shown(results)) > 1:
        return drawn
    return {
        title: tuple(figure for figure in own if not figure.name.startswith("heat-map")) for title, own in drawn.items()
    }
