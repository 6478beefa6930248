"""Robust accuracy and attack success rate, of each attack and of the worst case over attacks of one strength.

Robust accuracy = right when clean and right under attack, of all samples. Attack success rate = right when clean and
fooled, of those right when clean. A sample that is wrong when clean and repaired by the perturbation counts for neither
(Carlini et al. 2019, arXiv:1902.06705). A targeted attack has fooled a sample when it hit the target.
"""

from collections.abc import Iterator

import pandas as pd

from ..condition import parse
from .evaluation import Evaluation, Row, condition_order, is_attacked
from .minimal_norm import median_distance, seeks_nearest, within_radii
from .rates import attack_success_rate, robust_accuracy
from .score import join_notes
from .smallest_eps import families, median_eps
from .statistics import mean_score
from .worst_case import counted, threats, worst_case

_PASSES = {"forward_passes": "queries", "backward_passes": "backward"}
_8BIT = {"correct_8bit": "correct", "success_8bit": "success"}
_AT_ANY_DISTANCE = "at whatever distance"


def adversarial(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the figures of each attack, then `robust_accuracy` and `attack_success_rate` of each worst case.

    The same two end in `_8bit` where the image is rounded to 8 bits. An attack that seeks the nearest adversarial image
    has a robust accuracy at each of some radii, as condition `fmn(norm=linf,steps=100) within 1/255`, and a
    `median_distance`. One that was run with several radii has a `median_eps`, as condition `pgd(norm=linf,steps=40)`.
    `forward_passes` and `backward_passes` are means over the images that were attacked.

    The worst case `worst(norm=linf,eps=4/255)` exists where two or more attacks bear on norm and eps: a sample is
    robust if it survives them all, and fooled if one of them fooled it.
    """
    records = evaluation.records[is_attacked(evaluation.records)]
    attacks = sorted(map(str, records["condition"].unique()), key=condition_order)
    for attack in attacks:
        own, note = records[records["condition"] == attack], _about(attack)
        yield from (_nearest if seeks_nearest(attack) else _bounded)(evaluation, attack, own, note)
        for metric, column in _PASSES.items():
            used = own.loc[own["clean_correct"].fillna(False).astype("bool"), column].dropna()
            if len(used):
                yield Row(attack, None, metric, mean_score(used.to_numpy(dtype="float64"), "passes"))
    for name, family in families(attacks).items():
        yield Row(name, None, "median_eps", median_eps(records, family, evaluation, _about(next(iter(family)))))
    for name, threat in threats(attacks).items():
        yield from _worst(records, name, threat)


def _bounded(_evaluation: Evaluation, attack: str, records: pd.DataFrame, note: str) -> Iterator[Row]:
    yield from _rates(attack, records, note)
    yield from _rates_8bit(attack, records, note)


def _nearest(evaluation: Evaluation, attack: str, records: pd.DataFrame, note: str) -> Iterator[Row]:
    norm = parse(attack)[1]["norm"]
    anywhere = join_notes(_AT_ANY_DISTANCE, note)
    yield Row(attack, None, "attack_success_rate", attack_success_rate(records, anywhere))
    if records["success_8bit"].notna().any():
        rounded = records.assign(success=records["success_8bit"])
        yield Row(attack, None, "attack_success_rate_8bit", attack_success_rate(rounded, anywhere))
    yield Row(attack, None, "median_distance", median_distance(records, norm, evaluation, note))
    for radius, score in within_radii(records, norm, note):
        yield Row(f"{attack} within {radius}", None, "robust_accuracy", score)


def _worst(records: pd.DataFrame, name: str, threat: list[str]) -> Iterator[Row]:
    """Yield the rates of a worst case; after rounding, of the attacks that keep to the radius alone.

    How far a minimal-norm attack's image is once rounded is not recorded.
    """
    for attacks, rates in (
        (threat, _rates),
        ([attack for attack in threat if not seeks_nearest(attack)], _rates_8bit),
    ):
        if len(attacks) > 1:
            eps = parse(name)[1]["eps"]
            cases, total = worst_case([counted(records, attack, eps) for attack in attacks])
            shared = "" if len(cases) == total else f"over the {len(cases)} of {total} samples that all of them share"
            yield from rates(name, cases, join_notes(f"worst of {', '.join(attacks)}", shared))


def _rates(condition: str, records: pd.DataFrame, note: str, suffix: str = "") -> Iterator[Row]:
    yield Row(condition, None, f"robust_accuracy{suffix}", robust_accuracy(records, note))
    yield Row(condition, None, f"attack_success_rate{suffix}", attack_success_rate(records, note))


def _rates_8bit(condition: str, records: pd.DataFrame, note: str) -> Iterator[Row]:
    """Yield the rates after rounding; nothing where that was not recorded, as in older runs."""
    if records["correct_8bit"].notna().any():
        rounded = records.drop(columns=list(_8BIT.values())).rename(columns=_8BIT)
        yield from _rates(condition, rounded, note, "_8bit")


def _about(attack: str) -> str:
    """Say what is peculiar about the rates of a targeted attack, and of one that saw another model."""
    params = parse(attack)[1]
    targeted = "robust against any misclassification, fooled by the target alone" if "targeted" in params else ""
    return join_notes(targeted, f"made on {params['surrogate']}" if "surrogate" in params else "")
