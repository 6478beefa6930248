"""Images read per second: a folder against a tar, a zip, a compressed tar, parquet files and webdataset shards.

    python -m benchmarks.sources [--data FOLDER] [--images 3000] [--rounds 5] [--threads 1]
    python -m benchmarks.sources --million

The containers hold the same images: those of FOLDER, else the bundled photographs, copied until there are enough. All
contenders take turns in one process, A B C … A B C …, and read the same images in the order of a data set's samples,
which is that of a hash of their ids. Files are in the page cache. A speed is the median over the rounds, with the
lowest and the highest in brackets; a ratio is the median of the rounds' ratios to the folder. `--million` makes a tar
of a million members and measures, each time in a process of its own, how long it takes to open and how much memory.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from datasets import WNIDS, Dataset, Sample, Source, decode, open_sample
from datasets.sources import open_tree
from datasets.tables.parquet_rows import CACHE, ParquetRows
from datasets.tables.shard_rows import open_shards

from .containers import Files, write_folder, write_parquet, write_shard, write_tar, write_zip
from .forward import processor, ratio, spread

BASELINE = "folder"
MEMBERS = 1_000_000
HEADING = """\
| container | opening, s | read, images/s | / folder | read and decoded, images/s | / folder |
|---|---|---|---|---|---|"""
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
print(len(names) / (time.perf_counter() - start))
"""


def images(folder: Path | None, count: int) -> dict[str, bytes]:
    """Return `count` image files by the name that they have below a root of class folders."""
    if folder is None:
        sample = open_sample()
        found = [sample.source.read(one.sample_id) for one in sample.samples]
    else:
        found = [path.read_bytes() for path in sorted(folder.rglob("*.JPEG"))]
    copies = enumerate(islice(cycle(found), count))
    return {f"{WNIDS[number % 1000]}/{WNIDS[number % 1000]}_{number}.JPEG": content for number, content in copies}


def contenders(root: Path, files: Files) -> dict[str, Callable[[], Source]]:
    """Write every container, and return what opens it."""
    rows = [(name.partition("/")[2], content, WNIDS.index(name.partition("/")[0])) for name, content in files.items()]
    parts = [rows[start : start + 1000] for start in range(0, len(rows), 1000)]
    for number, part in enumerate(parts):
        write_parquet(root / f"parquet/validation-{number:05d}-of-{len(parts):05d}.parquet", part, WNIDS)
        write_shard(root / f"shards/imagenet-validation-{number:06d}.tar", part)
    return {
        "folder": partial(open_tree, write_folder(root / "folder", files)),
        "tar": partial(open_tree, write_tar(root / "a.tar", files)),
        "zip, stored": partial(open_tree, write_zip(root / "stored.zip", files, compression=0)),
        "zip, deflated": partial(open_tree, write_zip(root / "a.zip", files)),
        "tar.gz": partial(open_tree, write_tar(root / "a.tar.gz", files, mode="w:gz")),
        "shards": partial(open_shards, root / "shards"),
        "parquet, kept": partial(_parquet, root / "parquet", CACHE),
        "parquet, not kept": partial(_parquet, root / "parquet", 0),
    }


def _parquet(folder: Path, cache: int) -> Source:
    return ParquetRows(folder, "validation", sorted(folder.iterdir()), cache)


def measure(root: Path, files: Files, rounds: int, threads: int) -> list[str]:
    """Let the contenders take turns; returns the rows of the table."""
    open_source = contenders(root, files)
    opening = {name: _seconds(opened) for name, opened in open_source.items()}  # the first time: without an index
    sources = {name: opened() for name, opened in open_source.items()}
    order = [
        one.sample_id
        for one in Dataset("", tuple(Sample(name, 0) for name in files), sources[BASELINE], "", "").samples
    ]
    bare = [name.partition("/")[2] for name in order]
    speeds: dict[tuple[str, bool], list[float]] = {}
    for _ in range(rounds):
        for decoded in (False, True):
            for name, source in sources.items():
                ids = bare if name in ("shards", "parquet, kept", "parquet, not kept") else order
                seconds = _seconds(partial(_read_all, source, ids[:500] if decoded else ids, decoded, threads))
                speeds.setdefault((name, decoded), []).append((500 if decoded else len(ids)) / seconds)
    return [
        f"| {name} | {opening[name]:.2f} | {spread(speeds[name, False])} "
        f"| {ratio(speeds[name, False], speeds[BASELINE, False])} | {spread(speeds[name, True])} "
        f"| {ratio(speeds[name, True], speeds[BASELINE, True])} |"
        for name in sources
    ]


def _read_all(source: Source, ids: Sequence[str], decoded: bool, threads: int) -> None:
    def read(sample_id: str) -> int:
        content = source.read(sample_id)
        return decode(content).shape[0] if decoded else len(content)

    if threads == 1:
        for sample_id in ids:
            read(sample_id)
    else:
        with ThreadPoolExecutor(threads) as pool:
            deque(pool.map(read, ids), maxlen=0)


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def million(root: Path) -> list[str]:
    """Make a tar of a million members, in as many folders as a tar of ImageNet-C has, and open it three times."""
    path = root / "million.tar"
    print(f"writing {path}", file=sys.stderr)
    folders = [f"{corruption}/{severity}/{wnid}" for corruption in "abcd" for severity in range(5) for wnid in WNIDS]
    write_tar(path, {f"{folder}/ILSVRC2012_val_{n:08d}.JPEG": b"x" for folder in folders for n in range(50)})
    rows = []
    for how in ("first time, all headers are read", "by its index", "by its index"):
        command = [sys.executable, "-c", OPEN, str(path)]
        seconds, memory, reads = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603
        rows.append(f"| {how} | {float(seconds):.2f} | {float(memory):.0f} | {float(reads):.0f} |")
    return rows


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of JPEG files to copy")
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--million", action="store_true", help="measure opening a tar of a million members instead")
    options = parser.parse_args()
    machine = f"{datetime.now(UTC):%Y-%m-%d}, {processor()}, Python {platform.python_version()}"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if options.million:
            print(f"A tar of {MEMBERS:,} members. {machine}.\n")
            print("| opening | s | memory it takes at most, MB | files of one byte read, per s |\n|---|---|---|---|")
            print("\n".join(million(root)))
            return
        files = images(options.data, options.images)
        mean = statistics.mean(map(len, files.values())) / 1e3
        print(
            f"{len(files)} images of {mean:.0f} kB on average, {options.threads} threads: median [lowest–highest] of "
            f"{options.rounds} rounds. {machine}.\n\n{HEADING}"
        )
        print("\n".join(measure(root, files, options.rounds, options.threads)))


if __name__ == "__main__":
    main()
