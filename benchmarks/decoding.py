"""From a file's bytes to the square a model sees: the two decoders against Pillow and torchvision.

    python -m benchmarks.decoding [--data FOLDER] [--limit N] [--rounds 9] [--quick]

The peer is what the benchmarks' own code does: `Resize` and `CenterCrop` of torchvision's first transforms on Pillow
images, here without the detour over float. All three read bytes in memory and fill rows of one uint8 tensor
[N,3,224,224], and have the allocator setting that the command makes. Time is the processor time of the one thread that
works. Predictions are those of EfficientNet-Lite0 with its trained weights.
"""

import argparse
import io
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

import datasets
from datasets.decode import Decoder
from robustness import computing, models
from robustness.classifier import Classifier

from . import photographs
from .comparison import DATA, Comparison, script
from .containers import Files
from .turns import take_turns, used

VIEWS = (datasets.View(248, 224, "bicubic"), datasets.View(256, 224, "bilinear"))
DECODERS: tuple[Decoder, ...] = ("fast", "pillow")
PEER = "Pillow and torchvision"
LACKS = "makes an image object and then a tensor of each picture, and resizes beyond the crop"
FLAGS = {
    "--data": DATA,
    "--limit": {"type": int, "default": 0, "help": "pictures; 0: all"},
    "--rounds": {"type": int, "default": 9},
}
QUICK = {"limit": 40, "rounds": 3}


@dataclass(frozen=True, slots=True)
class Memory:
    """Files that have been read already."""

    files: Files

    def read(self, sample_id: str) -> bytes:
        """Return a file."""
        return self.files[sample_id]

    def size(self, sample_id: str) -> int:
        """Return a file's length."""
        return len(self.files[sample_id])


def ours(dataset: datasets.Dataset, view: datasets.View, decoder: Decoder) -> Tensor:
    """Load everything as one batch in this thread. Exits when a picture cannot be read."""
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


def predictions(classify: Classifier, images: Tensor) -> Tensor:
    """Classify uint8 [N,3,H,W]; returns int64 [N]."""
    with torch.inference_mode():
        return torch.cat([classify(part.float() / 255).argmax(1) for part in images.split(32)])


def compare(
    dataset: datasets.Dataset, view: datasets.View, classify: Classifier, rounds: int, whose: str
) -> Iterator[Comparison]:
    """Compare both decoders with Pillow."""
    count = len(dataset.samples)
    work = {decoder: lambda decoder=decoder: ours(dataset, view, decoder) for decoder in DECODERS}
    work[PEER] = lambda: theirs(dataset, view)
    contenders = {name: lambda run=run: 1000 * used(run) / count for name, run in work.items()}
    costs = take_turns(contenders, rounds)
    yardstick = work[PEER]()
    expected = predictions(classify, yardstick)
    for decoder in DECODERS:
        images = work[decoder]()
        apart = (images.int() - yardstick.int()).abs()
        changed = int((predictions(classify, images) != expected).sum())
        subject = f"resize {view.resize}, crop {view.crop}, {view.interpolation}, of {count} {whose}"
        note = f"differs by {int(apart.max())} grey levels at most, {apart.double().mean():.4f} on average; "
        note += f"{changed} of {count} predictions change"
        name, unit = f"ours, `{decoder}`", "processor ms a picture"
        yield Comparison(subject, name, PEER, unit, costs[decoder], costs[PEER], LACKS, note)


def measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Compare view by view."""
    computing.keep_freed_memory()
    torch.set_num_threads(1)
    classify = models.resolve(models.BUNDLED, models.Weights(), torch.device("cpu")).classifier
    files = photographs.files(options, options.limit)
    dataset = datasets.Dataset("memory", tuple(datasets.Sample(name, 0) for name in files), Memory(files), "", "")
    for view in VIEWS:
        yield from compare(dataset, view, classify, options.rounds, photographs.origin(options))


if __name__ == "__main__":
    script(__doc__, measure, FLAGS, QUICK)
