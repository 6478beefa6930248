"""What in an attack's results speaks against it: robustness that a stronger, or a fairer, attack would not have found.

Athalye et al. 2018, arXiv:1802.00420; Carlini et al. 2019, arXiv:1902.06705. None of the findings proves that an attack
failed, and their absence does not prove that it did not: an attack made for this very model may do better, and whether
its norm and radius mean anything for the use at hand is for people to judge.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from .attacks import GRADIENT_FREE, as_pixels
from .condition import parse

Severity = Literal["warning", "error"]

CHANCE = 0.01  # of the samples: so many may go the wrong way by the luck of random starts
BLACK_BOX_LEAD = 0.002  # by which black-box attacks may be ahead: .2 points, as in AutoAttack's own check
LARGE_EPS = 0.5  # in linf: all images can be made the same grey
NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason to doubt a model's figures.

    name: short and fixed, such as `stochastic`. text: what was seen, what it means and what to do. severity: an "error"
    means that figures are wrong or mean nothing, a "warning" that they may be too good.
    """

    name: str
    model: str
    text: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class _Attack:
    """An untargeted attack on a ball: its key, and what its key says."""

    key: str
    name: str
    norm: str
    eps: float
    rest: str  # its other parameters
    kind: Literal["single-step", "iterative", "black-box", "noise", "mixed"]


Observation = tuple[str, str, Severity]  # a finding less its model
_Check = Callable[[pd.DataFrame, list[_Attack]], Iterator[Observation]]


def audit_records(records: pd.DataFrame) -> list[Finding]:
    """Look for contradictions between attacks on the same samples.

    records: columns `model, suite, dataset, condition, sample_id, clean_correct, success`, as recorded; rows of what is
    no attack are ignored. Targeted attacks are left out. Returns the findings by model, suite and data set.
    """
    attackable = records[records["clean_correct"].astype("boolean").fillna(False)]
    findings = []
    for (model, suite, dataset), own in attackable.groupby(["model", "suite", "dataset"], observed=True):
        keys = map(str, own["condition"].unique())
        attacks = sorted((attack for key in keys if (attack := _described(key))), key=lambda one: (one.eps, one.key))
        fooled = own.pivot(index="sample_id", columns="condition", values="success").astype("boolean")
        found = [seen for check in _CHECKS for seen in check(fooled, attacks)]
        findings += [Finding(name, str(model), f"{suite}, {dataset}: {text}", level) for name, text, level in found]
    return findings


def _described(key: str) -> _Attack | None:
    name, params = parse(key)
    if not {"norm", "eps"} <= params.keys() or "targeted" in params:
        return None
    norm, eps = params.pop("norm"), as_pixels(params.pop("eps"))
    rest = f"{name} {norm} {sorted(params.items())}"
    if name == NOISE:
        return _Attack(key, name, norm, eps, rest, "noise")
    if name in GRADIENT_FREE or "surrogate" in params:
        return _Attack(key, name, norm, eps, rest, "black-box")
    kind: Literal["single-step", "iterative", "mixed"] = "iterative" if "steps" in params else "mixed"
    return _Attack(key, name, norm, eps, rest, "single-step" if name == "fgsm" else kind)


def _single_step(fooled: pd.DataFrame, attacks: list[_Attack]) -> Iterator[Observation]:
    for one, many in _pairs(attacks, "single-step", "iterative"):
        both = fooled[[one.key, many.key]].dropna()
        missed = int((both[one.key] & ~both[many.key]).sum())
        if missed > CHANCE * len(both):
            text = (
                f"{one.key} fools {missed} of {len(both)} samples that {many.key} does not. Many small steps can do "
                "all that one large step can, so the iterative attack is hindered: take more or smaller steps and "
                "restarts, and look for gradients that mislead"
            )
            yield "iterative-not-stronger", text, "warning"


def _rising(fooled: pd.DataFrame, attacks: list[_Attack]) -> Iterator[Observation]:
    iterative = [attack for attack in attacks if attack.kind == "iterative"]
    for small in iterative:
        for large in [attack for attack in iterative if attack.rest == small.rest and attack.eps > small.eps][:1]:
            both = fooled[[small.key, large.key]].dropna()
            lost = int(both[small.key].sum()) - int(both[large.key].sum())
            if lost > CHANCE * len(both):
                text = (
                    f"{large.key} fools {lost} of {len(both)} samples fewer than {small.key}, whose ball is part of "
                    "its own. The larger radius is searched badly: take more steps, and read its figure as too good"
                )
                yield "rises-with-eps", text, "warning"


def _large_eps(fooled: pd.DataFrame, attacks: list[_Attack]) -> Iterator[Observation]:
    for attack in attacks:
        if attack.kind == "iterative" and attack.norm == "linf" and attack.eps >= LARGE_EPS:
            known = fooled[attack.key].dropna()
            left = int((~known).sum())
            if left > CHANCE * len(known):
                text = (
                    f"{left} of {len(known)} samples withstand {attack.key}, which may turn every image into the same "
                    "grey. No classifier that tells classes apart can be right then: the attack does not work on "
                    "this model, and its figures at smaller radii mean nothing"
                )
                yield "large-eps-survived", text, "error"


def _black_box(fooled: pd.DataFrame, attacks: list[_Attack]) -> Iterator[Observation]:
    for norm, eps in dict.fromkeys((attack.norm, attack.eps) for attack in attacks):
        here = [attack for attack in attacks if (attack.norm, attack.eps) == (norm, eps)]
        blind, seeing = ([a.key for a in here if a.kind == kind] for kind in ("black-box", "iterative"))
        if not blind or not seeing:
            continue
        both = fooled[[*blind, *seeing]].dropna()
        by_blind, by_seeing = (int(both[keys].any(axis=1).sum()) for keys in (blind, seeing))
        if by_blind - by_seeing > BLACK_BOX_LEAD * len(both):
            text = (
                f"{', '.join(blind)} fool {by_blind} of {len(both)} samples without the model's gradients, "
                f"{', '.join(seeing)} with them only {by_seeing}. The gradients are masked: trust the lower robust "
                "accuracy, and attack a differentiable stand-in for what hides them"
            )
            yield "black-box-stronger", text, "warning"


def _noise(fooled: pd.DataFrame, attacks: list[_Attack]) -> Iterator[Observation]:
    for kind in ("single-step", "iterative"):
        for noise, attack in _pairs(attacks, "noise", kind):
            both = fooled[[noise.key, attack.key]].dropna()
            by_noise, by_attack = (int(both[key].sum()) for key in (noise.key, attack.key))
            if by_noise and by_attack <= by_noise and by_attack < len(both):
                text = (
                    f"{noise.key} fools {by_noise} of {len(both)} samples, {attack.key} {by_attack}. An attack that "
                    "is no better than chance does not follow the model: look for gradients that are zero or random"
                )
                yield "noise-as-strong", text, "error"


_CHECKS: tuple[_Check, ...] = (_single_step, _rising, _large_eps, _black_box, _noise)


def _pairs(attacks: list[_Attack], first: str, second: str) -> Iterator[tuple[_Attack, _Attack]]:
    """Yield attacks of two kinds on the same ball."""
    for one in attacks:
        for other in attacks:
            if (one.kind, other.kind) == (first, second) and (one.norm, one.eps) == (other.norm, other.eps):
                yield one, other
