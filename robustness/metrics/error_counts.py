"""Per image, at how many of the five severities a classifier errs: what every corruption error is a mean of."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .alexnet import SEVERITIES
from .evaluation import condition_order


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Errors of the images that have records under every complete corruption.

    counts: float64 [images, complete corruptions], whole numbers 0-5; index `sample_id`, sorted. gaps: what each
    incomplete corruption lacks. note: says when images were left out.
    """

    counts: pd.DataFrame
    gaps: dict[str, str]
    note: str

    @property
    def corruptions(self) -> list[str]:
        """All corruptions that were recorded or expected, in their papers' order."""
        return sorted((*map(str, self.counts.columns), *self.gaps), key=condition_order)


def count_errors(records: pd.DataFrame, expected: Iterable[str]) -> ErrorCounts:
    """Count errors per image and corruption.

    records: rows with a severity, at most one per condition, severity and sample. expected: the corruptions that the
    suite consists of; one without records becomes a gap.
    """
    by_corruption = records.groupby("condition", observed=True)["severity"]
    recorded = {str(name): set(severities.unique()) for name, severities in by_corruption}
    gaps = {name: _gap(recorded.get(name, set())) for name in {*expected, *recorded}}
    complete = sorted((name for name, gap in gaps.items() if not gap), key=condition_order)

    # Whole columns at once: a pivot of millions of rows takes many times as long.
    usable = records.loc[records["condition"].isin(complete), ["sample_id", "condition", "correct"]]
    image, ids = pd.factorize(usable["sample_id"], sort=True)
    shape = (len(ids), len(complete))
    condition = usable["condition"].astype("category").cat.set_categories(complete).cat.codes.to_numpy(dtype=np.intp)
    cell = image * len(complete) + condition
    tried = np.bincount(cell, minlength=len(ids) * len(complete)).reshape(shape)
    errors = np.bincount(cell, ~usable["correct"].to_numpy(dtype=bool), len(ids) * len(complete)).reshape(shape)
    shared = (tried == len(SEVERITIES)).all(axis=1)
    n = int(shared.sum())
    note = "" if n == len(ids) else f"over the {n} of {len(ids)} samples that all conditions share"
    counts = pd.DataFrame(errors[shared], index=ids[shared].rename("sample_id"), columns=complete, dtype="float64")
    return ErrorCounts(counts, {name: gap for name, gap in gaps.items() if gap}, note)


def _gap(severities: Collection[int]) -> str:
    """Say which severities are missing; empty when none is."""
    missing = [str(severity) for severity in SEVERITIES if severity not in severities]
    if len(missing) == len(SEVERITIES):
        return "no records"
    return f"no records at severity {', '.join(missing)}" if missing else ""
