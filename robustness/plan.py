"""From flags to work: which groups of conditions run on which view of which data set."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

from .attacks import attack_condition, defaults
from .condition import Condition
from .errors import UsageError
from .suites import ADVERSARIAL_ATTACKS, ADVERSARIAL_EPS, JPEG_QUALITY, SUITES

CLEAN_SUITE, ATTACK_SUITE = "imagenet", "adversarial"


@dataclass(frozen=True, slots=True)
class AttackFlags:
    """The attack flags as given: None for what the attack itself should choose. eps: e.g. ("1/255", "4/255")."""

    norm: str | None = None
    eps: tuple[str, ...] = ()
    steps: int | None = None
    step_size: str | None = None
    restarts: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of one suite on one data set and view.

    jpeg_quality: of the round trip after a corruption, None for images in memory. stored_as_jpeg: whether the
    benchmark's own images went through one.
    """

    suite: str
    dataset: str
    view: str
    conditions: tuple[Condition, ...]
    jpeg_quality: int | None = None
    stored_as_jpeg: bool = False

    @property
    def note(self) -> str:
        """What a reader of the group's figures must know."""
        if not self.stored_as_jpeg:
            return ""
        return f"JPEG quality {self.jpeg_quality} after the corruption." if self.jpeg_quality else "In memory, no JPEG."

    def blocks(self) -> Iterator[tuple[str, tuple[Condition, ...]]]:
        """Yield (name, conditions) for each run of conditions with the same name: the unit of storage."""
        for name, conditions in groupby(self.conditions, key=lambda condition: condition.name):
            yield name, tuple(conditions)


def plan(suites: Sequence[str], attacks: Sequence[str], flags: AttackFlags, *, jpeg: bool) -> tuple[Group, ...]:
    """Turn suites and attacks into groups, the clean condition of their data set first.

    Every other suite compares with clean accuracy, so the `imagenet` suite always comes along.
    Raises UsageError for unknown names and for flags that no attack of the run takes.
    """
    names = list(SUITES) if "all" in suites else list(suites)
    if ATTACK_SUITE in names:
        attacks = (*ADVERSARIAL_ATTACKS, *attacks)
        flags = replace(flags, eps=flags.eps or (ADVERSARIAL_EPS if flags.norm in (None, "linf") else ()))
    elif attacks:
        names.append(ATTACK_SUITE)
    chosen = {name: SUITES[name] for name in (CLEAN_SUITE, *names)}
    adversarial = attack_conditions(attacks, flags)
    return tuple(
        Group(
            suite=name,
            dataset=suite.dataset,
            view=suite.view,
            conditions=adversarial if name == ATTACK_SUITE else suite.conditions,
            jpeg_quality=JPEG_QUALITY if jpeg and suite.stored_as_jpeg else None,
            stored_as_jpeg=suite.stored_as_jpeg,
        )
        for name, suite in chosen.items()
    )


def attack_conditions(attacks: Sequence[str], flags: AttackFlags) -> tuple[Condition, ...]:
    """Describe every attack at every eps, giving each the flags that it takes.

    Raises UsageError when a flag was given that no attack of the run takes, or that makes no sense.
    """
    given: dict[str, Any] = {name: value for name, value in asdict(flags).items() if value not in (None, ())}
    taken = {name: set(defaults(name)) for name in attacks}
    unused = sorted(set(given).difference(*taken.values()))
    if unused:
        whom = f"attack {', '.join(taken)}" if taken else "a run without --attack"
        raise UsageError(f"{', '.join('--' + name.replace('_', '-') for name in unused)} means nothing to {whom}")
    if flags.norm not in (None, "linf") and not flags.eps:
        raise UsageError(f"--norm {flags.norm} needs --eps: the default radii are meant for linf")
    radii = [{"eps": eps} for eps in given.pop("eps", ())] or [{}]
    conditions = (
        attack_condition(name, **{key: value for key, value in given.items() if key in parameters}, **radius)
        for name, parameters in taken.items()
        for radius in radii
    )
    return tuple(dict.fromkeys(conditions))
