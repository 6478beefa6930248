"""What a copy of a data set holds, held against what was published: layout, classes, counts, unreadable files."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from .dataset import Dataset, Fingerprint, Sample, others_note
from .decode import DecodeError, decode
from .errors import some
from .loader import Failure
from .registry import adapter_of, open_dataset

AHEAD = 64  # files a worker that are read ahead, so that a million samples are not queued at once


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    parts: images of each part, "" for a data set without parts. official: the published number of each part's images,
    None where it is not known; classes_official likewise. missing: published parts that are not there, but for
    extras. failures: unreadable files by part and id, None if they were not read. others: files in class folders that
    are no pictures by their name, counted by its ending.
    """

    name: str
    layout: str
    path: str
    parts: dict[str, int]
    official: dict[str, int | None]
    missing: tuple[str, ...]
    fingerprint: Fingerprint
    classes_official: int
    failures: tuple[Failure, ...] | None
    others: Mapping[str, int]

    @property
    def problems(self) -> list[str]:
        """What keeps its figures from being compared with published ones."""
        odd = [
            f"{part or 'images'}: {count:,}, not {self.official[part]:,}"
            for part, count in self.parts.items()
            if self.official.get(part) not in (count, None)
        ]
        found = [f"other numbers of images than published ({some(odd)})"] if odd else []
        if self.fingerprint.classes != self.classes_official and self.classes_official:
            found.append(f"{self.fingerprint.classes} classes, not {self.classes_official}")
        if self.missing:
            found.append(f"not there: {some(self.missing)}")
        if self.failures:
            found.append(f"{len(self.failures)} unreadable files")
        return found


def check(
    name: str,
    place: str | Path,
    *,
    read_all: bool = False,
    workers: int = 1,
    advance: Callable[[int], object] = lambda _read: None,
) -> Report:
    """Look at the data set `name` at `place`.

    read_all: decode every image, with so many workers; advance is called with the number just read. Raises DataError
    for data that cannot be used at all.
    """
    adapter, collection = adapter_of(name), open_dataset(name, place)
    counts, fingerprint, others = collection.surveyed()
    failures: tuple[Failure, ...] | None = None
    if read_all:
        failures = tuple(
            failure
            for part in collection.openers
            for failure in unreadable(collection.open(part), part, workers, advance)
        )
    return Report(
        name=name,
        layout=collection.layout,
        path=collection.path,
        parts={part: labels.total() for part, labels in counts.items()},
        official={part: adapter.images.get(part) for part in counts},
        missing=adapter.missing(counts),
        fingerprint=fingerprint,
        classes_official=adapter.classes,
        failures=failures,
        others=others,
    )


def unreadable(dataset: Dataset, part: str, workers: int, advance: Callable[[int], object]) -> Iterator[Failure]:
    """Decode every image of a data set on `workers` threads, and yield those that cannot be."""
    samples = iter(dataset.samples)
    with ThreadPoolExecutor(workers, thread_name_prefix="check") as pool:
        while some_samples := list(islice(samples, AHEAD * workers)):
            reasons = list(pool.map(partial(_reason, dataset), some_samples))
            advance(len(some_samples))
            for sample, reason in zip(some_samples, reasons, strict=True):
                if reason:
                    yield Failure(f"{part}/{sample.sample_id}" if part else sample.sample_id, reason)


def _reason(dataset: Dataset, sample: Sample) -> str:
    """Say why a file cannot be read; nothing if it can."""
    try:
        decode(dataset.source.read(sample.sample_id))
        if dataset.masks:
            decode(dataset.masks.read(sample.sample_id))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except DecodeError as error:
        return str(error)
    return ""


def describe(report: Report) -> Iterator[str]:
    """Write a report as lines for people."""
    yield f"{report.name}: {report.layout}, {report.path}"
    total, wanted = sum(report.parts.values()), sum(count or 0 for count in report.official.values())
    parts = f" in {len(report.parts)} parts" if list(report.parts) != [""] else ""
    yield f"images: {total:,}{parts} (published: {f'{wanted:,}' if wanted else 'not known'})"
    yield f"classes: {report.fingerprint.classes}{f' of {report.classes_official}' if report.classes_official else ''}"
    if list(report.parts) != [""]:
        by_size = Counter(report.parts.values())
        yield "parts: " + "; ".join(
            f"{count:,} images each in {number}" if number > 1 else f"{count:,} in {_first(report.parts, count)}"
            for count, number in by_size.most_common()
        )
    yield f"fingerprint: {report.fingerprint.sha256}"
    if report.others:
        yield f"other files: {others_note(report.others)}"
    if report.failures is None:
        yield "unreadable files: not looked for; --decode reads every image"
    else:
        yield f"unreadable files: {len(report.failures)}"
        yield from (f"  {failure.sample_id}: {failure.reason}" for failure in report.failures)
    yield f"problems: {'; '.join(report.problems) or 'none'}"


def _first(parts: dict[str, int], count: int) -> str:
    return next(part for part, size in parts.items() if size == count)
