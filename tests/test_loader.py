"""Batches: the same whatever the number of workers, each file read once, failures named, early stops clean."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from datasets import (
    IMAGENET_C_VIEW,
    Batch,
    DataError,
    Dataset,
    FolderSource,
    Sample,
    View,
    chunks,
    decode,
    load,
    open_sample,
)
from datasets.decode import Decoder, decode_with_pillow

SMALL = View(20, 16, "bilinear")
PLAIN = View(None, 24, "bicubic")


def picture(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((30 + level, 40)).point(lambda value: (value + level) % 256).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Counted:
    """Pictures in memory: counts reads, notes their threads, and fails as told."""

    bad: dict[str, bytes | Exception] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    threads: set[str] = field(default_factory=set)

    def read(self, sample_id: str) -> bytes:
        self.reads[sample_id] += 1
        self.threads.add(threading.current_thread().name)
        found = self.bad.get(sample_id)
        if isinstance(found, Exception):
            raise found
        return picture(int(sample_id)) if found is None else found

    def size(self, sample_id: str) -> int:
        return len(self.read(sample_id))


@dataclass
class Meeting:
    """A source whose reads wait for each other."""

    source: Counted
    barrier: threading.Barrier

    def read(self, sample_id: str) -> bytes:
        self.barrier.wait()
        return self.source.read(sample_id)

    def size(self, sample_id: str) -> int:
        return self.source.size(sample_id)


def counted(count: int = 23, **bad: bytes | Exception) -> tuple[Dataset, Counted]:
    source = Counted({name.removeprefix("n"): found for name, found in bad.items()})
    samples = tuple(Sample(str(number), number % 7) for number in range(count))
    return Dataset("counted", samples, source, "memory", "here"), source


def same_but_for_pixels(a: Batch, b: Batch) -> bool:
    return (a.index, a.sample_ids, a.failures) == (b.index, b.sample_ids, b.failures) and torch.equal(
        a.labels, b.labels
    )


def same(a: Batch, b: Batch) -> bool:
    return (
        same_but_for_pixels(a, b)
        and len(a.views) == len(b.views)
        and all(torch.equal(x, y) for x, y in zip(a.views, b.views, strict=True))
    )


@given(st.integers(0, 300), st.integers(1, 40))
def test_chunks_cover_everything_once(count: int, size: int) -> None:
    parts = chunks(count, size)
    assert [index for part in parts for index in part] == list(range(count))
    assert all(len(part) == size for part in parts[:-1]) and all(0 < len(part) <= size for part in parts)


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
@pytest.mark.parametrize("chunk_size", [1, 4, 256])
def test_batches_do_not_depend_on_workers(workers: int, chunk_size: int) -> None:
    dataset, source = counted(n5=b"junk", n11=OSError(13, "Permission denied"))
    batches = list(load(dataset, [SMALL, PLAIN], chunk_size=chunk_size, workers=workers))
    assert [batch.index for batch in batches] == list(range(len(chunks(23, chunk_size))))
    assert set(source.reads.values()) == {1} and len(source.reads) == 23
    assert all(name.startswith("decode") == (workers > 0) for name in source.threads)
    assert len(source.threads) <= max(1, workers)
    alone = load(counted(n5=b"junk", n11=OSError(13, "Permission denied"))[0], [SMALL, PLAIN], chunk_size=chunk_size)
    assert all(same(a, b) for a, b in zip(batches, alone, strict=True))


def test_workers_work_at_the_same_time() -> None:
    dataset, source = counted(3)
    meeting = threading.Barrier(3, timeout=20)  # breaks unless all three reads are under way at once
    whole = Dataset("meeting", dataset.samples, Meeting(source, meeting), "memory", "here")
    (batch,) = load(whole, [SMALL], workers=3)
    assert len(batch.sample_ids) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_batch_holds_what_decode_and_view_give(workers: int) -> None:
    dataset = open_sample()
    (batch,) = load(dataset, [IMAGENET_C_VIEW, SMALL], workers=workers)
    assert batch.sample_ids == tuple(sample.sample_id for sample in dataset.samples) and batch.failures == ()
    assert batch.labels.dtype == torch.int64
    assert batch.labels.tolist() == [sample.label for sample in dataset.samples]
    for view, images in zip([IMAGENET_C_VIEW, SMALL], batch.views, strict=True):
        expected = torch.stack([view(decode(dataset.source.read(name))) for name in batch.sample_ids])
        assert images.is_contiguous() and torch.equal(images, expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_pillow_decodes_to_what_the_references_transforms_give(workers: int) -> None:
    dataset = open_sample()
    (batch,) = load(dataset, [IMAGENET_C_VIEW, View(248, 224, "bicubic")], workers=workers, decoder="pillow")
    (fast,) = load(dataset, [IMAGENET_C_VIEW], workers=workers)
    bicubic = transforms.Resize(248, transforms.InterpolationMode.BICUBIC)
    for images, resize in zip(batch.views, (transforms.Resize(256), bicubic), strict=True):
        transform = transforms.Compose([resize, transforms.CenterCrop(224), transforms.PILToTensor()])
        for name, image in zip(batch.sample_ids, images, strict=True):
            with Image.open(Path(dataset.path) / name) as photograph:
                assert torch.equal(image, transform(photograph.convert("RGB")))
    assert batch.views[0].is_contiguous() and same_but_for_pixels(batch, fast)
    assert 1 <= (batch.views[0].int() - fast.views[0].int()).abs().max() <= 2


def test_a_name_does_not_say_what_a_file_is(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(picture(0))) as image:
        image.save(tmp_path / "photograph.png", "JPEG")
        image.save(tmp_path / "drawing.jpeg", "PNG")
    samples = (Sample("photograph.png", 0), Sample("drawing.jpeg", 1))
    dataset = Dataset("misnamed", samples, FolderSource(tmp_path), "folder", str(tmp_path))
    assert sorted(next(load(dataset, [PLAIN])).sample_ids) == ["drawing.jpeg", "photograph.png"]


@pytest.mark.parametrize("workers", [0, 2])
def test_wanted_chunks_come_alone_as_wanted_and_unchanged(workers: int) -> None:
    dataset, source = counted()
    everything = list(load(counted()[0], [SMALL], chunk_size=5))
    some = list(load(dataset, [SMALL], chunk_size=5, wanted=iter([4, 1]), workers=workers))
    assert [batch.index for batch in some] == [4, 1]
    assert all(same(batch, everything[batch.index]) for batch in some)
    assert sum(source.reads.values()) == 5 + 3
    assert list(load(dataset, [SMALL], wanted=[], workers=workers)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_backgrounds_are_read_once_and_only_if_a_chunk_is_wanted(workers: int) -> None:
    backgrounds, source = counted(4)
    dataset = replace(counted()[0], backgrounds=backgrounds)
    assert list(load(dataset, [SMALL], chunk_size=5, wanted=iter(()), workers=workers)) == [] and not source.reads
    some = list(load(dataset, [SMALL], chunk_size=5, wanted=iter([4, 1]), workers=workers))
    assert [len(batch.backgrounds[0]) for batch in some] == [4, 4] and sum(source.reads.values()) == 4


@pytest.mark.parametrize("decoder", ["fast", "pillow"])
@pytest.mark.parametrize("workers", [0, 2])
def test_failures_are_named_and_left_out(workers: int, decoder: Decoder) -> None:
    dataset, _ = counted(n3=OSError(2, "No such file or directory"), n4=picture(0)[:60], n9=b"")
    (batch,) = load(dataset, [SMALL], workers=workers, decoder=decoder)
    reasons = {failure.sample_id: failure.reason for failure in batch.failures}
    assert reasons.keys() == {"3", "4", "9"}
    assert reasons["3"] == "cannot be read: No such file or directory"
    assert reasons["4"].startswith("truncated or corrupt PNG") and reasons["9"] == "the file is empty"
    assert len(batch.sample_ids) == len(batch.labels) == len(batch.views[0]) == 20
    for row, name in enumerate(batch.sample_ids):
        assert batch.labels[row] == int(name) % 7
        image = picture(int(name))
        if decoder == "fast":
            assert torch.equal(batch.views[0][row], SMALL(decode(image)))
        else:
            expected = np.array(SMALL(decode_with_pillow(image)))
            assert np.array_equal(batch.views[0][row].permute(1, 2, 0), expected)


def test_a_batch_of_failures_is_empty_but_well_formed() -> None:
    dataset, _ = counted(2, n0=b"junk", n1=b"junk")
    (batch,) = load(dataset, [SMALL, PLAIN])
    assert [images.shape for images in batch.views] == [(0, 3, 16, 16), (0, 3, 24, 24)]
    assert all(images.dtype == torch.uint8 for images in batch.views)
    assert batch.labels.shape == (0,) and batch.labels.dtype == torch.int64
    assert batch.sample_ids == () and len(batch.failures) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_that_are_no_failure_of_one_sample_come_through(workers: int) -> None:
    dataset, _ = counted(n7=DataError("the archive has changed on disk"))
    with pytest.raises(DataError, match="the archive has changed"):
        list(load(dataset, [SMALL], workers=workers))


def test_reading_ahead_is_bounded_and_ends_with_the_caller() -> None:
    dataset, source = counted(200)
    batches = load(dataset, [SMALL], chunk_size=10, workers=2)
    next(batches)
    deadline = time.monotonic() + 5
    while len(source.reads) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(source.reads) == 20  # the batch in hand and one ahead
    batches.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


@pytest.mark.parametrize(
    "arguments",
    [
        {"chunk_size": 0},
        {"workers": -1},
        {"views": []},
        {"decoder": "opencv"},
    ],
)
def test_arguments_out_of_range_are_refused_at_once(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"chunk|view|decoder"):
        load(counted()[0], **{"views": [SMALL], **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [3, -1])
def test_a_chunk_that_there_is_not_is_refused_when_its_turn_comes(index: int) -> None:
    batches = load(counted()[0], [SMALL], chunk_size=10, wanted=[0, index])
    next(batches)
    with pytest.raises(ValueError, match=f"wanted chunk {index}, but there are 3"):
        next(batches)


INTERRUPTED = """
import sys
from datasets import IMAGENET_C_VIEW, Dataset, Sample, load, open_sample

photographs = open_sample()
name = photographs.samples[0].sample_id

class Endless:
    def read(self, sample_id): return photographs.source.read(name)
    def size(self, sample_id): return photographs.source.size(name)

endless = Dataset("endless", tuple(Sample(str(i), 0) for i in range(50_000)), Endless(), "memory", "here")
try:
    for batch in load(endless, [IMAGENET_C_VIEW], chunk_size=16, workers=2):
        print(batch.index, flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_an_interrupt_ends_the_process_quickly_and_quietly() -> None:
    command = [sys.executable, "-c", INTERRUPTED]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "0\n"
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)  # all pictures would take longer, on any machine
    assert (process.returncode, errors) == (130, "")
