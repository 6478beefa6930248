"""The two rates of an attack: robust accuracy and attack success rate; Carlini et al. 2019, arXiv:1902.06705."""

import pandas as pd

from .evaluation import lacking
from .score import FRACTION, Score, unmeasured
from .statistics import wilson


def robust_accuracy(records: pd.DataFrame, note: str = "") -> Score:
    """Rate of samples that are right when clean and under attack, of all samples; a fraction in [0, 1].

    records: one row a sample with `correct` and `clean_correct` (boolean); None when one of them is not known.
    """
    if reason := lacking(records, "clean_correct") or lacking(records, "correct"):
        return unmeasured(reason, FRACTION)
    return wilson(int((records["clean_correct"] & records["correct"]).sum()), len(records), note)


def attack_success_rate(records: pd.DataFrame, note: str = "") -> Score:
    """Rate of fooled samples among those that are right when clean, a fraction in [0, 1]; `n` counts the latter.

    records: one row a sample with `clean_correct` and `success` (boolean); None when either is not known or when no
    sample was right when clean.
    """
    if reason := lacking(records, "clean_correct"):
        return unmeasured(reason, FRACTION)
    attackable = records[records["clean_correct"].astype("bool")]
    if reason := lacking(attackable, "success"):
        return unmeasured(reason, FRACTION, len(attackable))
    if attackable.empty:
        return unmeasured("no sample was right when clean", FRACTION)
    return wilson(int(attackable["success"].sum()), len(attackable), note)
