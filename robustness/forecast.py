"""What a run will do and about how long it will take, before it does it."""

import math
import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import torch

from . import challenge
from .attacks import MOST_TARGETS, attack_condition, defaults
from .classifier import Classifier
from .condition import Condition
from .evaluation import Settings, Subject
from .plan import Found, Group

AUTOATTACK = ("apgd-ce", "apgd-t", "fab-t", "square")
TRIES_TARGETS = ("apgd-t", "fab-t")  # one after the other
JUDGED = 2  # times is what an attack comes to: as it is, and rounded to 8 bits
BACKWARD = 2  # a backward pass to the pixels costs about two forward passes
MOST_TIMED = 32  # images: more tell nothing new, and may not fit


def describe(
    groups: Sequence[Group],
    subjects: Sequence[Subject],
    surrogates: Mapping[str, Classifier],
    found: Mapping[str, Found],
    settings: Settings,
    header: Mapping[str, Any],
) -> str:
    """Write the plan: data, models, conditions, samples, forward passes and an estimate of the time.

    surrogates: by the name that conditions use. found: the data sets, by the name that groups use. header: of
    `header.header`. Times each model once.
    """
    lines = [f"note: {note}" for note in header["notes"]]
    for data in header["identity"]["data"]:
        path = header["environment"]["paths"][data["dataset"]]
        lines.append(f"data: {data['dataset']}, {data['count']:,} images, {data['layout']}, {path}")
    lines += [f"model: {m['name']}, {m['source']}" for m in header["identity"]["models"]]
    passes, seconds = 0, 0.0
    own = sum(seconds_per_image(subject.classifier, settings) for subject in subjects)
    judged = sum(seconds_per_image(subject.judge, settings) for subject in subjects if subject.judge) or own
    lent = {spec: len(subjects) * seconds_per_image(other, settings) for spec, other in surrogates.items()}
    for (suite, dataset), together in groupby(groups, key=lambda group: (group.suite, group.dataset)):
        sizes = [(group.size(found), group.conditions) for group in together]
        records = sum(images * len(conditions) for images, conditions in sizes)
        backgrounds = _backgrounds(found[dataset], header["identity"]["limit"])
        cost = 0
        for condition, images in ((condition, images) for images, conditions in sizes for condition in conditions):
            each, surrogate = passes_of(condition, backgrounds), dict(condition.params).get("surrogate")
            away, here = each - JUDGED if surrogate else 0, judged if condition.kind == "attack" else own
            cost += images * each
            seconds += images * (away * lent.get(str(surrogate), 0) + (each - away) * here)
        passes += cost
        conditions = [condition for _, some in sizes for condition in some]
        lines.append(
            f"suite: {suite} on {dataset}, {len(conditions)} condition{'s' * (len(conditions) != 1)}, "
            f"{records:,} records, at most {cost:,} forward passes a model"
        )
        names = (condition.key if condition.kind == "attack" else condition.name for condition in conditions)
        lines.append(f"    {', '.join(dict.fromkeys(names))}")
    lines.append(
        f"total: {header['records_expected']:,} records, {passes * len(subjects):,} forward passes, where a backward "
        "pass counts as two"
    )
    lines.append(f"time: about {_duration(seconds)} at most on {header['environment']['device']}")
    return "\n".join(lines)


def passes_of(condition: Condition, backgrounds: int = challenge.BACKGROUNDS) -> int:
    """Count the forward passes that one image costs at most; a backward pass counts as two.

    What an attack comes to is judged, as it is and rounded to 8 bits. backgrounds: of the Backgrounds Challenge.
    """
    if condition.kind == "challenge":
        return backgrounds
    return 1 if condition.kind != "attack" else _passes_of_attack(condition) + JUDGED


def _backgrounds(found: Found, limit: int | None) -> int:
    """Count the backgrounds of a data set; as many as were published where a limit, which is not theirs, hides some."""
    count = sum(found.counts.get(challenge.PART, {}).values())
    return max(count, challenge.BACKGROUNDS) if count == limit else count


def _passes_of_attack(condition: Condition) -> int:
    name, given = condition.name, {**defaults(condition.name), **dict(condition.params)}
    if name == "autoattack":
        return sum(_passes_of_attack(attack_condition(part)) for part in AUTOATTACK)
    if unguided := [int(given[what]) for what in ("queries", "draws") if what in given]:
        return unguided[0] + ("queries" in given)  # and where the search starts
    if "angles" in given:  # each turn of the picture with each shift, across and down
        return int(given["angles"]) * int(given["shifts"]) ** 2
    steps, restarts, *factors = (
        int(given.get(what, 1)) for what in ("steps", "restarts", "binary_search_steps", "classes")
    )
    attempts = math.prod(factors) * restarts * (MOST_TARGETS if name in TRIES_TARGETS else 1)
    slopes = 2 * steps if name == "fab-t" else steps  # a point that proves to be at its goal has another one
    looks = name.startswith("apgd") or restarts > 1  # at where the last step led
    return attempts * (slopes * (1 + BACKWARD) + looks) + (name in TRIES_TARGETS)  # which are chosen first


def seconds_per_image(classifier: Classifier, settings: Settings) -> float:
    """Time a forward pass of at most MOST_TIMED images: the second of two, divided by their number."""
    images = torch.full((min(settings.batch_size, MOST_TIMED), 3, 224, 224), 0.5, device=settings.device)
    with torch.inference_mode():
        classifier(images)
        start = time.perf_counter()
        classifier(images).cpu()  # waits for the device
    return (time.perf_counter() - start) / len(images)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} seconds"
