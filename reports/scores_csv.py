"""The scores as they are, one row a figure: `scores.csv`."""

from .results import COLUMNS, Results


def render(results: Results) -> dict[str, str]:
    """Render `scores.csv`; an empty cell is a value that was not measured."""
    return {"scores.csv": results.scores.to_csv(columns=COLUMNS, index=False, lineterminator="\n")}
