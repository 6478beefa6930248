"""From a data set to batches of pixels: every image is read and decoded once, however many views are asked for.

Threads rather than processes do the work. Decoding and resizing run outside Python's lock, so threads are as fast, and
they need no shared memory (containers often have 64 MiB of it, less than two batches), no fork of a process that holds
a GPU or a thread pool, and no start-up for each of the 75 splits of ImageNet-C.
"""

import errno
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .dataset import Dataset, Sample, Source
from .decode import DecodeError, Decoder, decode, decode_with_pillow
from .errors import DataError
from .view import View


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample that could not be read, and why."""

    sample_id: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The samples of one chunk.

    index: which chunk. views: uint8 [B,3,crop,crop] for each view asked for, in that order. labels: int64 [B].
    sample_ids: B ids. textures: int64 [B] of cue conflicts, else None. masks, backgrounds: in every view, of cut-out
    foregrounds: uint8 [B,3,crop,crop], 255 on the foreground and 0 beside it, and [N,3,crop,crop], the same tensors in
    every batch; else empty. failures: the chunk's samples that could not be read; the other fields leave them out, so B
    may be 0. seconds: what reading and decoding took, summed over the threads.
    """

    index: int
    views: tuple[Tensor, ...]
    labels: Tensor
    sample_ids: tuple[str, ...]
    textures: Tensor | None
    masks: tuple[Tensor, ...]
    backgrounds: tuple[Tensor, ...]
    failures: tuple[Failure, ...]
    seconds: float


def chunks(count: int, size: int) -> list[range]:
    """Cut `count` samples into ranges of `size`, the last one shorter. Raises ValueError for a size below 1."""
    if size < 1:
        raise ValueError(f"a chunk must have at least 1 sample, not {size}")
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def load(
    dataset: Dataset,
    views: Sequence[View],
    *,
    chunk_size: int = 256,
    wanted: Iterable[int] | None = None,
    workers: int = 0,
    decoder: Decoder = "fast",
) -> Iterator[Batch]:
    """Yield one batch for each wanted chunk, in the order wanted.

    wanted: indices into `chunks(len(dataset.samples), chunk_size)`, each asked for when reading of it begins; None
    means all. workers: threads that read ahead; with 0 the caller's own thread does the work. The batches do not depend
    on it. decoder: "pillow" gives Pillow's own levels, from which "fast" is up to two away, and takes more than twice
    as long; both leave out the same samples. Raises ValueError for arguments out of range, DataError for data that is
    unusable as a whole, or has gone meanwhile.
    """
    parts = chunks(len(dataset.samples), chunk_size)
    if workers < 0 or not views:
        raise ValueError(f"give at least one view, not {len(views)}, and 0 or more workers, not {workers}")
    if decoder not in _RENDER:
        raise ValueError(f"there is no decoder {decoder!r}; known: {', '.join(_RENDER)}")

    @cache  # gathered when the first chunk is wanted: there may be none
    def backgrounds() -> tuple[Tensor, ...]:
        if dataset.backgrounds is None:
            return ()
        return _gathered(load(dataset.backgrounds, views, chunk_size=chunk_size, workers=workers, decoder=decoder))

    wanted = range(len(parts)) if wanted is None else wanted
    jobs = (_Job(index, dataset, _part(parts, index), views, _RENDER[decoder], backgrounds()) for index in wanted)
    if workers == 0:
        return (job.batch([job.fill(row) for row in range(len(job.samples))]) for job in jobs)
    ahead = max(1, -(-2 * workers // chunk_size))  # the next chunk, or more if they are too small to go round
    return _read_ahead(jobs, workers, ahead)


def _part(parts: Sequence[range], index: int) -> range:
    if not 0 <= index < len(parts):
        raise ValueError(f"wanted chunk {index}, but there are {len(parts)}, counted from 0")
    return parts[index]


def _gathered(batches: Iterable[Batch]) -> tuple[Tensor, ...]:
    """Join the batches of a whole data set, view by view. Raises DataError for an image that cannot be read."""
    found = list(batches)
    if broken := [failure for batch in found for failure in batch.failures]:
        raise DataError(f"{broken[0].sample_id}, a background, {broken[0].reason}; get it anew")
    return tuple(torch.cat(views) for views in zip(*(batch.views for batch in found), strict=True))


def _render(data: bytes, views: Sequence[View]) -> list[NDArray[np.uint8]]:
    image = decode(data)
    return [view(image).numpy() for view in views]


def _render_with_pillow(data: bytes, views: Sequence[View]) -> list[NDArray[np.uint8]]:
    image = decode_with_pillow(data)
    return [np.asarray(view(image)).transpose(2, 0, 1) for view in views]


# Errors that tell of a disk, not of a file: the next 50,000 would fail likewise, and would count as done.
_GONE = frozenset(
    {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT, errno.EHOSTDOWN}
)
Render = Callable[[bytes, Sequence[View]], list[NDArray[np.uint8]]]  # a file → [3,crop,crop] for each view
_RENDER: dict[Decoder, Render] = {"fast": _render, "pillow": _render_with_pillow}


class _Job:
    """One chunk in the making: a buffer for each view, of masks too, filled row by row from any thread."""

    def __init__(
        self,
        index: int,
        dataset: Dataset,
        part: range,
        views: Sequence[View],
        render: Render,
        backgrounds: tuple[Tensor, ...],
    ) -> None:
        self.index = index
        self.samples: tuple[Sample, ...] = dataset.samples[part.start : part.stop]
        self._sources: tuple[Source, ...] = (dataset.source, *([dataset.masks] if dataset.masks else []))
        self._views = tuple(views)
        self._render = render
        self._backgrounds = backgrounds
        shapes = [(len(part), 3, view.crop, view.crop) for _ in self._sources for view in views]
        self._buffers = tuple(torch.empty(shape, dtype=torch.uint8) for shape in shapes)
        self._seconds = [0.0] * len(part)

    def fill(self, row: int) -> Failure | None:
        """Read one sample into its row of every buffer, or say why that failed."""
        start = time.perf_counter()
        failure = self._fill(row)
        self._seconds[row] = time.perf_counter() - start
        return failure

    def _fill(self, row: int) -> Failure | None:
        sample_id = self.samples[row].sample_id
        try:
            files = [source.read(sample_id) for source in self._sources]
            squares = [square for file in files for square in self._render(file, self._views)]
        except OSError as error:
            if error.errno in _GONE:
                raise DataError(
                    f"{sample_id} cannot be read ({error.strerror}): its disk, or the way to it, has failed since the "
                    f"data set was opened. What was finished is kept; once the data is back, the same command goes on"
                ) from error
            return Failure(sample_id, f"cannot be read: {error.strerror or error}")
        except DecodeError as error:
            return Failure(sample_id, str(error))
        for square, buffer in zip(squares, self._buffers, strict=True):
            # numpy copies on this thread alone; torch would start a team of OpenMP threads in each of ours
            buffer[row].numpy()[...] = square
        return None

    def batch(self, failures: Sequence[Failure | None]) -> Batch:
        """Gather the filled rows. failures: what `fill` returned for each row."""
        kept = [row for row, failure in enumerate(failures) if failure is None]
        whole, count = len(kept) == len(failures), len(self._views)
        buffers = self._buffers if whole else tuple(buffer[kept] for buffer in self._buffers)
        return Batch(
            index=self.index,
            views=buffers[:count],
            masks=buffers[count:],
            backgrounds=self._backgrounds,
            labels=torch.tensor([self.samples[row].label for row in kept], dtype=torch.int64),
            sample_ids=tuple(self.samples[row].sample_id for row in kept),
            textures=self._textures(kept),
            failures=tuple(failure for failure in failures if failure is not None),
            seconds=sum(self._seconds),
        )

    def _textures(self, kept: Sequence[int]) -> Tensor | None:
        textures = [self.samples[row].texture for row in kept]
        known = [texture for texture in textures if texture is not None]
        return torch.tensor(known, dtype=torch.int64) if len(known) == len(textures) > 0 else None


def _read_ahead(jobs: Iterator[_Job], workers: int, ahead: int) -> Iterator[Batch]:
    """Yield the jobs' batches in order, while threads work on up to `ahead` jobs beyond the one handed out."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    waiting: deque[tuple[_Job, list[Future[Failure | None]]]] = deque()
    try:
        for job in jobs:
            waiting.append((job, [pool.submit(job.fill, row) for row in range(len(job.samples))]))
            if len(waiting) > ahead:
                yield _finish(*waiting.popleft())
        while waiting:
            yield _finish(*waiting.popleft())
    finally:  # also when the caller stops early or is interrupted: drop what has not begun
        pool.shutdown(cancel_futures=True)


def _finish(job: _Job, rows: Sequence[Future[Failure | None]]) -> Batch:
    return job.batch([row.result() for row in rows])
