"""The record: one row per model × condition × sample, from which every number is folded."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import pyarrow as pa
import torch
from torch import Tensor

from .condition import Condition

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("suite", pa.string()),
        ("dataset", pa.string()),
        ("condition", pa.string()),  # "clean", a corruption's name, an attack's key
        ("severity", pa.int8()),  # 1-5, null for anything but a corruption
        ("sample_id", pa.string()),  # path below the data set's root, with /
        ("label", pa.int16()),  # null for a picture of no class (ImageNet-O)
        ("pred", pa.int16()),  # the benchmark's own decision, a class as in `label`; -1 for none of its classes
        ("confidence", pa.float32()),  # the probability of the decision; null where the logits were not finite
        ("nll", pa.float32()),  # -log of the label's probability, nats; these two null where classes share logits
        ("brier", pa.float32()),  # sum over classes of (probability - [is the label])^2
        ("correct", pa.bool_()),  # null where there is no label
        ("correct5", pa.bool_()),  # the label is among the five largest logits
        ("texture", pa.int16()),  # class of the texture, as in `label`; null for anything but cue conflicts
        ("pred_1000way", pa.int16()),  # the largest of all 1000 logits; these three are null for ImageNet's own classes
        ("correct_1000way", pa.bool_()),  # ... and it stands for the label
        ("correct_restricted", pa.bool_()),  # the largest logit among those of the benchmark's classes does
        ("clean_correct", pa.bool_()),  # from here on null for anything but an attack
        ("success", pa.bool_()),  # right when clean and fooled (brought to the target); null where wrong when clean
        ("target", pa.int16()),  # of a targeted attack, a class as in `label`
        ("linf", pa.float32()),  # distance from the clean image, pixels in [0,1]
        ("l2", pa.float32()),
        ("l1", pa.float32()),
        ("queries", pa.int32()),  # forward passes that the attack used, or backgrounds that the challenge tried
        ("backward", pa.int32()),  # backward passes that it used
        ("correct_8bit", pa.bool_()),  # as `correct` and `success`, of the image rounded to 8 bits within the radius
        ("success_8bit", pa.bool_()),
    ]
)
PROBABILITIES = ("confidence", "nll", "brier")
NO_CLASS = -1  # the label of a picture that shows none of the classes, and the decision for none of them


class Labelled(Protocol):
    """Samples as far as records name them: B ids, labels int64 [B], and textures int64 [B] where there are any."""

    @property
    def sample_ids(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def labels(self) -> Tensor: ...  # noqa: D102
    @property
    def textures(self) -> Tensor | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a classifier said of a batch: CPU tensors of length B, named as in the records; None where all are null."""

    pred: Tensor  # int64
    confidence: Tensor  # float32
    correct: Tensor  # bool
    correct5: Tensor | None  # bool
    pred_1000way: Tensor | None = None  # int64
    correct_1000way: Tensor | None = None  # bool
    correct_restricted: Tensor | None = None  # bool
    queries: Tensor | None = None  # int64
    nll: Tensor | None = None  # float32
    brier: Tensor | None = None  # float32


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackVerdict(Verdict):
    """What it said of attacked images, and what the attack did to reach that."""

    clean_correct: Tensor  # bool
    success: Tensor  # bool, of no meaning where wrong when clean
    target: Tensor | None  # int64
    linf: Tensor  # float32
    l2: Tensor  # float32
    l1: Tensor  # float32
    queries: Tensor  # int64
    backward: Tensor  # int64
    correct_8bit: Tensor  # bool
    success_8bit: Tensor  # bool


def spoiled(verdict: Verdict, broken: Tensor) -> Verdict:
    """Count samples, bool [B], as wrong: no class was decided for, and with no confidence that could be told."""
    changed: dict[str, Any] = {}
    for name in PROBABILITIES:
        if (found := getattr(verdict, name)) is not None:
            changed[name] = found.masked_fill(broken, torch.nan)
    for name in ("correct", "correct5", "correct_1000way", "correct_restricted"):
        if (found := getattr(verdict, name)) is not None:
            changed[name] = found & ~broken
    for name in ("pred", "pred_1000way"):
        if (found := getattr(verdict, name)) is not None:
            changed[name] = found.masked_fill(broken, NO_CLASS)
    return replace(verdict, **changed)


def rows(
    model: str,
    suite: str,
    dataset: str,
    condition: Condition,
    samples: Labelled,
    verdict: Verdict,
) -> pa.Table:
    """Make the records of one model under one condition: a table of `SCHEMA` with a row per sample."""
    count = len(samples.sample_ids)
    unlabelled = (samples.labels == NO_CLASS).numpy()
    columns: dict[str, object] = {
        "model": [model] * count,
        "suite": [suite] * count,
        "dataset": [dataset] * count,
        "condition": [condition.label] * count,
        "severity": [condition.severity] * count,
        "sample_id": list(samples.sample_ids),
        "label": pa.array(samples.labels.numpy(), mask=unlabelled),
        "texture": None if samples.textures is None else samples.textures.numpy(),
        **{f.name: None if (t := getattr(verdict, f.name)) is None else t.numpy() for f in fields(verdict)},
    }
    for name in ("correct", "correct5", "correct_1000way", "correct_restricted"):
        if columns[name] is not None:
            columns[name] = pa.array(columns[name], mask=unlabelled)
    for name in PROBABILITIES:
        if columns[name] is not None:
            unknown = unlabelled if name != "confidence" else None
            columns[name] = pa.array(columns[name], mask=unknown, from_pandas=True)
    if isinstance(verdict, AttackVerdict):
        for name in ("target", "success", "success_8bit"):
            if columns[name] is not None:
                columns[name] = pa.array(columns[name], mask=~verdict.clean_correct.numpy())
    arrays = [
        pa.nulls(count, f.type) if (column := columns.get(f.name)) is None else pa.array(column).cast(f.type)
        for f in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
