"""Whole runs, each a function of a folder of class folders: ours, its bare cost, and what people run today."""

# Nothing that starts threads is imported up here: each contender's process has settings of its own.
import os
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from .turns import Clock

MODEL = "efficientnet_lite0"
PEER_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn took, and what came out.

    wall, processor: seconds of the run itself. beside: wall seconds of the command apart from it: weights, data, scores
    and reports. right: the share of decisions that were. decisions: by file name, where there is one for each.
    """

    wall: float
    processor: float
    beside: float = 0.0
    right: float | None = None
    decisions: Mapping[str, int] = field(default_factory=dict)


def ours(suite: str, data: Path) -> Turn:
    """Run what the command runs."""
    import evaluate_robustness as command
    from robustness.store import reopened

    times: list[tuple[float, float]] = []
    execute = command.execution.execute

    def clocked(*given: Any) -> None:
        clock = Clock()
        execute(*given)
        times.append(clock())

    with (
        tempfile.TemporaryDirectory() as out,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        patch.object(command.execution, "execute", clocked),
    ):
        whole = Clock()
        flags = ["--model", MODEL, "--suite", suite, "--data", str(data), "--out", out, "--name", "run"]
        code = command.main([*flags, "--device", "cpu"])
        ((wall, processor),) = times
        if code:
            raise RuntimeError(f"the command ended with {code}")
        beside = whole()[0] - wall
        records = reopened(Path(out) / "run").records().to_pandas()
    records = records[records["suite"] == suite]
    decisions = dict(zip(records["sample_id"], records["pred"], strict=True)) if suite == "imagenet" else {}
    return Turn(wall, processor, beside, records["correct"].mean(), decisions)


def bare(data: Path) -> Turn:
    """Corrupt, compress and classify as the command does, in a process that it has set up, and nothing else."""
    import torch

    import datasets
    from robustness import computing, suites
    from robustness.corruptions import apply_jpeg, corrupt
    from robustness.evaluation import as_float
    from robustness.seeds import generator

    computing.keep_freed_memory()
    classifier, size = _our_classifier(), computing.BATCH_SIZE["cpu"]
    files = [path.read_bytes() for path in images_below(data)]
    pieces = torch.stack([datasets.IMAGENET_C_VIEW(datasets.decode(file)) for file in files]).contiguous().split(size)
    conditions = suites.SUITES["imagenet-c"].conditions or ()
    generators = {
        (condition, start): [generator(0, condition.key, f"{start}/{row}") for row in range(len(piece))]
        for condition in conditions
        for start, piece in enumerate(pieces)
    }
    clock = Clock()
    with torch.inference_mode():
        for piece in pieces:  # clean accuracy comes along with every suite
            classifier(as_float(piece))
        for condition in conditions:
            for start, piece in enumerate(pieces):
                drawn = generators[condition, start]
                corrupted = corrupt(piece, condition.name, condition.severity or 0, drawn)
                classifier(as_float(apply_jpeg(corrupted, suites.JPEG_QUALITY)))
    return Turn(*clock())


@cache
def _our_classifier() -> Any:
    import torch

    from robustness import models

    return models.resolve(MODEL, models.Weights(), torch.device("cpu")).classifier


@cache
def _timm_model() -> Any:
    from robustness.models import Weights
    from robustness.models.bundled import load_bundled

    return load_bundled(MODEL, Weights()).module.eval()


def _set_up() -> None:
    """Set the process up as the command does, before it imports torch."""
    import evaluate_robustness  # noqa: F401 - its OpenMP policy
    from robustness import computing

    computing.keep_freed_memory()


def timm_loop(data: Path, *, as_ours: bool = False) -> Turn:
    """Validate with timm's data set, loader and transform, and its model in float32. as_ours: set the process up so."""
    if as_ours:
        _set_up()
    import torch
    from timm.data import create_dataset, create_loader, resolve_data_config

    from datasets import WNIDS

    model = _timm_model()
    config = resolve_data_config(model=model)
    keep = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
    dataset = create_dataset("", str(data), class_map={wnid: number for number, wnid in enumerate(WNIDS)})
    clock, decided, right = Clock(), [], 0
    loader = create_loader(
        dataset,
        batch_size=256,
        num_workers=4,
        device=torch.device("cpu"),
        **{name: config[name] for name in keep},
    )
    with torch.inference_mode():
        for batch, labels in loader:
            decisions = model(batch).argmax(1)
            right += int((decisions == labels).sum())
            decided += decisions.tolist()
    wall, _ = clock()
    del loader  # ends its workers, whose time counts from then on
    decisions = dict(zip(dataset.filenames(), decided, strict=True))
    return Turn(wall, clock()[1], 0.0, right / len(decided), decisions)


class Corrupted:
    """ImageNet-C on the fly as people write it: a torch data set of all images under all conditions."""

    def __init__(self, data: Path) -> None:
        from torchvision import transforms

        from benchmarks.reference_corruptions import imagecorruptions
        from datasets import WNIDS
        from robustness.suites import SUITES

        self.corrupt = imagecorruptions().corrupt
        self.files = [(path, WNIDS.index(path.parent.name)) for path in images_below(data)]
        self.conditions = SUITES["imagenet-c"].conditions or ()
        self.crop = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
        self.finish = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])

    def __len__(self) -> int:
        return len(self.files) * len(self.conditions)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Read, crop, corrupt, compress, normalise: float [3,224,224] and the label."""
        import io

        import numpy as np
        from PIL import Image

        condition, (path, label) = self.conditions[index // len(self.files)], self.files[index % len(self.files)]
        with Image.open(path) as image:
            picture = np.asarray(self.crop(image.convert("RGB")))
        corrupted = np.uint8(self.corrupt(picture, condition.severity, condition.name))
        file = io.BytesIO()
        Image.fromarray(corrupted).save(file, "JPEG", quality=85)
        return self.finish(Image.open(file)), label


def people(data: Path, *, as_ours: bool = False) -> Turn:
    """Run ImageNet-C as people do. as_ours: set the process up so."""
    if as_ours:
        _set_up()
    import warnings

    import torch
    from torch.utils.data import DataLoader

    warnings.simplefilter("ignore")  # of imagecorruptions, in the workers too
    model, dataset = _timm_model(), Corrupted(data)
    clock, right = Clock(), 0
    loader: Any = DataLoader(dataset, batch_size=32, num_workers=PEER_WORKERS)  # type: ignore[arg-type]
    with torch.inference_mode():
        for batch, labels in loader:
            right += int((model(batch).argmax(1) == labels).sum())
    wall, _ = clock()
    return Turn(wall, clock()[1], 0.0, right / len(dataset))


def images_below(folder: Path) -> list[Path]:
    """List the images of class folders."""
    return sorted(folder.glob("*/*.JPEG"))
