"""Which models a report speaks of in detail: all, or the best few of many."""

from .results import Measurement, Results

MOST = 5  # as many as colours that can be told apart
# What the best are chosen by, the first that was measured: suite, condition, metric, and whether more is better.
_CRITERIA = (
    ("imagenet-c", "all", "mean_error", "mean error on imagenet-c", False),
    ("imagenet", "clean", "top1", "top-1 accuracy on imagenet", True),
)


def shown(results: Results) -> list[str]:
    """Name the models shown in detail, in the header's order."""
    return _selected(results)[0]


def selection_note(results: Results) -> tuple[str, ...]:
    """Say which models are shown where that is not all; else nothing."""
    models, by = _selected(results)
    if len(models) == len(results.models):
        return ()
    chosen = f"the {len(models)} best by {by}" if by else f"the first {len(models)}"
    return (
        f"Of {len(results.models)} models, words, heat maps and figures are of {chosen}; tables and files have all.",
    )


def _selected(results: Results) -> tuple[list[str], str]:
    if len(results.models) <= MOST:
        return results.models, ""
    for *subject, by, more_is_better in _CRITERIA:
        found = [row for row in results.measurements if [row.suite, row.condition, row.metric] == subject]
        values = {row.model: _loss(row, more_is_better) for row in found if row.value is not None}
        if values:
            best = set(sorted(values, key=values.__getitem__)[:MOST])
            return [model for model in results.models if model in best], by
    return results.models[:MOST], ""


def _loss(row: Measurement, more_is_better: bool) -> float:
    value = row.value or 0.0
    return -value if more_is_better else value
