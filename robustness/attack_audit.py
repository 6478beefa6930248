"""The audit of a run with attacks: its records, and a few probes of every model that was attacked."""

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from .attacks import ABOUT_MODELS, GRADIENT_FREE, Victim, as_pixels, defaults
from .audit import Finding
from .checkpoints import weights_hash
from .condition import Condition
from .evaluation import Settings, Subject
from .models import Model
from .plan import Group
from .probes import audit_classifier, audit_steps, compare_weights

PROBED = 20  # images


def attacked(groups: Iterable[Group]) -> list[Group]:
    """List the groups that are attacked."""
    return [group for group in groups if any(condition.kind == "attack" for condition in group.conditions)]


def weights_of(models: Iterable[Model], groups: Sequence[Group]) -> dict[str, str]:
    """Hash the weights as they are now, by model: of those that are torch modules, if any group is attacked."""
    modules = {model.provenance.name: getattr(model.classifier, "module", None) for model in models if attacked(groups)}
    return {name: weights_hash(module) for name, module in modules.items() if module is not None}


def audit_weights(before: Mapping[str, str], after: Mapping[str, str]) -> list[Finding]:
    """Compare the hashes of `weights_of` from before and after a run."""
    return [finding for name, was in before.items() for finding in compare_weights(name, was, after[name])]


def audit_model(
    subject: Subject, model: Model, group: Group, images: Tensor, labels: Tensor, settings: Settings
) -> list[Finding]:
    """Probe an attacked model, and run one of its attacks with twice the steps.

    subject: the model as it is attacked. images: float [B,3,H,W] in [0,1], on the model's device. labels: int64 [B],
    positions among the group's classes.
    """
    name, size = subject.name, settings.batch_size
    classifier = group.scoring.classifier(subject.judge or subject.classifier)
    attacks = {condition.name for condition in group.conditions if condition.kind == "attack"}
    differentiable = model.differentiable and not attacks <= GRADIENT_FREE  # else nothing has asked for gradients
    findings = audit_classifier(
        name,
        classifier,
        images,
        labels,
        model.preprocessing,
        network=model.classifier,
        batch_size=size,
        differentiable=differentiable,
    )
    right = Victim(classifier, size)(images).argmax(1) == labels
    condition = longest(group.conditions)
    if condition is not None and differentiable and bool(right.any()):
        findings += audit_steps(name, classifier, images[right], labels[right], condition, settings.seed, size)
    return findings


def longest(conditions: Iterable[Condition]) -> Condition | None:
    """Choose the attack whose steps may not have been enough: plain PGD or its like, at the smallest radius."""
    iterative = [
        condition
        for condition in conditions
        if condition.kind == "attack"
        and condition.name not in GRADIENT_FREE
        and {"steps", "eps", "step_size"} <= defaults(condition.name).keys()
        and not {*ABOUT_MODELS} & dict(condition.params).keys()
    ]
    return min(iterative, key=lambda condition: as_pixels(str(dict(condition.params)["eps"])), default=None)
