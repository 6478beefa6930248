"""From flags to work: which groups of conditions run on which view of which data set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .condition import CHALLENGE, CLEAN, Condition, stored
from .errors import UsageError
from .records import NO_CLASS
from .scoring import IMAGENET, Scoring
from .suites import ATTACK_SUITES, JPEG_QUALITY, SUITES, Suite

CLEAN_SUITE = "imagenet"


@dataclass(frozen=True, slots=True)
class Found:
    """A data set that is there.

    counts: for each of its parts, how many samples have each label. A part is named `name` or `name/severity` after the
    condition that its images are under; "" is the one part of a data set of clean images. scoring: of its classes.
    identity: its name (dataset), layout, count, classes and the hash of its ids, sizes and labels. path: where it is.
    note: what a reader of its figures must know.
    """

    counts: Mapping[str, Mapping[int, int]]
    scoring: Scoring = IMAGENET
    identity: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    note: str = ""

    def conditions(self) -> dict[str, Condition]:
        """Return the condition of each part."""
        return {part: stored_condition(part) if part else CLEAN for part in self.counts}


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of one suite on one view of one part of a data set.

    jpeg_quality: of the round trip after a corruption, None for images in memory. stored_as_jpeg: whether the
    benchmark's own images went through one. Samples whose label `scoring` does not know are not the group's.
    """

    suite: str
    dataset: str
    view: str
    conditions: tuple[Condition, ...]
    part: str = ""
    scoring: Scoring = IMAGENET
    jpeg_quality: int | None = None
    stored_as_jpeg: bool = False

    @property
    def note(self) -> str:
        """What a reader of the group's figures must know."""
        if not any(condition.kind == "corruption" for condition in self.conditions) or not self.stored_as_jpeg:
            return ""
        return f"JPEG quality {self.jpeg_quality} after the corruption." if self.jpeg_quality else "In memory, no JPEG."

    def blocks(self) -> Iterator[tuple[str, tuple[Condition, ...]]]:
        """Yield (name, conditions) for all conditions of one name together: the unit of storage."""
        for name in dict.fromkeys(condition.name for condition in self.conditions):
            yield name, tuple(condition for condition in self.conditions if condition.name == name)

    def size(self, found: Mapping[str, Found]) -> int:
        """Count the group's samples in the data that was found."""
        known = {*self.scoring.codes, NO_CLASS}
        return sum(n for label, n in found[self.dataset].counts[self.part].items() if label in known)


def stored_condition(part: str) -> Condition:
    """Return the condition that a part's name tells: `mixed_rand`, `gaussian_noise/3`."""
    name, _, severity = part.partition("/")
    return CHALLENGE if name == CHALLENGE.name else stored(name, int(severity) if severity else None)


def asked_suites(suites: Sequence[str]) -> tuple[str, ...]:
    """List the suites that were asked for, each once; `all` asks for every one. Raises UsageError for unknown names."""
    names = list(SUITES) if "all" in suites else suites
    for name in names:
        SUITES[name]
    return tuple(dict.fromkeys(names))


def plan(
    asked: Sequence[str],
    attacks: Mapping[str, tuple[Condition, ...]],
    found: Mapping[str, Found],
    *,
    jpeg: bool,
    own_views: bool,
) -> tuple[Group, ...]:
    """Turn suites into groups, as far as their data was found.

    asked: as of `asked_suites`. Clean accuracy, with which all others are compared, comes along wherever there is
    ImageNet. attacks: by suite of attacks; they are made on the clean images of the data of the suites asked for, or of
    ImageNet. found: by data set; one that holds a suite's conditions ready made goes before making them.
    own_views: whether photographs are prepared as the model states it where their benchmark prepares them its own way.
    Raises UsageError when there is nothing clean to attack, and for data that holds no condition of a suite.
    """
    groups: list[Group] = []
    for name in dict.fromkeys((CLEAN_SUITE, *asked)):
        if name not in ATTACK_SUITES:
            groups += _groups(name, found, jpeg=jpeg, own_views=own_views)
    targets = _attackable(asked, groups, found) if attacks else []
    groups += [replace(target, suite=suite, conditions=own) for suite, own in attacks.items() for target in targets]
    return tuple(groups)


def _groups(name: str, found: Mapping[str, Found], *, jpeg: bool, own_views: bool) -> Iterator[Group]:
    """Yield the groups of one suite, if its data was found: of images that lie ready, or to be made."""
    suite = SUITES[name]
    view, scoring = _view(suite, own_views), found.get(suite.dataset, Found({})).scoring
    if suite.companion and {CLEAN_SUITE, suite.dataset} <= found.keys():
        yield Group(name, CLEAN_SUITE, view, (CLEAN,), scoring=scoring)
    ready = suite.stored if suite.stored in found else suite.dataset
    parts = found[ready].conditions() if ready in found and (suite.stored or suite.conditions is None) else {}
    wanted = {(condition.name, condition.params) for condition in suite.conditions or parts.values()}
    chosen = {part: condition for part, condition in parts.items() if (condition.name, condition.params) in wanted}
    for part, condition in chosen.items():
        view = "stored-224" if suite.stored else view
        yield Group(name, ready, view, (condition,), part, found[ready].scoring, stored_as_jpeg=bool(suite.stored))
    if not chosen and suite.conditions and suite.dataset in found:
        quality = JPEG_QUALITY if jpeg and suite.stored else None
        yield Group(name, suite.dataset, view, suite.conditions, "", scoring, quality, bool(suite.stored))
    elif not chosen and parts:
        raise UsageError(f"the data of {ready} holds nothing of suite {name}; it holds {', '.join(parts)}")


def _view(suite: Suite, own: bool) -> str:
    """Choose how a suite's images are prepared."""
    if not (own and suite.photographs):
        return suite.view
    return "objectnet-model" if suite.view == "objectnet" else "model"


def _attackable(asked: Sequence[str], groups: Sequence[Group], found: Mapping[str, Found]) -> list[Group]:
    """Find the clean images to attack, a group a data set: those of the suites asked for, failing these ImageNet's."""
    clean = {
        group.dataset: group
        for group in groups
        if group.conditions == (CLEAN,)
        and group.dataset == SUITES[group.suite].dataset  # no companion
        and found[group.dataset].counts[""].keys() - {NO_CLASS}
    }
    own = {SUITES[name].dataset for name in asked if name not in ATTACK_SUITES}
    if ATTACK_SUITES.keys() & set(asked) or not own & clean.keys():
        own = {CLEAN_SUITE}
    if not own & clean.keys():
        raise UsageError("there are no clean images to attack; give their data set too, with --data-root")
    return [group for dataset, group in clean.items() if dataset in own]
