"""What a classifier says of a batch: clean, corrupted, attacked.

A corruption is drawn and applied once and shown to every classifier of the run. An attack is made for each; only what
was right when clean is attacked, and a fresh forward pass judges what comes out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

from .attacks import NORMS, as_pixels, build
from .classifier import Classifier
from .condition import Condition
from .corruptions import apply_jpeg, corrupt
from .errors import RunError
from .plan import Group
from .records import AttackVerdict, Verdict, joined, judge
from .seeds import generator

FLOAT_NOISE = 1e-6  # what rounding may put a pixel outside [0,1], or an image outside its ball


class Samples(Protocol):
    """Decoded images: a tensor uint8 [B,3,H,W] a view, labels int64 [B], and B sample ids."""

    @property
    def views(self) -> Sequence[Tensor]: ...  # noqa: D102
    @property
    def labels(self) -> Tensor: ...  # noqa: D102
    @property
    def sample_ids(self) -> Sequence[str]: ...  # noqa: D102


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
    """One batch of samples while its conditions are worked through; clean verdicts are found once and kept."""

    def __init__(self, samples: Samples, subjects: Sequence[Subject], settings: Settings) -> None:
        self.samples, self.subjects, self.settings = samples, subjects, settings
        self._clean: dict[str, Verdict] = {}

    def verdicts(self, group: Group, condition: Condition) -> list[Verdict]:
        """Return the verdict of each subject under `condition`; raises RunError when a model or attack misbehaves."""
        if condition.kind == "corruption":
            return self.corrupted(group, condition)
        judged = self.clean if condition.kind == "clean" else self.attacked
        return [judged(subject, subject.views[group.view], condition) for subject in self.subjects]

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
            pieces.append([self._classify(s, shown[s.views[group.view]], piece) for s in self.subjects])
        return [joined(verdicts) for verdicts in zip(*pieces, strict=True)]

    def clean(self, subject: Subject, view: int, _condition: Condition | None = None) -> Verdict:
        """Classify the images as they are."""
        if subject.name not in self._clean:
            images = self.samples.views[view]
            self._clean[subject.name] = joined([self._classify(subject, images[p], p) for p in self._pieces()])
        return self._clean[subject.name]

    def attacked(self, subject: Subject, view: int, condition: Condition) -> AttackVerdict:
        """Attack what is right when clean; the rest keeps its clean verdict, at distance 0 and without a query."""
        clean = self.clean(subject, view)
        verdict = _unattacked(clean)
        right = clean.correct.nonzero()[:, 0]
        for start in range(0, len(right), self.settings.batch_size):
            where = right[start : start + self.settings.batch_size]
            images = as_float(self.samples.views[view][where].to(self.settings.device))
            labels = self.samples.labels[where].to(self.settings.device)
            found = build(condition)(subject.classifier, images, labels, self._generators(condition, where.tolist()))
            delta = _checked_delta(found.images, images, condition)
            with torch.inference_mode():
                fresh = judge(subject.classifier(found.images), labels)
            for part in fields(fresh):
                getattr(verdict, part.name)[where] = getattr(fresh, part.name)
            verdict.linf[where] = NORMS["linf"].distance(delta).cpu()
            verdict.l2[where] = NORMS["l2"].distance(delta).cpu()
            verdict.queries[where] = found.queries.cpu()
        return verdict

    def _classify(self, subject: Subject, images: Tensor, piece: slice) -> Verdict:
        with torch.inference_mode():
            logits = subject.classifier(as_float(images.to(self.settings.device)))
        return judge(logits, self.samples.labels[piece])

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
    copy = {part.name: getattr(clean, part.name).clone() for part in fields(clean)}
    nothing = torch.zeros(len(clean.pred))
    return AttackVerdict(
        **copy, clean_correct=clean.correct, linf=nothing, l2=nothing.clone(), queries=nothing.to(torch.int64)
    )


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
