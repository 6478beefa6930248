"""What a classifier says of a batch: clean, corrupted, attacked.

A corruption is drawn and applied once and shown to every classifier of the run. An attack is made for each; only what
was right when clean is attacked, and a fresh forward pass judges what comes out.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from .attacks import NORMS, as_pixels, build
from .challenge import worst_background
from .classifier import Classifier
from .condition import Condition
from .corruptions import apply_jpeg, corrupt
from .errors import RunError
from .plan import Group
from .records import NO_CLASS, AttackVerdict, Labelled, Verdict, joined
from .seeds import generator

FLOAT_NOISE = 1e-6  # what rounding may put a pixel outside [0,1], or an image outside its ball


class Samples(Labelled, Protocol):
    """Decoded images: a tensor uint8 [B,3,H,W] a view, with labels, ids and textures.

    masks, backgrounds: a tensor a view, of foregrounds that are to be put on other backgrounds; else empty.
    """

    @property
    def views(self) -> Sequence[Tensor]: ...  # noqa: D102
    @property
    def masks(self) -> Sequence[Tensor]: ...  # noqa: D102
    @property
    def backgrounds(self) -> Sequence[Tensor]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of a batch's samples."""

    views: Sequence[Tensor]
    labels: Tensor
    sample_ids: Sequence[str]
    textures: Tensor | None = None
    masks: Sequence[Tensor] = ()
    backgrounds: Sequence[Tensor] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """A classifier under test. views: for each kind of `Group.view`, the index of the samples' view that it sees."""

    name: str
    classifier: Classifier
    views: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run computes. Of these the seed alone may change a number."""

    seed: int
    device: torch.device
    batch_size: int


class Evaluator:
    """One batch of samples while its conditions are worked through; clean logits are found once and kept."""

    def __init__(self, samples: Samples, subjects: Sequence[Subject], settings: Settings) -> None:
        self.samples, self.subjects, self.settings = samples, subjects, settings
        self._logits: dict[tuple[str, int], Tensor] = {}

    def among(self, codes: Collection[int]) -> "Evaluator":
        """Return the evaluator of the samples whose label is one of `codes`, or that have none: itself if all are."""
        labels = self.samples.labels
        kept = torch.isin(labels, torch.tensor([*codes, NO_CLASS])).nonzero()[:, 0]
        if len(kept) == len(labels):
            return self
        textures = self.samples.textures
        selection = Selection(
            tuple(view[kept] for view in self.samples.views),
            labels[kept],
            tuple(self.samples.sample_ids[i] for i in kept.tolist()),
            None if textures is None else textures[kept],
            tuple(mask[kept] for mask in self.samples.masks),
            self.samples.backgrounds,
        )
        some = Evaluator(selection, self.subjects, self.settings)
        some._logits = {key: logits[kept] for key, logits in self._logits.items()}
        return some

    def verdicts(self, group: Group, condition: Condition) -> list[Verdict]:
        """Return the verdict of each subject under `condition`; raises RunError when a model or attack misbehaves."""
        if condition.kind == "corruption":
            return self.corrupted(group, condition)
        judged = {"attack": self.attacked, "challenge": self.challenged}.get(condition.kind, self.clean)
        return [judged(subject, group, condition) for subject in self.subjects]

    def corrupted(self, group: Group, condition: Condition) -> list[Verdict]:
        """Corrupt, store as JPEG where the group says so, and classify."""
        pieces: list[list[Verdict]] = []
        for piece in self._pieces():
            generators = self._generators(condition, range(len(self.samples.sample_ids))[piece])
            shown: dict[int, Tensor] = {}
            for view in {subject.views[group.view] for subject in self.subjects}:
                images = self.samples.views[view][piece].to(self.settings.device)
                images = corrupt(images, condition.name, condition.severity or 0, generators)
                shown[view] = apply_jpeg(images, group.jpeg_quality) if group.jpeg_quality else images
            logits = [self._classify(subject, shown[subject.views[group.view]]) for subject in self.subjects]
            pieces.append([group.scoring.judge(each, self.samples.labels[piece]) for each in logits])
        return [joined(verdicts) for verdicts in zip(*pieces, strict=True)]

    def clean(self, subject: Subject, group: Group, _condition: Condition | None = None) -> Verdict:
        """Judge the images as they are."""
        return group.scoring.judge(self.logits(subject, subject.views[group.view]), self.samples.labels)

    def logits(self, subject: Subject, view: int) -> Tensor:
        """Classify the images as they are: float32 [B,1000] on the CPU."""
        key = subject.name, view
        if key not in self._logits:
            images = self.samples.views[view]
            self._logits[key] = torch.cat([self._classify(subject, images[piece]).cpu() for piece in self._pieces()])
        return self._logits[key]

    def challenged(self, subject: Subject, group: Group, _condition: Condition) -> Verdict:
        """Judge each foreground on the first background that flips its classification."""
        samples, view, scoring = self.samples, subject.views[group.view], group.scoring
        logits, tried = worst_background(
            lambda images: self._classify(subject, images).cpu(),
            lambda logits: scoring.class_logits(logits).argmax(1),
            samples.views[view],
            samples.masks[view],
            scoring.positions(samples.labels),
            samples.backgrounds[view],
            self.settings.batch_size,
        )
        return replace(scoring.judge(logits, samples.labels), queries=tried)

    def attacked(self, subject: Subject, group: Group, condition: Condition) -> AttackVerdict:
        """Attack what is right when clean; the rest keeps its clean verdict, at distance 0 and without a query.

        A benchmark with classes of its own is attacked in these: the attack sees their scores.
        """
        clean, view = self.clean(subject, group), subject.views[group.view]
        classifier = group.scoring.classifier(subject.classifier)
        verdict = _unattacked(clean)
        right = clean.correct.nonzero()[:, 0]
        for start in range(0, len(right), self.settings.batch_size):
            where = right[start : start + self.settings.batch_size]
            images = as_float(self.samples.views[view][where].to(self.settings.device))
            labels = self.samples.labels[where]
            targets = group.scoring.positions(labels).to(self.settings.device)
            found = build(condition)(classifier, images, targets, self._generators(condition, where.tolist()))
            delta = _checked_delta(found.images, images, condition)
            with torch.inference_mode():
                fresh = group.scoring.judge(subject.classifier(found.images), labels)
            for part in fields(fresh):
                if (values := getattr(fresh, part.name)) is not None:
                    getattr(verdict, part.name)[where] = values
            verdict.linf[where] = NORMS["linf"].distance(delta).cpu()
            verdict.l2[where] = NORMS["l2"].distance(delta).cpu()
            verdict.queries[where] = found.queries.cpu()
        return verdict

    def _classify(self, subject: Subject, images: Tensor) -> Tensor:
        with torch.inference_mode():
            return subject.classifier(as_float(images.to(self.settings.device)))

    def _pieces(self) -> Iterator[slice]:
        step = self.settings.batch_size
        return (slice(start, start + step) for start in range(0, len(self.samples.sample_ids), step))

    def _generators(self, condition: Condition, where: Sequence[int]) -> list[torch.Generator]:
        return [generator(self.settings.seed, condition.key, self.samples.sample_ids[i]) for i in where]


def as_float(images: Tensor) -> Tensor:
    """Turn uint8 pixels into float32 in [0,1]."""
    return images.to(torch.float32).div_(255)


def _unattacked(clean: Verdict) -> AttackVerdict:
    """Return a copy of `clean` as the verdict of an attack that did nothing."""
    parts = {part.name: getattr(clean, part.name) for part in fields(clean)}
    copy: dict[str, Any] = {name: None if values is None else values.clone() for name, values in parts.items()}
    nothing = torch.zeros(len(clean.pred))
    copy |= {"clean_correct": clean.correct, "linf": nothing, "l2": nothing.clone()}
    return AttackVerdict(**copy | {"queries": nothing.to(torch.int64)})


def _checked_delta(adversarial: Tensor, images: Tensor, condition: Condition) -> Tensor:
    """Return adversarial − images; raises RunError when it is not finite, out of range or beyond eps."""
    params = dict(condition.params)
    norm, eps = str(params["norm"]), as_pixels(str(params["eps"]))
    delta = adversarial - images
    distance = NORMS[norm].distance(delta).max().item()
    if not torch.isfinite(adversarial).all():
        raise RunError("the attack made pixels that are not finite")
    if adversarial.min().item() < -FLOAT_NOISE or adversarial.max().item() > 1 + FLOAT_NOISE:
        raise RunError(f"the attack left the pixel range [0, 1]: {adversarial.min():.7f} to {adversarial.max():.7f}")
    if distance > eps * (1 + FLOAT_NOISE) + FLOAT_NOISE:
        raise RunError(f"the attack went {distance:.7f} far in {norm}, beyond eps {eps:.7f}")
    return delta
