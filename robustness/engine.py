"""Batches × conditions → predictions: the loop that every run is.

It asks the store what is missing, has it evaluated and appends it. It knows no data set and no file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa

from .classifier import Classifier
from .errors import RunError
from .evaluation import Evaluator, Samples, Settings, Subject
from .plan import Group
from .records import SCHEMA, rows
from .store import FAILURE_SCHEMA, Store

CHUNK_SIZE = 256  # samples decoded and stored together; a larger batch size gains nothing


class Failure(Protocol):
    """A sample that could not be read, and why."""

    @property
    def sample_id(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


class Batch(Samples, Protocol):
    """Decoded samples with their place in the run's order; unreadable ones stand in `failures` only."""

    @property
    def index(self) -> int: ...  # noqa: D102
    @property
    def failures(self) -> Sequence[Failure]: ...  # noqa: D102


def part_name(group: Group, block: str, index: int) -> str:
    """Name the store's part for one block of conditions on one batch of samples."""
    dataset = "" if group.dataset == group.suite else group.dataset
    return _dotted(group.suite, dataset, group.part, block, index)


def missing(groups: Sequence[Group], samples: int, store: Store) -> list[int]:
    """List which chunks of a data set, or a part of one, of so many samples still have a block to do."""
    blocks = [(group, name) for group in groups for name, _ in group.blocks()]
    chunks = range(-(-samples // CHUNK_SIZE))
    return [i for i in chunks if not all(store.has(part_name(group, name, i)) for group, name in blocks)]


def run(
    batches: Iterable[Batch],
    dataset: str,
    part: str,
    groups: Sequence[Group],
    subjects: Sequence[Subject],
    store: Store,
    settings: Settings,
    advance: Callable[[int], object],
    surrogates: Mapping[str, Classifier] = MappingProxyType({}),
) -> None:
    """Evaluate every missing block of `groups` on every batch, and append its records to the store.

    dataset, part: whose batches these are; part is "" for a data set without parts. surrogates: the classifiers that
    attacks are made on, by the name that their conditions use. advance: called with the number of
    records that were just made. Raises RunError for a model or an attack that breaks its contract; what was appended
    before stays.
    """
    for batch in batches:
        store.fail(_dotted(dataset, part, batch.index), _failures(dataset, part, batch.failures))
        evaluator = Evaluator(batch, subjects, settings, surrogates)
        for group in groups:
            blocks = [name for name, _ in group.blocks() if not store.has(part_name(group, name, batch.index))]
            chosen = evaluator.among(group.scoring.codes) if blocks else evaluator
            for name in blocks:
                store.append(part_name(group, name, batch.index), _block(chosen, dataset, group, name, advance))


def _block(evaluator: Evaluator, dataset: str, group: Group, name: str, advance: Callable[[int], object]) -> pa.Table:
    """Evaluate one block on one batch: the records of every subject under each of its conditions."""
    samples, tables = evaluator.samples, [SCHEMA.empty_table()]
    for condition in dict(group.blocks())[name] if samples.sample_ids else ():
        try:
            verdicts = evaluator.verdicts(group, condition)
        except RunError as error:
            raise RunError(f"{group.suite}, {condition.key}, {samples.sample_ids[0]} …: {error}") from error
        tables += [
            rows(subject.name, group.suite, dataset, condition, samples, verdict)
            for subject, verdict in zip(evaluator.subjects, verdicts, strict=True)
        ]
        advance(len(verdicts) * len(samples.sample_ids))
    return pa.concat_tables(tables)


def _dotted(*names: str | int) -> str:
    """Join names to one that can be a file's."""
    written = (f"{name:06d}" if isinstance(name, int) else name.replace("/", "-") for name in names)
    return ".".join(filter(None, written))


def _failures(dataset: str, part: str, failures: Sequence[Failure]) -> pa.Table:
    place = f"{part}/" if part else ""
    columns = [{"dataset": dataset, "sample_id": f"{place}{f.sample_id}", "reason": f.reason} for f in failures]
    return pa.Table.from_pylist(columns, schema=FAILURE_SCHEMA)
