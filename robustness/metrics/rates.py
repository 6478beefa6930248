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


def attackable(records: pd.DataFrame, *columns: str) -> tuple[pd.DataFrame, str]:
    """Return the rows that are right when clean, and why these tell nothing: one lacks a column, or there are none.

    records: column `clean_correct` (boolean); no rows are returned where that is not known.
    """
    if reason := lacking(records, "clean_correct"):
        return records.iloc[:0], reason
    rows = records[records["clean_correct"].astype("bool")]
    reasons = filter(None, (lacking(rows, column) for column in columns))
    return rows, next(reasons, "no sample was right when clean" if rows.empty else "")


def attack_success_rate(records: pd.DataFrame, note: str = "") -> Score:
    """Rate of fooled samples among those that are right when clean, a fraction in [0, 1]; `n` counts the latter.

    records: one row a sample with `clean_correct` and `success` (boolean); None when either is not known or when no
    sample was right when clean.
    """
    attacked, reason = attackable(records, "success")
    if reason:
        return unmeasured(reason, FRACTION, len(attacked))
    return wilson(int(attacked["success"].sum()), len(attacked), note)
