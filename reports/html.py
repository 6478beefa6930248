"""The report as one HTML file without scripts or outside parts: `report.html`."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from . import heat
from .document import document
from .results import Results

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(results: Results) -> dict[str, str]:
    """Render `report.html`."""
    template = _ENVIRONMENT.get_template("report.html")
    return {"report.html": template.render(document=document(results), heat=heat) + "\n"}
