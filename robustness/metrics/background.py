"""How much a classifier leans on backgrounds: the Backgrounds Challenge on ImageNet-9.

Xiao et al. 2021, arXiv:2006.09994, and MadryLab/backgrounds_challenge. BG-Gap = accuracy with a background of the same
class - accuracy with one of a random class. Challenge accuracy = rate of foregrounds that no background flips.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from .evaluation import Evaluation, Row
from .score import FRACTION, Score, unmeasured
from .statistics import bootstrap_means, bootstrap_score, rate_difference, wilson

SAME, RANDOM, CHALLENGE = "mixed_same", "mixed_rand", "challenge"


def background(evaluation: Evaluation) -> Iterator[Row]:
    """Yield `bg_gap` as condition `all`, then `challenge_accuracy`; None where a condition was not recorded."""
    by_condition = {
        name: evaluation.records.loc[evaluation.records["condition"] == name].set_index("sample_id")["correct"]
        for name in (SAME, RANDOM, CHALLENGE)
    }
    missing = [name for name in (SAME, RANDOM) if by_condition[name].empty]
    if missing:
        gap = unmeasured(f"no records of condition {', '.join(missing)}", FRACTION)
    else:
        gap = bg_gap(by_condition[SAME], by_condition[RANDOM], resamples=evaluation.resamples, seed=evaluation.seed)
    yield Row("all", None, "bg_gap", gap)
    steady = by_condition[CHALLENGE]
    note = f"no records of condition {CHALLENGE}" if steady.empty else ""
    yield Row(CHALLENGE, None, "challenge_accuracy", wilson(int(steady.sum()), len(steady), note))


def bg_gap(same: "pd.Series[bool]", rand: "pd.Series[bool]", *, resamples: int, seed: int) -> Score:
    """Accuracy on `same` minus accuracy on `rand`, a fraction from -1 to 1.

    same, rand: whether each image was right; index `sample_id`. Over the foregrounds that both share, with a bootstrap
    interval of paired differences; where they share none, over all, with the interval for independent samples.
    """
    pairs = pd.concat([same.rename("same"), rand.rename("rand")], axis=1, join="inner").sort_index()
    if pairs.empty:
        note = f"{SAME} and {RANDOM} share no sample_id: compared as independent samples"
        return rate_difference((int(same.sum()), len(same)), (int(rand.sum()), len(rand)), note)
    differences = (pairs["same"].astype("int8") - pairs["rand"].astype("int8")).to_numpy(dtype=np.float64)
    total = len(same.index.union(rand.index))
    note = "" if len(pairs) == total else f"over the {len(pairs)} of {total} samples that both conditions share"
    resampled = bootstrap_means(differences[:, None], resamples, seed=seed)[:, 0]
    return bootstrap_score(float(differences.mean()), resampled, len(pairs), FRACTION, note)
