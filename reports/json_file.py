"""Header, scores and comparison in one file for other programs: `report.json`."""

import json
from dataclasses import asdict
from typing import Any

from .comparisons import FILES
from .results import Results, rows


def render(results: Results) -> dict[str, str]:
    """Render `report.json`: `header` as in `run.json`, and `scores` as a list of objects with null for not measured.

    Of several models the tables of their comparison are such lists too: `differences`, `ranking`, `consistency`.
    """
    content: dict[str, Any] = {
        "header": dict(results.header),
        "scores": [asdict(row) for row in results.measurements],
    }
    if results.comparison is not None:
        content |= {name: rows(getattr(results.comparison, name)) for name in FILES}
    return {"report.json": json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"}
