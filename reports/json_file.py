"""Header and scores in one file for other programs: `report.json`."""

import json
from dataclasses import asdict

from .results import Results


def render(results: Results) -> dict[str, str]:
    """Render `report.json`: `header` as in `run.json`, and `scores` as a list of objects with null for not measured."""
    content = {"header": dict(results.header), "scores": [asdict(row) for row in results.measurements]}
    return {"report.json": json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"}
