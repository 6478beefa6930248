"""The smallest radius that fools a sample, of attacks that were run with several: the median of a robustness curve.

The robust accuracies at the radii are the curve; the median tells where it crosses the half of the samples that are
right when clean. It is one of the radii tried, or the mean of two, and as every attack's figure an upper bound. If it
is the smallest of them it is nothing but a bound, and its note says so, as no smaller one could be found.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..condition import parse
from .evaluation import Evaluation
from .minimal_norm import median_score, pixels
from .rates import attackable
from .score import Score, join_notes, unmeasured

AT_MOST = "at most: no smaller radius was tried"


def families(attacks: Sequence[str]) -> dict[str, dict[str, float]]:
    """Gather the attacks that differ in eps alone, two or more: `pgd(norm=linf,steps=40)` → each attack's eps."""
    found: dict[str, dict[str, float]] = {}
    for attack in attacks:
        name, params = parse(attack)
        if {"norm", "eps"} <= params.keys():
            others = ",".join(f"{key}={value}" for key, value in params.items() if key != "eps")
            found.setdefault(f"{name}({others})", {})[attack] = pixels(params["eps"])
    return {name: family for name, family in found.items() if len(family) > 1}


def median_eps(records: pd.DataFrame, family: Mapping[str, float], evaluation: Evaluation, note: str = "") -> Score:
    """Median over samples that are right when clean of the smallest eps that fooled them, in pixel units.

    records: rows of attacks, `clean_correct` and `success` (boolean). family: attack → eps. Samples that were never
    fooled are infinitely far. Over the samples that have a record at every radius. None where the median is infinite,
    where no sample was right when clean, or a column is missing. Interval: a bootstrap over images.
    """
    unit = f"{parse(next(iter(family)))[1]['norm']} radius of pixels in [0, 1]"
    own = records[records["condition"].isin(list(family))]
    attacked, reason = attackable(own, "success")
    if reason:
        return unmeasured(reason, unit)
    eps = attacked["condition"].map(family).to_numpy(dtype=np.float64)
    fooled = attacked["success"].to_numpy(dtype=bool)
    by_sample = pd.Series(np.where(fooled, eps, np.inf)).groupby(attacked["sample_id"].to_numpy(), observed=True)
    smallest = by_sample.min()[by_sample.size() == len(family)]
    if smallest.empty:
        return unmeasured("no sample was right when clean and attacked with every radius", unit)
    partly = len(smallest) < by_sample.ngroups
    shared = f"over the {len(smallest)} of {by_sample.ngroups} samples that all radii share" if partly else ""
    bound = AT_MOST if smallest.median() <= min(family.values()) else ""
    return median_score(smallest.to_numpy(), unit, evaluation, join_notes(bound, shared, note))
