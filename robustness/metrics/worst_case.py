"""The worst case over attacks: one adversarial image is enough, whichever attack found it.

Attacks made on another model count as well, since their images are as adversarial as any. Targeted attacks do not: they
look for less than any misclassification. An attack that seeks the nearest adversarial image counts where it found one
within the radius.
"""

from collections.abc import Sequence

import pandas as pd

from ..condition import parse
from .minimal_norm import found_within, seeks_nearest


def threats(attacks: Sequence[str]) -> dict[str, list[str]]:
    """List the attacks that bear on each norm and eps of `attacks`, by the name of their worst case."""
    untargeted = {attack: params for attack in attacks if "targeted" not in (params := parse(attack)[1])}
    groups: dict[str, list[str]] = {}
    for params in untargeted.values():
        if {"norm", "eps"} <= params.keys():
            norm, eps = params["norm"], params["eps"]
            groups[f"worst(norm={norm},eps={eps})"] = [
                attack
                for attack, others in untargeted.items()
                if others.get("norm") == norm and (others.get("eps") == eps or seeks_nearest(attack))
            ]
    return groups


def counted(records: pd.DataFrame, attack: str, eps: str) -> pd.DataFrame:
    """Return the rows of `attack`; what it found beyond eps counts as not found."""
    own = records[records["condition"] == attack]
    return found_within(own, parse(attack)[1]["norm"], eps) if seeks_nearest(attack) else own


def worst_case(attacks: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, int]:
    """Fold the rows of several attacks into one a sample, for the samples that all have; also counts all samples."""
    by_sample = pd.concat(attacks).groupby("sample_id", observed=True)
    cases = pd.DataFrame(
        {column: by_sample[column].all(skipna=False) for column in ("correct", "clean_correct", "correct_8bit")}
        | {column: by_sample[column].any(skipna=False) for column in ("success", "success_8bit")}
    )
    return cases[by_sample.size() == len(attacks)], len(cases)
