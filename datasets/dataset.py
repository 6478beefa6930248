"""A data set as plain values: which samples, with which labels, in which order, and where their bytes come from."""

import hashlib
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from .errors import DataError, some


class Source(Protocol):
    """Where the bytes of samples come from. `load` calls it from several threads at once."""

    def read(self, sample_id: str) -> bytes:
        """Return the image file. Raises OSError when this one cannot be read, DataError for an id out of bounds."""
        ...

    def size(self, sample_id: str) -> int:
        """Return the file's length in bytes without reading it. Raises as `read`."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One image: its path below the data set's root, with `/`, and its class index."""

    sample_id: str
    label: int


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
    layout: how the files lie, e.g. "class folders (wnid)". path: where they lie.
    """

    name: str
    samples: tuple[Sample, ...]
    source: Source
    layout: str
    path: str

    def __post_init__(self) -> None:
        ordered = sorted(self.samples, key=_rank)
        twice = [a.sample_id for a, b in pairwise(ordered) if a.sample_id == b.sample_id]
        if twice:
            raise DataError(f"{self.path} has samples of the same name: {some(twice)}; keep one of each")
        object.__setattr__(self, "samples", tuple(ordered))

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


def _rank(sample: Sample) -> tuple[bytes, str]:
    try:
        name = sample.sample_id.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the name of sample {sample.sample_id!a} is not UTF-8; rename the file") from error
    return hashlib.blake2b(name, digest_size=8).digest(), sample.sample_id
