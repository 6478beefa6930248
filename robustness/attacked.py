"""An attack on a batch, and what comes of it: bounds checked, distances measured, judged by a fresh forward pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Generator, Tensor

from .attacks import AT_THE_BOUNDARY, NORMS, Goal, Victim, as_pixels, build, rounded_to_8_bits, target_rule
from .condition import Condition
from .errors import RunError
from .records import NO_CLASS, AttackVerdict, Verdict
from .scoring import Scoring

FLOAT_NOISE = 1e-6  # what rounding may put a pixel outside [0,1], or an image outside its ball


@dataclass(frozen=True, slots=True)
class Assault:
    """Images to attack, all of one batch.

    images: float [B,3,H,W] in [0,1]. labels: int64 [B] as recorded. clean, clean_logits: what the judge said of the
    images, float [B,1000]. judge: images → logits on the CPU. victim: what the attack asks, in the classes of
    `scoring`. generators: one an image.
    """

    images: Tensor
    labels: Tensor
    clean: Verdict
    clean_logits: Tensor
    scoring: Scoring
    judge: Callable[[Tensor], Tensor]
    victim: Victim
    generators: Sequence[Generator]


def attacked(assault: Assault, condition: Condition) -> AttackVerdict:
    """Attack what is right when clean; the rest keeps its clean verdict, at distance 0 and without a query.

    Raises RunError when the attack breaks its contract, or the model is not fit for it.
    """
    clean = assault.clean
    count, right = len(clean.pred), clean.correct.nonzero()[:, 0]
    facts: dict[str, Any] = {part.name: getattr(clean, part.name) for part in fields(clean)}
    facts |= {name: torch.zeros(count) for name in NORMS}
    facts |= {name: torch.zeros(count, dtype=torch.int64) for name in ("queries", "backward")}
    facts |= {name: torch.zeros(count, dtype=torch.bool) for name in ("success", "success_8bit")}
    facts |= {"clean_correct": clean.correct, "correct_8bit": clean.correct}
    facts["target"] = torch.full((count,), NO_CLASS) if "targeted" in dict(condition.params) else None
    if len(right):
        for name, values in _outcome(assault, condition, right).items():
            facts[name] = facts[name].clone()
            facts[name][right] = values.cpu().to(facts[name].dtype)
    return AttackVerdict(**facts)


def _outcome(assault: Assault, condition: Condition, where: Tensor) -> dict[str, Tensor]:
    """Attack the images at `where` and judge them: the columns of the records that this changes."""
    scoring, labels = assault.scoring, assault.labels[where]
    images = assault.images[where]
    generators = [assault.generators[i] for i in where.tolist()]
    goal = _goal(assault, condition, where, generators)
    elsewhere = "surrogate" in dict(condition.params) and condition.name not in AT_THE_BOUNDARY
    aim = replace(goal.to(images.device), elsewhere=elsewhere)
    found = build(condition)(assault.victim, images, aim, generators)
    size = assault.victim.batch_size
    pieces = [slice(start, start + size) for start in range(0, len(images), size)]
    parts = [
        _judged(assault, condition, labels[piece], goal[piece], images[piece], found.images[piece]) for piece in pieces
    ]
    outcome = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    outcome |= {"queries": found.forward, "backward": found.backward}
    if goal.targets is not None:
        outcome["target"] = torch.tensor([*scoring.codes, NO_CLASS])[goal.targets]
    return outcome


def _judged(
    assault: Assault, condition: Condition, labels: Tensor, goal: Goal, images: Tensor, adversarial: Tensor
) -> dict[str, Tensor]:
    """Judge a batch of adversarial images, which are float [B,3,H,W]: what their columns of the records say."""
    scoring, (norm, eps) = assault.scoring, _ball(condition)
    delta = _checked_delta(adversarial, images, norm, eps)
    logits, logits_8bit = (
        assault.judge(final) for final in (adversarial, rounded_to_8_bits(adversarial, images, norm, eps))
    )
    verdict = scoring.judge(logits, labels)
    judged = {part.name: getattr(verdict, part.name) for part in fields(verdict)}
    outcome = {name: values for name, values in judged.items() if values is not None}
    outcome |= {name: ball.distance(delta) for name, ball in NORMS.items()}
    outcome |= {"success": goal.reached(scoring.class_logits(logits))}
    outcome |= {"success_8bit": goal.reached(scoring.class_logits(logits_8bit))}
    outcome |= {"correct_8bit": scoring.judge(logits_8bit, labels).correct}
    return outcome


def _goal(assault: Assault, condition: Condition, where: Tensor, generators: Sequence[Generator]) -> Goal:
    """Say what the attack is after, in positions among the classes: on the CPU."""
    labels = assault.scoring.positions(assault.labels[where])
    rule = str(dict(condition.params).get("targeted", ""))
    if not rule:
        return Goal(labels)
    logits = assault.scoring.class_logits(assault.clean_logits[where])[:, : len(assault.scoring.codes)]
    return Goal(labels, target_rule(rule)(logits, labels, generators))


def _ball(condition: Condition) -> tuple[str, float | None]:
    """Return the norm and the radius that the attack must keep; None where it seeks the nearest image."""
    params = dict(condition.params)
    return str(params.get("norm", "linf")), as_pixels(str(params["eps"])) if "eps" in params else None


def _checked_delta(adversarial: Tensor, images: Tensor, norm: str, eps: float | None) -> Tensor:
    """Return adversarial − images; raises RunError when it is not finite, out of range or beyond eps."""
    delta = adversarial - images
    distance = NORMS[norm].distance(delta).max().item()
    if not torch.isfinite(adversarial).all():
        raise RunError("the attack made pixels that are not finite")
    if adversarial.min().item() < -FLOAT_NOISE or adversarial.max().item() > 1 + FLOAT_NOISE:
        raise RunError(f"the attack left the pixel range [0, 1]: {adversarial.min():.7f} to {adversarial.max():.7f}")
    if eps is not None and distance > eps * (1 + FLOAT_NOISE) + FLOAT_NOISE:
        raise RunError(f"the attack went {distance:.7f} far in {norm}, beyond eps {eps:.7f}")
    return delta
