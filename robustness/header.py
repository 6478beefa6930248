"""What a run says of itself: `run.json`, and the notes that stand at the top of every report."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch

from .evaluation import Settings
from .lineup import Lineup
from .models import Model
from .options import Options
from .plan import Found, Group
from .suites import SUITES

VERSION = "0.2.0"
LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pandas", "pyarrow", "pillow", "simplejpeg", "scipy")


def header(
    command: str,
    models: Lineup,
    groups: Sequence[Group],
    found: Mapping[str, Found],
    options: Options,
    environment: Mapping[str, Any],
    absent: Sequence[str],
) -> dict[str, Any]:
    """Gather the header of a run that is about to start.

    found: the data sets, by the name that groups use. absent: what the notes begin with. "identity" is all that a
    number depends on: runs with the same identity have the same records.
    """
    surrogates = [*models.surrogates.values()]
    general = notes([*models.evaluated, *surrogates], found, groups, options)
    by_suite: dict[str, dict[str, None]] = {}
    for group in groups:
        own = (group.note, *absent, *general, found[group.dataset].note)
        by_suite.setdefault(group.suite, {}).update(dict.fromkeys(filter(None, own)))
    conditions: dict[str, list[str]] = {}
    for group in groups:
        conditions.setdefault(group.suite, []).extend(condition.key for condition in group.conditions)
    records = dict.fromkeys(conditions, 0)
    for group in groups:
        records[group.suite] += len(models.evaluated) * group.size(found) * len(group.conditions)
    return {
        "command": command,
        "version": VERSION,
        "start": now(),
        "end": None,
        "records_expected": sum(records.values()),
        "suite_records": records,
        "notes": [*absent, *(data.note for data in found.values() if data.note), *general],
        "suite_notes": {suite: " ".join(own) for suite, own in by_suite.items()},
        "suite_sources": {suite: SUITES[suite].source for suite in conditions},
        "identity": {
            "version": VERSION,
            "seed": options.seed,
            "limit": options.limit,
            "precision": options.precision,
            "decoder": options.decode,
            "views": {group.suite: group.view for group in groups},
            "jpeg": any(group.jpeg_quality for group in groups),
            "models": [_described(model) for model in models.evaluated],
            "surrogates": [_described(model) for model in surrogates],
            "data": [dict(data.identity) for data in found.values()],
            "suites": list(conditions),
            "conditions": conditions,
        },
        "environment": dict(environment),
    }


def _described(model: Model) -> dict[str, Any]:
    return asdict(model.provenance) | {"preprocessing": asdict(model.preprocessing)}


def environment(
    settings: Settings, workers: int, processes: int, compiled: bool, found: Mapping[str, Found]
) -> dict[str, Any]:
    """Describe what the run computes on and where its data lies, by name; none of it may change a verdict."""
    cuda = settings.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(settings.device) if cuda else f"cpu, {torch.get_num_threads()} threads",
        "batch_size": settings.batch_size,
        "workers": workers,
        "processes": processes,
        "compiled": compiled,
        "generators": "torch CPU (Mersenne Twister), one a sample and condition",
        "platform": platform.platform(),
        "paths": {data.identity["dataset"]: data.path for data in found.values()},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    }


def notes(models: Sequence[Model], found: Mapping[str, Found], groups: Sequence[Group], options: Options) -> list[str]:
    """Say what keeps the figures from being compared with others'."""
    untrained = [model.provenance.spec for model in models if model.provenance.random_weights]
    partial = [model.provenance for model in models if model.provenance.unanswered]
    counts = " and ".join(str(data.identity["count"]) for data in found.values())
    in_memory = any("In memory" in group.note for group in groups)
    return [
        *([f"RANDOM WEIGHTS: {', '.join(untrained)} {_untrained(len(untrained))} mean nothing."] if untrained else []),
        *(
            f"{m.spec} knows {1000 - len(m.unanswered)} of the 1000 classes, the others count as wrong."
            for m in partial
        ),
        *([f"This is a sample of {counts} images: not comparable with published numbers."] if options.sample else []),
        *([f"Limited to {counts} images: not comparable with published numbers."] if options.limit else []),
        *(["Corruptions in memory, without JPEG: not comparable with the published archives."] if in_memory else []),
    ]


def _untrained(count: int) -> str:
    return "is not trained, its figures" if count == 1 else "are not trained, their figures"


def now() -> str:
    """Return the time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
