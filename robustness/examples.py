"""Pictures of what a run does: a few images clean, corrupted and attacked, with what each model says of them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from .attacks import ABOUT_MODELS, Goal, Victim, build
from .condition import Condition
from .evaluation import Samples, Settings, Subject, as_float, corrupted_images
from .forecast import passes_of
from .plan import Group
from .seeds import generator
from .whole_files import write_whole

IMAGES, MODELS, CORRUPTIONS = 3, 2, 3  # at most, to show
SEVERITY = 3
MOST_PASSES = 400  # forward passes that an attack may take an image, a backward pass counting as two
FOLDER, TABLE = "figures/examples", "details/examples.csv"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, uint8 [3,H,W], and what was done to make it.

    label, prediction: as in records; prediction and confidence are None for a picture that no model is asked about.
    """

    sample_id: str
    model: str
    what: str
    pixels: Tensor
    label: int
    prediction: int | None = None
    confidence: float | None = None


def chosen(groups: Sequence[Group]) -> list[tuple[Group, Condition]]:
    """Choose what to show: some corruptions of the same severity, far apart in the run's order, and one attack."""
    pairs = [(group, condition) for group in groups for condition in group.conditions if not group.part]
    made = [pair for pair in pairs if pair[1].kind == "corruption"]
    made = [pair for pair in made if pair[1].severity == SEVERITY] or made
    apart = math.ceil(len(made) / CORRUPTIONS) or 1
    attacks = [
        pair
        for pair in pairs
        if pair[1].kind == "attack"
        and passes_of(pair[1]) <= MOST_PASSES
        and not {*ABOUT_MODELS} & dict(pair[1].params).keys()
    ]
    return [*made[::apart], *sorted(attacks, key=lambda pair: -passes_of(pair[1]))[:1]]


def pictures(
    samples: Samples, subjects: Sequence[Subject], shown: Sequence[tuple[Group, Condition]], settings: Settings
) -> Iterator[Picture]:
    """Make the pictures of each sample, model by model; shown: as of `chosen`, all of the samples' data set."""
    if not shown:
        return
    for subject in subjects[:MODELS]:
        rows = [_clean(samples, subject, shown[0][0], settings)]
        for group, condition in shown:
            make = _attacked if condition.kind == "attack" else _corrupted
            rows += make(samples, subject, group, condition, settings)
        for together in zip(*rows, strict=True):
            yield from filter(None, together)


def save(folder: Path, made: Iterable[Picture], names: Mapping[int, str]) -> None:
    """Write pictures and their table below a run's folder. names: of the classes, by label."""
    table = []
    for number, picture in enumerate(made):
        file = f"{FOLDER}/{number:03d}.png"
        content = BytesIO()
        Image.fromarray(picture.pixels.permute(1, 2, 0).numpy()).save(content, "PNG", optimize=True)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / file, content.getvalue())
        said = "" if picture.prediction is None else names.get(picture.prediction, "none of the classes")
        row = (picture.sample_id, picture.model, picture.what, file, names.get(picture.label, ""), said)
        table.append((*row, picture.confidence))
    columns = ["sample_id", "model", "what", "file", "label", "prediction", "confidence"]
    if table:
        (folder / TABLE).parent.mkdir(exist_ok=True)
        write_whole(folder / TABLE, pd.DataFrame(table, columns=columns).to_csv(index=False).encode())


Row = list[Picture | None]  # one an image


def _said(samples: Samples, subject: Subject, group: Group, what: str, images: Tensor, settings: Settings) -> Row:
    """Ask a model about float images [B,3,H,W], and keep what it says with them."""
    attacked = subject.judge if group.conditions[0].kind == "attack" else None
    with torch.inference_mode():
        logits = (attacked or subject.classifier)(images.to(settings.device))
    verdict = group.scoring.judge(logits, samples.labels)
    pixels = (images * 255).round().to(torch.uint8).cpu()
    said = zip(samples.sample_ids, pixels, samples.labels.tolist(), verdict.pred, verdict.confidence, strict=True)
    return [Picture(name, subject.name, what, own, label, int(p), float(c)) for name, own, label, p, c in said]


def _clean(samples: Samples, subject: Subject, group: Group, settings: Settings) -> Row:
    return _said(samples, subject, group, "clean", as_float(samples.views[subject.views[group.view]]), settings)


def _corrupted(
    samples: Samples, subject: Subject, group: Group, condition: Condition, settings: Settings
) -> Iterator[Row]:
    images = samples.views[subject.views[group.view]].to(settings.device)
    corrupted = corrupted_images(images, group, condition, _generators(samples, condition, settings))
    what = f"{condition.name}, severity {condition.severity}" if condition.severity else condition.key
    yield _said(samples, subject, group, what, as_float(corrupted), settings)


def _attacked(
    samples: Samples, subject: Subject, group: Group, condition: Condition, settings: Settings
) -> Iterator[Row]:
    """Attack the images, and show those that were right when clean, with what was changed."""
    scoring, judge = group.scoring, subject.judge or subject.classifier
    images = as_float(samples.views[subject.views[group.view]].to(settings.device))
    goal = Goal(scoring.positions(samples.labels).to(settings.device))
    with torch.inference_mode():
        right = scoring.judge(judge(images), samples.labels).correct
    victim = Victim(scoring.classifier(judge), settings.batch_size)
    found = build(condition)(victim, images, goal, _generators(samples, condition, settings)).images.detach()
    adversarial = _said(samples, subject, group, condition.key, found, settings)
    yield [picture if ok else None for picture, ok in zip(adversarial, right, strict=True)]
    changed: Row = []
    for name, label, delta, ok in zip(samples.sample_ids, samples.labels.tolist(), found - images, right, strict=True):
        times = max(math.floor(0.5 / max(delta.abs().max().item(), 1 / 510)), 1)
        pixels = ((0.5 + times * delta) * 255).round().clamp(0, 255).to(torch.uint8).cpu()
        what = f"what {condition.name} changed, {times} times as strong"
        changed.append(Picture(name, subject.name, what, pixels, label) if ok else None)
    yield changed


def _generators(samples: Samples, condition: Condition, settings: Settings) -> list[torch.Generator]:
    return [generator(settings.seed, condition.key, sample_id) for sample_id in samples.sample_ids]
