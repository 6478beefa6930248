"""The record: one row per model × condition × sample, from which every number is folded."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

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
        ("label", pa.int16()),
        ("pred", pa.int16()),
        ("confidence", pa.float32()),  # the largest softmax probability
        ("correct", pa.bool_()),
        ("correct5", pa.bool_()),  # the label is among the five largest logits
        ("clean_correct", pa.bool_()),  # from here on null for anything but an attack
        ("success", pa.bool_()),  # right when clean and fooled; null where it was wrong when clean
        ("linf", pa.float32()),  # distance from the clean image, pixels in [0,1]
        ("l2", pa.float32()),
        ("queries", pa.int32()),  # forward passes that the attack used
    ]
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a classifier said of a batch: CPU tensors of length B."""

    pred: Tensor  # int64
    confidence: Tensor  # float32
    correct: Tensor  # bool
    correct5: Tensor  # bool


@dataclass(frozen=True, slots=True)
class AttackVerdict(Verdict):
    """What it said of attacked images, and what the attack did to reach that."""

    clean_correct: Tensor  # bool
    linf: Tensor  # float32
    l2: Tensor  # float32
    queries: Tensor  # int64


def judge(logits: Tensor, labels: Tensor) -> Verdict:
    """Read the verdicts off logits [B,K], K ≥ 5, for labels [B]; ties go to the smaller class."""
    logits, labels = logits.detach().cpu(), labels.cpu()
    top5 = torch.topk(logits, 5).indices
    pred = logits.argmax(1)
    confidence = logits.softmax(1).amax(1)
    return Verdict(pred, confidence, pred == labels, (top5 == labels[:, None]).any(1))


def joined(verdicts: Sequence[Verdict]) -> Verdict:
    """Concatenate verdicts of the same type in order."""
    kind = type(verdicts[0])
    return kind(**{f.name: torch.cat([getattr(v, f.name) for v in verdicts]) for f in fields(kind)})


def rows(
    model: str,
    suite: str,
    dataset: str,
    condition: Condition,
    sample_ids: Sequence[str],
    labels: Tensor,
    verdict: Verdict,
) -> pa.Table:
    """Make the records of one model under one condition: a table of `SCHEMA` with a row per sample."""
    count = len(sample_ids)
    columns: dict[str, object] = {
        "model": [model] * count,
        "suite": [suite] * count,
        "dataset": [dataset] * count,
        "condition": [condition.label] * count,
        "severity": [condition.severity] * count,
        "sample_id": list(sample_ids),
        "label": labels.numpy(),
        **{f.name: getattr(verdict, f.name).numpy() for f in fields(verdict)},
    }
    if isinstance(verdict, AttackVerdict):
        columns["success"] = pa.array(~verdict.correct.numpy(), mask=~verdict.clean_correct.numpy())
    arrays = [pa.array(columns[f.name]).cast(f.type) if f.name in columns else pa.nulls(count, f.type) for f in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
