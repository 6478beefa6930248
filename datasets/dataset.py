"""A data set as plain values: which samples, with which labels, in which order, and where their bytes come from."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

from .errors import DataError, some

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where the bytes of samples come from. `load` calls it from several threads at once."""

    def read(self, sample_id: str) -> bytes:
        """Return the image file. Raises OSError when this one cannot be read, DataError for an id out of bounds."""
        ...

    def size(self, sample_id: str) -> int:
        """Return the file's length in bytes without reading it. Raises as `read`."""
        ...


NO_CLASS = -1  # the label of an image that shows none of the data set's classes


@dataclass(frozen=True, slots=True)
class Sample:
    """One image: its path below the data set's root, with `/`, and its label, a code of the data set's label space.

    texture: of a cue conflict, the class whose texture it has; its label is then the shape's.
    """

    sample_id: str
    label: int
    texture: int | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells two copies of a data set apart: samples, distinct labels, and a hash of all ids, sizes and labels."""

    count: int
    classes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that is ready to be read.

    samples: in whatever order they are given, they are kept in the order of a hash of their ids. That order mixes the
    classes, so the first N are a random sample, and depends on nothing but the ids. Raises DataError for an id that
    occurs twice or cannot be written down as UTF-8.
    layout: how the files lie, e.g. "class folders (wnid)". path: where they lie. masks, backgrounds: for foregrounds
    that are to be put on other backgrounds: where the pictures of their outlines come from, by the same ids, and the
    data set of the backgrounds. others: how many files lie among the images that are none by their name, by its ending.
    """

    name: str
    samples: tuple[Sample, ...]
    source: Source
    layout: str
    path: str
    masks: Source | None = None
    backgrounds: "Dataset | None" = None
    others: Mapping[str, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.samples, key=_rank)
        twice = [a.sample_id for a, b in pairwise(ordered) if a.sample_id == b.sample_id]
        if twice:
            raise DataError(f"{self.path} has samples of the same name: {some(twice)}; keep one of each")
        object.__setattr__(self, "samples", tuple(ordered))

    def counts(self) -> Counter[int]:
        """Count the samples of each label."""
        return Counter(sample.label for sample in self.samples)

    @property
    def num_classes(self) -> int:
        """Count the distinct labels."""
        return len({sample.label for sample in self.samples})

    def limited(self, n: int) -> "Dataset":
        """Keep the first `n` samples, or all if there are fewer. Raises ValueError for n < 1."""
        if n < 1:
            raise ValueError(f"a data set cannot be limited to {n} samples; give at least 1")
        return replace(self, samples=self.samples[:n])

    def fingerprint(self) -> Fingerprint:
        """Hash ids, file sizes and labels, sorted by id. A file that cannot be found counts with size -1."""
        digest = hashlib.sha256()
        for sample in sorted(self.samples, key=lambda sample: sample.sample_id):
            digest.update(f"{sample.sample_id}\0{self._size(sample)}\0{sample.label}\n".encode())
        return Fingerprint(len(self.samples), self.num_classes, digest.hexdigest())

    def _size(self, sample: Sample) -> int:
        try:
            return self.source.size(sample.sample_id)
        except OSError:  # loading will name this sample as a failure
            return -1


@dataclass(frozen=True, slots=True)
class Collection:
    """A data set as it was found: its parts, which are evaluated apart, each opened when it is asked for.

    name: as suites call it. openers: by part; a part is named `name` or `name/severity` after what was done to its
    images, and "" is the only part of a data set of plain images. layout, path: as of a `Dataset`.
    """

    name: str
    openers: Mapping[str, Callable[[], Dataset]]
    layout: str
    path: str
    limit: int | None = None

    def open(self, part: str = "") -> Dataset:
        """Open one part, cut to the limit; raises DataError when its files are not as they should be."""
        dataset = self.openers[part]()
        return dataset if self.limit is None else dataset.limited(self.limit)

    def limited(self, n: int) -> "Collection":
        """Keep the first `n` samples of every part. Raises ValueError for n < 1."""
        if n < 1:
            raise ValueError(f"a data set cannot be limited to {n} samples; give at least 1")
        return replace(self, limit=n)

    def inspected(self) -> tuple[dict[str, Counter[int]], Fingerprint]:
        """Return the counts of each part's labels and the fingerprint of all parts, and log what is not read."""
        counts, fingerprint, others = self.surveyed()
        if others:
            log.warning("%s: %s", self.path, others_note(others))
        return counts, fingerprint

    def surveyed(self) -> tuple[dict[str, Counter[int]], Fingerprint, Counter[str]]:
        """Open every part once; return the counts of each part's labels, the fingerprint, and what is not read.

        The only part's fingerprint is that of its `Dataset`; that of several is a hash of theirs. What is not read is
        counted by ending, as a `Dataset` does.
        """
        counts: dict[str, Counter[int]] = {}
        fingerprints: dict[str, Fingerprint] = {}
        others = Counter[str]()
        for part in self.openers:
            dataset = self.open(part)
            counts[part], fingerprints[part] = dataset.counts(), dataset.fingerprint()
            others.update(dataset.others)
        if list(fingerprints) == [""]:
            return counts, fingerprints[""], others
        lines = "".join(f"{part}\0{fingerprints[part].sha256}\n" for part in sorted(fingerprints))
        total = sum(fingerprint.count for fingerprint in fingerprints.values())
        classes = len(set[int]().union(*counts.values()))
        return counts, Fingerprint(total, classes, hashlib.sha256(lines.encode()).hexdigest()), others


def whole(dataset: Dataset) -> Collection:
    """Make the collection of a data set that has no parts."""
    return Collection(dataset.name, {"": lambda: dataset}, dataset.layout, dataset.path)


def others_note(others: Mapping[str, int]) -> str:
    """Say how many files are not read, by the ending of their names, the most frequent first."""
    endings = [f"{ending} {count}" for ending, count in Counter(others).most_common()]
    total = sum(others.values())
    return f"{total} files in class folders that are no pictures by their name ({some(endings)}) are not read"


def _rank(sample: Sample) -> tuple[bytes, str]:
    try:
        name = sample.sample_id.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the name of sample {sample.sample_id!a} is not UTF-8; rename the file") from error
    return hashlib.blake2b(name, digest_size=8).digest(), sample.sample_id
