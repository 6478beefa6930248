"""Robust accuracy and attack success rate, of each attack and of the worst case over attacks of one strength.

Robust accuracy = right when clean and right under attack, of all samples. Attack success rate = right when clean and
fooled, of those right when clean. A sample that is wrong when clean and repaired by the perturbation counts for neither
(Carlini et al. 2019, arXiv:1902.06705). A targeted attack has fooled a sample when it hit the target.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from ..condition import parse
from .evaluation import Evaluation, Row, condition_order, is_attacked, lacking
from .score import FRACTION, Score, join_notes, unmeasured
from .statistics import wilson


def adversarial(evaluation: Evaluation) -> Iterator[Row]:
    """Yield `robust_accuracy` and `attack_success_rate` of each attack, then of each worst case.

    The worst case `worst(norm=linf,eps=4/255)` exists where two or more attacks share norm and eps: a sample is robust
    if it survives them all, and fooled if one of them fooled it.
    """
    records = evaluation.records[is_attacked(evaluation.records)]
    attacks = sorted(map(str, records["condition"].unique()), key=condition_order)
    for attack in attacks:
        yield from _rows(attack, records[records["condition"] == attack])
    for worst, group in _threats(attacks).items():
        if len(group) > 1:
            cases, total = _worst_case(records[records["condition"].isin(group)])
            shared = "" if len(cases) == total else f"over the {len(cases)} of {total} samples that all of them share"
            yield from _rows(worst, cases, join_notes(f"worst of {', '.join(group)}", shared))


def robust_accuracy(records: pd.DataFrame, note: str = "") -> Score:
    """Rate of samples that are right when clean and under attack.

    records: one row a sample with `correct` (bool) and `clean_correct` (boolean); None when the latter is not known.
    """
    if reason := lacking(records, "clean_correct"):
        return unmeasured(reason, FRACTION)
    return wilson(int((records["clean_correct"] & records["correct"]).sum()), len(records), note)


def attack_success_rate(records: pd.DataFrame, note: str = "") -> Score:
    """Rate of fooled samples among those that are right when clean; `n` counts the latter.

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


def _rows(condition: str, records: pd.DataFrame, note: str = "") -> Iterator[Row]:
    yield Row(condition, None, "robust_accuracy", robust_accuracy(records, note))
    yield Row(condition, None, "attack_success_rate", attack_success_rate(records, note))


def _threats(attacks: Sequence[str]) -> dict[str, list[str]]:
    """Group attacks that share norm and eps, by the name of their worst case."""
    groups: dict[str, list[str]] = {}
    for attack in attacks:
        _, params = parse(attack)
        if {"norm", "eps"} <= params.keys():
            groups.setdefault(f"worst(norm={params['norm']},eps={params['eps']})", []).append(attack)
    return groups


def _worst_case(records: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Fold several attacks into one row a sample, for the samples that all of them have; also counts all samples."""
    by_sample = records.groupby("sample_id", observed=True)
    attacks = records["condition"].nunique()
    cases = pd.DataFrame(
        {
            "correct": by_sample["correct"].all(),
            "clean_correct": by_sample["clean_correct"].all(skipna=False),
            "success": by_sample["success"].any(skipna=False),
        }
    )
    return cases[by_sample.size() == attacks], len(cases)
