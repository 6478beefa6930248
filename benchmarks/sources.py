"""Reading images: folder, tar, zip, compressed tar, parquet files and webdataset shards, against each other and timm.

    python -m benchmarks.sources [--data FOLDER] [--images 3000] [--rounds 5] [--threads 1] [--no-million] [--quick]

The containers hold the same images: those of FOLDER, else the bundled photographs, copied until there are enough. All
contenders read the same images in the order of a data set's samples, which is that of a hash of their ids, from the
page cache. timm's readers are there for folder and tar; the other containers are compared with our folder, as read, and
as read and decoded. Last comes a tar of a million members: how long it takes to open and how much memory, each time in
a process of its own. Linux only.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

from timm.data.readers import create_reader

from datasets import WNIDS, Dataset, Sample, Source, decode
from datasets.sources import open_tree
from datasets.tables.parquet_rows import CACHE, ParquetRows
from datasets.tables.shard_rows import open_shards

from . import photographs
from .comparison import DATA, Comparison, script
from .containers import Files, write_folder, write_parquet, write_shard, write_tar, write_zip
from .turns import take_turns, wall

BASELINE = "folder"
BY_TIMM = {"timm, folder": "folder", "timm, tar": "tar"}
BARE = ("shards", "parquet, kept", "parquet, not kept")  # name images without their folder
MEMBERS = 1_000_000
DECODED = 500  # images of a turn that decodes
LACKS = "reads no zip and no compressed tar, and parquet and shards only through libraries that it does not bring"
FLAGS = {
    "--data": DATA,
    "--images": {"type": int, "default": 3000},
    "--rounds": {"type": int, "default": 5},
    "--threads": {"type": int, "default": 1},
    "--million": {"action": argparse.BooleanOptionalAction, "default": True},
}
QUICK = {"images": 500, "rounds": 3, "million": False}
Read = Callable[[str], bytes]
# Opens a tar in a process whose peak of memory the kernel has forgotten: importing torch takes more than that.
OPEN = """
import sys, time
from pathlib import Path
from datasets.sources import open_tree

def memory(kind):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith(kind)) / 1e3

Path("/proc/self/clear_refs").write_text("5")
before, start = memory("VmRSS"), time.perf_counter()
tree = open_tree(Path(sys.argv[1]))
print(time.perf_counter() - start, memory("VmHWM") - before)
folders = [f"d/4/{folder}" for folder in tree.entries("d/4").folders[::10]]
names = [f"{folder}/{image}" for folder in folders for image in tree.entries(folder).images]
start = time.perf_counter()
for name in names:
    tree.read(name)
print(1e6 * (time.perf_counter() - start) / len(names))
"""


def contenders(root: Path, files: Files) -> dict[str, Callable[[], Read]]:
    """Write every container, and return what opens it."""
    rows = [(name.partition("/")[2], content, WNIDS.index(name.partition("/")[0])) for name, content in files.items()]
    parts = [rows[start : start + 1000] for start in range(0, len(rows), 1000)]
    for number, part in enumerate(parts):
        write_parquet(root / f"parquet/validation-{number:05d}-of-{len(parts):05d}.parquet", part, WNIDS)
        write_shard(root / f"shards/imagenet-validation-{number:06d}.tar", part)
    folder, tar = write_folder(root / "folder", files), write_tar(root / "a.tar", files)
    trees = {
        "folder": folder,
        "tar": tar,
        "zip, stored": write_zip(root / "stored.zip", files, compression=0),
        "zip, deflated": write_zip(root / "a.zip", files),
        "tar.gz": write_tar(root / "a.tar.gz", files, mode="w:gz"),
    }
    return {
        **{name: lambda path=path: open_tree(path).read for name, path in trees.items()},
        "timm, folder": lambda: by_timm(folder),
        "timm, tar": lambda: by_timm(tar),
        "shards": lambda: open_shards(root / "shards").read,
        "parquet, kept": lambda: _parquet(root / "parquet", CACHE).read,
        "parquet, not kept": lambda: _parquet(root / "parquet", 0).read,
    }


def _parquet(folder: Path, cache: int) -> Source:
    return ParquetRows(folder, "validation", sorted(folder.iterdir()), cache)


def by_timm(root: Path) -> Read:
    """Open a folder or a tar with timm's reader; what is returned takes names as `files` has them."""
    reader = create_reader("", str(root), class_map={wnid: number for number, wnid in enumerate(WNIDS)})
    numbers = {name: number for number, name in enumerate(reader.filenames())}

    def read(name: str) -> bytes:
        file, _ = reader[numbers[name]]
        with file:
            return file.read()

    return read


def compare(root: Path, files: Files, options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare ours with timm's readers, and the containers with our folder."""
    sources: dict[str, Read] = {}
    opening = {
        name: wall(
            lambda name=name, opened=opened: sources.update({name: opened()})
        )  # the first time: without an index
        for name, opened in contenders(root, files).items()
    }
    tree = open_tree(root / "folder")
    order = [one.sample_id for one in Dataset("", tuple(Sample(name, 0) for name in files), tree, "", "").samples]

    def turns(ids: Sequence[str], names: Sequence[str], *, decoded: bool) -> Mapping[str, list[float]]:
        def turn(name: str) -> float:
            own = [one.partition("/")[2] for one in ids] if name in BARE else ids
            return 1e6 * wall(partial(_read_all, sources[name], own, decoded, options.threads)) / len(ids)

        return take_turns({name: partial(turn, name) for name in names}, options.rounds, warm_up=False)

    ours = [name for name in sources if name not in BY_TIMM]
    size = f"{len(files)} {photographs.origin(options)} of {sum(map(len, files.values())) / len(files) / 1e3:.0f} kB"
    peers = BY_TIMM if options.threads == 1 else {}  # timm's tar is one file object, which threads cannot share
    read = turns(order, [*ours, *peers], decoded=False)
    for peer, name in peers.items():
        sides = (f"ours, {name}", "timm's reader")
        if name == "tar":  # a folder is opened by ours without listing it
            yield Comparison(f"opening a tar of {size}", *sides, "s", [opening[name]], [opening[peer]], LACKS)
        yield Comparison(f"reading {size}, {name}", *sides, "µs an image", read[name], read[peer], LACKS)
    both = {"reading": read, "reading and decoding": turns(order[:DECODED], ours, decoded=True)}
    for name in ours:
        if name != BASELINE:
            note = f"opening took as long as reading {1e6 * opening[name] / median(read[name]):.0f} images"
            for what, costs in both.items():
                sides = (f"ours, {name}", f"ours, {BASELINE}")
                yield Comparison(f"{what} {size}", *sides, "µs an image", costs[name], costs[BASELINE], note=note)


def _read_all(read_file: Read, ids: Sequence[str], decoded: bool, threads: int) -> None:
    def read(sample_id: str) -> int:
        content = read_file(sample_id)
        return decode(content).shape[0] if decoded else len(content)

    if threads == 1:
        for sample_id in ids:
            read(sample_id)
    else:
        with ThreadPoolExecutor(threads) as pool:
            deque(pool.map(read, ids), maxlen=0)


def million(root: Path) -> Iterator[Comparison]:
    """Make a tar of a million members, in as many folders as a tar of ImageNet-C has; open it, then by its index."""
    path = root / "million.tar"
    folders = [f"{corruption}/{severity}/{wnid}" for corruption in "abcd" for severity in range(5) for wnid in WNIDS]
    write_tar(path, {f"{folder}/ILSVRC2012_val_{n:08d}.JPEG": b"x" for folder in folders for n in range(50)})
    command = [sys.executable, "-c", OPEN, str(path)]
    first, again = (
        [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]  # noqa: S603
        for _ in range(2)
    )
    kinds = {"opening": "s", "memory of opening": "MB", "reading, once open,": "µs a file"}
    for (what, unit), own, peer in zip(kinds.items(), again, first, strict=True):
        subject = f"{what} a tar of {MEMBERS:,} files"
        yield Comparison(subject, "ours, by its index", "ours, the first time", unit, [own], [peer])


def measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare the containers, and then a very large one."""
    with tempfile.TemporaryDirectory() as folder:
        yield from compare(Path(folder), photographs.files(options, options.images), options)
    if options.million:
        with tempfile.TemporaryDirectory() as folder:
            yield from million(Path(folder))


if __name__ == "__main__":
    script(__doc__, measure, FLAGS, QUICK)
