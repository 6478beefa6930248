"""What a classifier says of a batch: clean, corrupted, attacked.

A corruption is drawn and applied once and shown to every classifier of the run. An attack is made for each; only what
was right when clean is attacked, and a fresh forward pass judges what comes out.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby, islice
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from .ahead import in_order
from .attacked import Assault, attacked
from .attacks import Victim
from .challenge import worst_background
from .classifier import Classifier, refuse_not_finite
from .condition import Condition
from .corruptions import apply_jpeg, corrupt
from .errors import RunError
from .lanes import Lanes
from .plan import Group
from .records import NO_CLASS, AttackVerdict, Labelled, Verdict, spoiled
from .seeds import generator
from .stopwatch import Stopwatch


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
    """A classifier under test.

    views: for each kind of `Group.view`, the index of the samples' view that it sees. judge: the same network in fp32,
    which is attacked and has the last word, where `classifier` computes in less.
    """

    name: str
    classifier: Classifier
    views: Mapping[str, int]
    judge: Classifier | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run computes. Of these the seed alone may change a number, but for the rounding of gradient attacks.

    batch_size: images in work at once. padded: whether attacks fill up their last batch, so that rounding does not
    depend on how many images are left. keep_going: whether samples whose logits are not finite count as wrong, rather
    than end the run. lanes: how many threads share a batch.
    """

    seed: int
    device: torch.device
    batch_size: int
    padded: bool = False
    keep_going: bool = False
    lanes: int = 1


class Evaluator:
    """One batch of samples while its conditions are worked through; clean logits are found once and kept.

    settings may be exchanged between two conditions. lanes: threads that corrupt and classify. pool: where there is one
    lane, a thread that corrupts a batch while the one before is classified; None to do one after the other. spoilt:
    (sample id, reason) of each sample that counted as wrong because its logits were not finite.
    """

    def __init__(
        self,
        samples: Samples,
        subjects: Sequence[Subject],
        settings: Settings,
        surrogates: Mapping[str, Classifier] = MappingProxyType({}),
        stopwatch: Stopwatch | None = None,
        lanes: Lanes | None = None,
        pool: Executor | None = None,
    ) -> None:
        self.samples, self.subjects, self.settings, self.surrogates = samples, subjects, settings, surrogates
        self.stopwatch, self._lanes, self._pool = stopwatch or Stopwatch(), lanes or Lanes(), pool
        self.spoilt: list[tuple[str, str]] = []
        self._logits: dict[tuple[str, int, bool], Tensor] = {}

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
        some = Evaluator(
            selection, self.subjects, self.settings, self.surrogates, self.stopwatch, self._lanes, self._pool
        )
        some._logits = {key: logits[kept] for key, logits in self._logits.items()}
        return some

    def verdicts(self, group: Group, conditions: Iterable[Condition]) -> Iterator[list[Verdict]]:
        """Yield for each condition the verdict of each subject; raises RunError when a model or attack misbehaves.

        Conditions are drawn ahead of what is yielded, so that the next can be worked on before the last is judged.
        """
        for corruptions, some in groupby(conditions, lambda condition: condition.kind == "corruption"):
            if corruptions:
                yield from self.corrupted(group, some)
                continue
            for condition in some:
                judged = {"attack": self.attacked, "challenge": self.challenged}.get(condition.kind, self.clean)
                with self.naming(group, condition):
                    verdicts = [judged(subject, group, condition) for subject in self.subjects]
                yield verdicts

    def corrupted(self, group: Group, conditions: Iterable[Condition]) -> Iterator[list[Verdict]]:
        """Corrupt, store as JPEG where the group says so, and classify; a batch is made while another is classified."""
        pieces = self._lanes.shares(len(self.samples.sample_ids), self.settings.batch_size)
        begun: deque[Condition] = deque()

        def order() -> Iterator[tuple[Condition, slice]]:
            for condition in conditions:
                begun.append(condition)
                yield from ((condition, piece) for piece in pieces)

        def shown(what: tuple[Condition, slice]) -> tuple[Condition, Mapping[int, Tensor]]:
            return what[0], self._corrupted(group, *what)

        def seen(what: tuple[Condition, Mapping[int, Tensor]]) -> list[Tensor]:
            condition, images = what
            with self.naming(group, condition):
                return [
                    self._classified(subject.classifier, as_float(images[subject.views[group.view]]))
                    for subject in self.subjects
                ]

        if self._lanes.count > 1:
            coming = self._lanes.in_order(lambda what: seen(shown(what)), order())
        else:
            coming = map(seen, self.stopwatch.waiting("wait for corruptions", in_order(self._pool, shown, order())))
        while logits := list(islice(coming, len(pieces))):
            condition, judged = begun.popleft(), zip(self.subjects, zip(*logits, strict=True), strict=True)
            with self.naming(group, condition):
                verdicts = [self._judge(subject, group, condition, torch.cat(own).cpu()) for subject, own in judged]
            yield verdicts

    @contextmanager
    def naming(self, group: Group, condition: Condition) -> Iterator[None]:
        """Have errors say with which condition and samples they came."""
        try:
            yield
        except RunError as error:
            raise RunError(f"{group.suite}, {condition.key}, {self.samples.sample_ids[0]} …: {error}") from error

    def _corrupted(self, group: Group, condition: Condition, piece: slice) -> dict[int, Tensor]:
        """Corrupt some of the samples: uint8 [B,3,H,W] by view."""
        generators = self._generators(condition, range(len(self.samples.sample_ids))[piece])
        views = {subject.views[group.view] for subject in self.subjects}
        with self.stopwatch("corrupt"):
            images = {view: self.samples.views[view][piece].to(self.settings.device) for view in views}
            return {view: corrupted_images(own, group, condition, generators) for view, own in images.items()}

    def clean(self, subject: Subject, group: Group, condition: Condition) -> Verdict:
        """Judge the images as they are."""
        return self._judge(subject, group, condition, self.logits(subject, subject.views[group.view]))

    def logits(self, subject: Subject, view: int, classifier: Classifier | None = None) -> Tensor:
        """Classify the images as they are, once: float32 [B,1000] on the CPU. classifier: the subject's own if None."""
        key = subject.name, view, classifier in (None, subject.classifier)
        if key not in self._logits:
            self._logits[key] = self._in_batches(classifier or subject.classifier, self.samples.views[view]).cpu()
        return self._logits[key]

    def challenged(self, subject: Subject, group: Group, condition: Condition) -> Verdict:
        """Judge each foreground on the first background that flips its classification."""
        samples, view, scoring = self.samples, subject.views[group.view], group.scoring
        device = self.settings.device
        logits, tried = worst_background(
            lambda images: self._in_batches(subject.classifier, images).cpu(),
            lambda logits: scoring.class_logits(logits).argmax(1),
            samples.views[view].to(device),
            samples.masks[view].to(device),
            scoring.positions(samples.labels),
            samples.backgrounds[view].to(device),
            self.settings.batch_size,
            patient=self.settings.keep_going,
        )
        return replace(self._judge(subject, group, condition, logits), queries=tried)

    def attacked(self, subject: Subject, group: Group, condition: Condition) -> AttackVerdict:
        """Attack the images and judge what comes of it; with a surrogate the attack sees the surrogate alone.

        The attack sees what judges: an image that is let go because it fools another precision may not fool this one.
        A benchmark with classes of its own is attacked in these: the attack sees their scores.
        """
        view, judge = subject.views[group.view], subject.judge or subject.classifier
        surrogate = str(dict(condition.params).get("surrogate", ""))
        attacker = self.surrogates[surrogate] if surrogate else judge
        clean_logits = self.logits(subject, view, judge)

        def asked(images: Tensor) -> Tensor:
            with self.stopwatch("forward"):
                return refuse_not_finite(attacker(images))

        assault = Assault(
            images=as_float(self.samples.views[view].to(self.settings.device)),
            labels=self.samples.labels,
            clean=self._judge(subject, group, condition, clean_logits),
            clean_logits=clean_logits,
            scoring=group.scoring,
            judge=lambda images: refuse_not_finite(self._in_batches(judge, images)).cpu(),
            victim=Victim(
                group.scoring.classifier(asked),
                self.settings.batch_size,
                padded=self.settings.padded,
                lanes=self._lanes,
            ),
            generators=self._generators(condition, range(len(self.samples.sample_ids))),
        )
        with self.stopwatch("attack, backward"):
            return attacked(assault, condition)

    def _judge(self, subject: Subject, group: Group, condition: Condition, logits: Tensor) -> Verdict:
        """Judge logits [B,1000] on the CPU. Those that are not finite are an error, or wrong if that is wanted."""
        broken = ~logits.isfinite().all(1)
        if not bool(broken.any()):
            return group.scoring.judge(logits, self.samples.labels)
        ids = [self.samples.sample_ids[i] for i in broken.nonzero()[:, 0].tolist()]
        if not self.settings.keep_going:
            raise RunError(
                f"the logits of {subject.name} for {ids[0]} are not finite, nor those for {len(ids) - 1} others of its "
                "batch; --keep-going counts such samples as wrong"
            )
        reason = f"counts as wrong: logits of {subject.name} not finite in {group.suite}, {condition.key}"
        self.spoilt += [(sample_id, reason) for sample_id in ids]
        return spoiled(group.scoring.judge(logits.nan_to_num(0, 0, 0), self.samples.labels), broken)

    def _in_batches(self, classifier: Classifier, images: Tensor) -> Tensor:
        """Classify images [B,3,H,W], float or uint8 and of any device, in batches: float32 [B,1000] on the device."""

        def classified(piece: slice) -> Tensor:
            own = images[piece].to(self.settings.device)
            return self._classified(classifier, own if own.is_floating_point() else as_float(own))

        return torch.cat(self._lanes.map(classified, self._lanes.slices(len(images), self.settings.batch_size)))

    def _classified(self, classifier: Classifier, images: Tensor) -> Tensor:
        """Classify one batch in the thread that asks."""
        with torch.inference_mode(), self.stopwatch("forward"):
            return classifier(images)

    def _generators(self, condition: Condition, where: Sequence[int]) -> list[torch.Generator]:
        return [generator(self.settings.seed, condition.key, self.samples.sample_ids[i]) for i in where]


def corrupted_images(
    images: Tensor, group: Group, condition: Condition, generators: Sequence[torch.Generator]
) -> Tensor:
    """Corrupt images uint8 [B,3,H,W], and store them as JPEG where the group says so."""
    corrupted = corrupt(images, condition.name, condition.severity or 0, generators)
    return apply_jpeg(corrupted, group.jpeg_quality) if group.jpeg_quality else corrupted


def as_float(images: Tensor) -> Tensor:
    """Turn uint8 pixels into float32 in [0,1]."""
    return images.to(torch.float32).div_(255)
