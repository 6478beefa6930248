"""Which data sets a run has, and where: what was given, what lies below the data root, the bundled photographs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .adapters import ADAPTERS
from .dataset import Collection, whole
from .errors import DataError
from .registry import find, holds, open_dataset
from .sample import open_sample

SAMPLED = "imagenet"  # what the bundled photographs are a sample of


@dataclass(frozen=True, slots=True)
class Need:
    """What a suite needs.

    suite: its name, for messages. dataset: the data set. stored: one that holds its images ready made, which goes
    before it; "" for none. given: whether the place that was given is meant for it. required: whether it is an error to
    have nothing, rather than a reason to leave the suite out.
    """

    suite: str
    dataset: str
    stored: str
    given: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where to look: the place given for the suites, the folder of all data sets, or the bundled photographs."""

    given: str | None
    root: Path | None
    sample: bool


def find_all(needs: Iterable[Need], where: Whereabouts) -> tuple[dict[str, Collection], list[str]]:
    """Open the data sets of all needs, by name; also return the suites for which there are none.

    Raises DataError for a data set that is required and not there, and for one that is unusable.
    """
    found: dict[str, Collection] = {}
    without = []
    for need in needs:
        name, place = _source(need, where)
        if name in found:
            continue
        if place is not None:
            found[name] = open_dataset(name, place)
        elif where.sample and name == SAMPLED:
            found[name] = whole(open_sample())
        elif need.required:
            if where.sample:
                lacks, otherwise = "not among the bundled photographs", "instead of --sample"
            else:
                lacks = f"not found in {where.root}" if where.root else "needed"
                otherwise = "or try --sample"
            raise DataError(
                f"{name} is {lacks}; give --data PATH or --data-root DIR, {otherwise}; "
                f"`python -m datasets download {name} --data-root DIR` fetches it, or tells how"
            )
        else:
            without.append(need.suite)
    return found, without


def _source(need: Need, where: Whereabouts) -> tuple[str, str | Path | None]:
    """Choose the data set that serves a need, and where it lies; None for nowhere on disk."""
    if where.sample:
        return need.dataset, None
    if where.given and need.given:
        return (need.stored if need.stored and holds(need.stored, where.given) else need.dataset), where.given
    for name in filter(None, (need.stored, need.dataset)):
        if where.root and (place := find(name, where.root)):
            return name, place
    return need.dataset, None


def size_note(name: str, data: Collection, counts: Mapping[str, Mapping[int, int]]) -> str:
    """Say when a data set has another number of images than published; a limited one says so itself.

    counts: images by part and label.
    """
    official, there = ADAPTERS[name].images, {part: sum(labels.values()) for part, labels in counts.items()}
    as_published = all(official.get(part) in (count, None) for part, count in there.items())
    if as_published or data.limit is not None or data.name != name:
        return ""
    should = sum(official.get(part) or 0 for part in there)
    return f"{name} here has {sum(there.values()):,} images, not {should:,}: not comparable with published numbers."
