"""The audit of a run with attacks: its records, and a few probes of every model that was attacked."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .attacks import GRADIENT_FREE, as_pixels, defaults
from .audit import Finding
from .condition import Condition
from .models import Model
from .plan import Group
from .probes import audit_classifier, audit_steps

PROBED = 20  # images


def audit_model(name: str, model: Model, group: Group, images: Tensor, labels: Tensor, seed: int) -> list[Finding]:
    """Probe an attacked model, and run one of its attacks with twice the steps.

    images: float [B,3,H,W] in [0,1], on the model's device. labels: int64 [B], positions among the group's classes.
    """
    classifier = group.scoring.classifier(model.classifier)
    findings = audit_classifier(
        name, classifier, images, labels, model.preprocessing, differentiable=model.differentiable
    )
    with torch.inference_mode():
        right = classifier(images).argmax(1) == labels
    condition = longest(group.conditions)
    if condition is not None and model.differentiable and bool(right.any()):
        findings += audit_steps(name, classifier, images[right].clone(), labels[right].clone(), condition, seed)
    return findings


def longest(conditions: Iterable[Condition]) -> Condition | None:
    """Choose the attack whose steps may not have been enough: plain PGD or its like, at the smallest radius."""
    iterative = [
        condition
        for condition in conditions
        if condition.kind == "attack"
        and condition.name not in GRADIENT_FREE
        and {"steps", "eps", "step_size"} <= defaults(condition.name).keys()
        and not {"targeted", "surrogate"} & dict(condition.params).keys()
    ]
    return min(iterative, key=lambda condition: as_pixels(str(dict(condition.params)["eps"])), default=None)
