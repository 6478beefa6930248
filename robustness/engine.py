"""Batches × conditions → predictions: the loop that every run is.

It asks the store what is missing, has it evaluated and appended. It knows no data set and no file.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

import pyarrow as pa
import torch

from .claims import Claiming, Unshared
from .classifier import Classifier
from .computing import out_of_memory, return_freed_memory
from .condition import Condition
from .errors import RunError
from .evaluation import Evaluator, Samples, Settings, Subject
from .lanes import Lanes
from .plan import Group
from .records import SCHEMA, Verdict, rows
from .shards import World
from .stopwatch import Stopwatch
from .store import FAILURE_SCHEMA, Store
from .writer import Writer

CHUNK_SIZE = 256  # samples decoded and stored together; a larger batch size gains nothing
PATIENCE = 1.0  # seconds until a process that has nothing to do looks again whether the others have died

log = logging.getLogger(__name__)


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
    @property
    def seconds(self) -> float: ...  # noqa: D102 - that reading it took, in other threads


@dataclass(slots=True)
class Run:
    """What all batches of a run have in common.

    settings: changed when memory runs out. advance: called with the number of records that were just made. surrogates:
    the classifiers that attacks are made on, by the name that their conditions use. claims: which parts are this
    process's to do, of all in `world`.
    """

    store: Store
    settings: Settings
    advance: Callable[[int], object]
    surrogates: Mapping[str, Classifier] = field(default_factory=dict)
    claims: Claiming = field(default_factory=Unshared)
    world: World = field(default_factory=World)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def hear(self) -> None:
        """Let whoever watches the progress know of what other processes have done."""
        if self.world.leads and self.world.size > 1:
            self.advance(self.store.news())


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done with one data set, or a part of one: `samples` of them, under the conditions of `groups`."""

    dataset: str
    part: str
    samples: int
    groups: tuple[Group, ...]

    def missing(self, store: Store) -> bool:
        """Say whether a chunk has a block to do."""
        return any(self._blocks(index, store) for index in range(self._chunks))

    def chunks(self, run: Run, *, helping: bool = False) -> Iterator[int]:
        """Yield the chunks that have a block to do and that nobody else is working on, and claim them.

        They are looked for when they are asked for. helping: also yield those that somebody is working on, if there is
        a block in them that nobody has begun.
        """
        for index in run.world.order(self._chunks):
            blocks = self._blocks(index, run.store)
            free = any(not run.claims.holder(block) for block in blocks) if helping else bool(blocks)
            if free and (helping or run.claims.take(self.name(index))):
                yield index

    def name(self, index: int) -> str:
        """Name a chunk."""
        return _dotted(self.dataset, self.part, index)

    def _blocks(self, index: int, store: Store) -> list[str]:
        names = [part_name(group, name, index) for group in self.groups for name, _ in group.blocks()]
        return [name for name in names if not store.has(name)]

    @property
    def _chunks(self) -> int:
        return -(-self.samples // CHUNK_SIZE)


def part_name(group: Group, block: str, index: int) -> str:
    """Name the store's part for one block of conditions on one batch of samples."""
    dataset = "" if group.dataset == group.suite else group.dataset
    return _dotted(group.suite, dataset, group.part, block, index)


def evaluate(batches: Iterable[Batch], task: Task, subjects: Sequence[Subject], run: Run) -> int:
    """Evaluate every block of the task that is missing and free on every batch, and append its records to the store.

    Returns how many blocks that were. Raises RunError for a model or an attack that breaks its contract, or a disk that
    refuses; what was appended before stays.
    """
    done = 0
    settings = run.settings
    attacked = any(condition.kind == "attack" for group in task.groups for condition in group.conditions)
    with Writer() as writer, Lanes(settings.lanes, run.stopwatch) as lanes, _corrupting(settings.device) as pool:
        for batch in run.stopwatch.waiting("wait for pictures", _uploaded(batches, run.settings.device)):
            run.stopwatch.add("decode", batch.seconds)
            unread = [(failure.sample_id, failure.reason) for failure in batch.failures]
            evaluator = Evaluator(batch, subjects, run.settings, run.surrogates, run.stopwatch, lanes, pool)
            for group in task.groups:
                for part, table, spoilt in _blocks(evaluator, task, group, batch.index, run):
                    writer.submit(_keeping(part, table, _failures(task, [*unread, *spoilt]), run))
                    done += 1
                    run.hear()
            run.claims.release(task.name(batch.index))
            if attacked:
                return_freed_memory()
    return done


@contextmanager
def _corrupting(device: torch.device) -> Iterator[Executor | None]:
    """Make the thread that corrupts while a GPU classifies; a CPU has lanes."""
    if device.type == "cpu":
        yield None
        return
    pool = ThreadPoolExecutor(1, thread_name_prefix="corrupt")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _keeping(part: str, table: pa.Table, failures: pa.Table, run: Run) -> Callable[[], None]:
    """Make what writes a part, once it is its turn."""

    def write() -> None:
        with run.stopwatch("write"):
            run.store.fail(part, failures)
            run.store.append(part, table)
        run.claims.release(part)

    return write


def _blocks(
    evaluator: Evaluator, task: Task, group: Group, index: int, run: Run
) -> Iterator[tuple[str, pa.Table, list[tuple[str, str]]]]:
    """Evaluate the group's blocks that are missing and free on one batch: each one's part, records and spoilt samples.

    A block is claimed when its first condition is begun with, which may be before the block in front is yielded.
    """
    evaluator = evaluator.among(group.scoring.codes)
    samples = evaluator.samples
    claimed: deque[tuple[str, int]] = deque()

    def conditions() -> Iterator[Condition]:
        for name, some in group.blocks():
            part = part_name(group, name, index)
            if not run.store.has(part) and run.claims.take(part):
                claimed.append((part, len(some)))
                yield from some

    tables = []
    for condition, verdicts in _verdicts(evaluator, group, conditions(), run):
        with run.stopwatch("make records"):
            records = [
                rows(subject.name, group.suite, task.dataset, condition, samples, verdict)
                for subject, verdict in zip(evaluator.subjects, verdicts, strict=False)
            ]
            tables.append(pa.concat_tables([SCHEMA.empty_table(), *records]))
        run.advance(len(verdicts) * len(samples.sample_ids))
        part, size = claimed[0]
        if len(tables) == size:
            yield part, pa.concat_tables(tables), evaluator.spoilt
            tables, evaluator.spoilt = [], []
            claimed.popleft()


def _verdicts(
    evaluator: Evaluator, group: Group, conditions: Iterator[Condition], run: Run
) -> Iterator[tuple[Condition, list[Verdict]]]:
    """Ask the evaluator, in ever smaller batches where memory runs out; the run stays with what fits.

    No verdicts come where no sample could be read.
    """
    if not evaluator.samples.sample_ids:
        yield from ((condition, []) for condition in conditions)
        return
    drawn: deque[Condition] = deque()  # and not judged yet

    def draw() -> Iterator[Condition]:
        yield from tuple(drawn)
        for condition in conditions:
            drawn.append(condition)
            yield condition

    while True:
        judged = len(evaluator.spoilt)
        try:
            for verdicts in evaluator.verdicts(group, draw()):
                yield drawn.popleft(), verdicts
                judged = len(evaluator.spoilt)
            return
        except RuntimeError as error:
            size = evaluator.settings.batch_size
            if not out_of_memory(error):
                raise
            if size == 1:
                with evaluator.naming(group, drawn[0]):
                    raise RunError(f"out of memory with a single image ({str(error).splitlines()[0]})") from error
        # out here, as the error would keep alive what the batch has taken
        del evaluator.spoilt[judged:]
        run.settings = evaluator.settings = replace(evaluator.settings, batch_size=size // 2)
        run.store.note("batch_size_after_out_of_memory", size // 2)
        log.warning("out of memory with %d images a batch: going on with %d", size, size // 2)


def _dotted(*names: str | int) -> str:
    """Join names to one that can be a file's."""
    written = (f"{name:06d}" if isinstance(name, int) else name.replace("/", "-") for name in names)
    return ".".join(filter(None, written))


def _failures(task: Task, failures: Sequence[tuple[str, str]]) -> pa.Table:
    """Lay out samples that failed, and why, as `FAILURE_SCHEMA`."""
    place = f"{task.part}/" if task.part else ""
    rows = [{"dataset": task.dataset, "sample_id": f"{place}{name}", "reason": reason} for name, reason in failures]
    return pa.Table.from_pylist(rows, schema=FAILURE_SCHEMA)


def _uploaded(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Bring a batch's pixels to a GPU once for all conditions, the next ones while this one is worked on."""
    if device.type == "cpu":
        yield from batches
        return
    iterator = iter(batches)

    def upload() -> Batch | None:
        batch = next(iterator, None)
        if batch is None:
            return None
        try:
            moved = tuple(view.pin_memory().to(device, non_blocking=True) for view in batch.views)
        except torch.OutOfMemoryError:
            return batch  # piece by piece, then
        return cast(Batch, replace(cast(Any, batch), views=moved))

    with ThreadPoolExecutor(1, thread_name_prefix="upload") as pool:
        coming = pool.submit(upload)
        while (batch := coming.result()) is not None:
            coming = pool.submit(upload)
            yield batch
