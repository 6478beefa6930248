"""From attack flags to conditions: each attack at every radius, with the flags that it takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .attacks import ABOUT_MODELS, attack_condition, defaults
from .condition import Condition
from .errors import UsageError
from .suites import ATTACK_SUITES

ATTACK_SUITE = "adversarial"  # of attacks that are asked for by name


@dataclass(frozen=True, slots=True)
class AttackFlags:
    """The attack flags as given: None for what the attack itself should choose.

    eps: e.g. ("1/255", "4/255"). targeted: the rule for targets. surrogate: the models that attacks are made on,
    none for the one that is judged.
    """

    norm: str | None = None
    eps: tuple[str, ...] = ()
    steps: int | None = None
    step_size: str | None = None
    restarts: int | None = None
    targeted: str | None = None
    surrogate: tuple[str, ...] = ()


def attack_conditions(
    suites: Sequence[str], attacks: Sequence[str], flags: AttackFlags
) -> dict[str, tuple[Condition, ...]]:
    """Describe the attacks of each suite of attacks, at every eps, giving each the flags that it takes.

    suites: as given. A suite's own attacks come first, at its own radii unless others are given; attacks asked for by
    name belong to ATTACK_SUITE.

    Raises UsageError when a flag was given that no attack of the run takes, or that makes no sense.
    """
    chosen = {name: own for name, own in ATTACK_SUITES.items() if name in suites or "all" in suites}
    if attacks:
        own, radii = chosen.get(ATTACK_SUITE, ((), ()))
        chosen[ATTACK_SUITE] = (*own, *attacks), radii
    given: dict[str, Any] = {name: value for name, value in asdict(flags).items() if value not in (None, ())}
    _refuse_unused(given, [name for own, _ in chosen.values() for name in own])
    return {
        suite: tuple(
            dict.fromkeys(
                condition
                for surrogate in flags.surrogate or ("",)
                for name in own
                for condition in _described(name, given, radii, surrogate)
            )
        )
        for suite, (own, radii) in chosen.items()
    }


def _described(name: str, given: Mapping[str, Any], radii: Sequence[str], surrogate: str) -> Iterator[Condition]:
    """Describe one attack at every radius that was given; without any, at a suite's own, failing these at its own."""
    parameters = set(defaults(name))
    values = {key: value for key, value in given.items() if key in parameters - {"eps"}}
    models = {"targeted": given.get("targeted", ""), "surrogate": surrogate}
    linf = values.get("norm", "linf") == "linf"
    if "eps" not in parameters:
        yield attack_condition(name, **models, **values)
        return
    if not linf and "eps" not in given:
        raise UsageError(f"--norm {values['norm']} needs --eps: the default radii are meant for linf")
    for eps in given.get("eps", radii) or (defaults(name)["eps"],):
        yield attack_condition(name, **models, **values, eps=eps)


def _refuse_unused(given: Mapping[str, Any], attacks: Sequence[str]) -> None:
    taken = {name: set(defaults(name)) for name in attacks}
    everywhere = {*ABOUT_MODELS} if attacks else set()
    unused = set(given).difference(everywhere, *taken.values())
    if unused:
        known = f", which takes {_flags(everywhere.union(*taken.values()))}"
        whom = (
            f"attack {', '.join(taken)}{known}"
            if taken
            else "a run without --attack; --list-attacks shows what there is"
        )
        raise UsageError(f"{_flags(unused)} means nothing to {whom}")


def _flags(names: Iterable[str]) -> str:
    return ", ".join("--" + name.replace("_", "-") for name in sorted(names))
