"""Pictures per second from a file's bytes to the square a model sees: the two decoders against Pillow and torchvision.

    python -m benchmarks.decoding --data FOLDER [--data FOLDER] [--rounds 9]

The peer is what the benchmarks' own code does: `Resize` and `CenterCrop` of torchvision's first transforms on Pillow
images, here without the detour over float. All three read bytes in memory and fill rows of one uint8 tensor
[N,3,224,224], have the allocator setting that the command makes, and take turns: A B C A B C …. Time is the processor
time of the one thread that works, so neighbours count for little; every speed is a median over the rounds, with the
lowest and the highest in brackets, and every ratio the median of the rounds' ratios. Predictions are those of
EfficientNet-Lite0 with its trained weights.
"""

import argparse
import io
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import PIL
import simplejpeg
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torchvision import transforms

import datasets
from datasets.decode import Decoder
from robustness import computing
from robustness.classifier import Classifier, ModuleClassifier
from robustness.models import BUNDLED
from robustness.models.bundled import load_bundled
from robustness.models.model import Weights

from .forward import processor, ratio, spread

EXTENSIONS = {".jpeg", ".jpg", ".png"}
VIEWS = (datasets.View(248, 224, "bicubic"), datasets.View(256, 224, "bilinear"))
HEADING = """\
| data | resize, crop | decoder | pictures/s | decoder / Pillow | largest difference | mean difference | \
changed predictions |
|---|---|---|---|---|---|---|---|"""
Contender = Callable[[], Tensor]


@dataclass(frozen=True, slots=True)
class Memory:
    """Files that have been read already."""

    files: dict[str, bytes]

    def read(self, sample_id: str) -> bytes:
        """Return a file."""
        return self.files[sample_id]

    def size(self, sample_id: str) -> int:
        """Return a file's length."""
        return len(self.files[sample_id])


def read(folder: Path) -> datasets.Dataset:
    """Read all pictures below a folder. Exits when there is none."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    if not paths:
        raise SystemExit(f"there are no pictures below {folder}")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return datasets.Dataset("memory", tuple(datasets.Sample(name, 0) for name in files), Memory(files), "", str(folder))


def ours(dataset: datasets.Dataset, view: datasets.View, decoder: Decoder) -> Tensor:
    """Load everything as one batch in this thread."""
    (batch,) = datasets.load(dataset, [view], chunk_size=len(dataset.samples), decoder=decoder)
    if batch.failures:
        raise SystemExit(f"cannot compare: {batch.failures[0]}")
    return batch.views[0]


def theirs(dataset: datasets.Dataset, view: datasets.View) -> Tensor:
    """Do the same with Pillow and torchvision."""
    steps = [
        transforms.Resize(view.resize, transforms.InterpolationMode(view.interpolation)),
        transforms.CenterCrop(view.crop),
        transforms.PILToTensor(),
    ]
    transform = transforms.Compose(steps)
    images = torch.empty((len(dataset.samples), 3, view.crop, view.crop), dtype=torch.uint8)
    for row, sample in zip(images, dataset.samples, strict=True):
        with Image.open(io.BytesIO(dataset.source.read(sample.sample_id))) as image:
            row.copy_(transform(image.convert("RGB")))
    return images


def take_turns(contenders: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Measure seconds of processor time of each contender in each round, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for index in range(rounds + 1):
        for name, contender in contenders.items():
            start = time.thread_time()
            contender()
            if index:
                seconds[name].append(time.thread_time() - start)
    return seconds


def predictions(classify: Classifier, images: Tensor) -> Tensor:
    """Classify uint8 [N,3,H,W]; returns int64 [N]."""
    with torch.inference_mode():
        return torch.cat([classify(part.float() / 255).argmax(1) for part in images.split(32)])


def measure(dataset: datasets.Dataset, view: datasets.View, classify: Classifier, rounds: int) -> list[str]:
    """Compare both decoders with Pillow on one data set; returns the rows of the table."""
    contenders: dict[str, Contender] = {
        "fast": lambda: ours(dataset, view, "fast"),
        "Pillow": lambda: theirs(dataset, view),
        "pillow": lambda: ours(dataset, view, "pillow"),
    }
    speeds = {
        name: [len(dataset.samples) / second for second in seconds]
        for name, seconds in take_turns(contenders, rounds).items()
    }
    yardstick = theirs(dataset, view)
    expected = predictions(classify, yardstick)
    place = f"| {'/'.join(Path(dataset.path).parts[-2:])} | {view.resize}, {view.crop} {view.interpolation} |"
    rows = [f"{place} Pillow and torchvision | {spread(speeds['Pillow'])} | | | | |"]
    for name in ("fast", "pillow"):
        images = contenders[name]()
        difference = (images.int() - yardstick.int()).abs()
        changed = int((predictions(classify, images) != expected).sum())
        rows.append(
            f"{place} `{name}` | {spread(speeds[name])} | {ratio(speeds[name], speeds['Pillow'])} "
            f"| {int(difference.max())} | {difference.double().mean():.4f} | {changed} of {len(images)} |"
        )
    return rows


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, help="a folder of pictures; repeatable")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    computing.keep_freed_memory()
    torch.set_num_threads(1)
    loaded = load_bundled(BUNDLED, Weights())
    classify = ModuleClassifier(loaded.module, loaded.preprocessing, torch.device("cpu"), "fp32")
    print(
        f"Decoding, resizing and cropping, pictures per second of one thread's time: median [lowest–highest] of "
        f"{options.rounds} rounds. {datetime.now(UTC):%Y-%m-%d}, {processor()}, Python {platform.python_version()}, "
        f"Pillow {PIL.__version__}, simplejpeg {simplejpeg.__version__}, torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}.\n\n{HEADING}"
    )
    for folder in options.data:
        dataset = read(folder)
        for view in VIEWS:
            print("\n".join(measure(dataset, view, classify, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
