"""Requests that cannot be met, told before anything is loaded or computed."""

from collections.abc import Collection, Sequence
from pathlib import Path

from .attacks import GRADIENT_FREE
from .errors import UsageError
from .models import Model
from .options import Options
from .plan import Group
from .shards import World

WEIGHTS = (".pth", ".pt", ".safetensors", ".ckpt", ".bin")


def check_options(options: Options, formats: Collection[str], world: World) -> None:
    """Raise UsageError for flags that contradict each other or ask for what there is not. formats: of reports."""
    check_reports(options, formats)
    if not options.model:
        raise UsageError("--model is missing; --list-models shows what there is, no flags at all run the demo")
    if not (options.suite or options.attack):
        raise UsageError("--suite or --attack is missing; --list-suites and --list-attacks show what there is")
    for spec in options.model:
        if spec.endswith(WEIGHTS):
            raise UsageError(
                f"--model {spec} is a file of weights; give it with --checkpoint, and --model the network's name"
            )
        if spec.endswith(".py"):
            raise UsageError(f"--model {spec} names no function; write {spec}:FUNCTION, which returns the network")
    for spec in options.surrogate:
        if "," in spec:
            raise UsageError(
                f"--surrogate {spec} has a comma, which stands between parameters in names; rename the file"
            )
        if options.checkpoint and ":" in spec and spec in options.model:
            raise UsageError(
                f"--surrogate {spec} is what --checkpoint is loaded into, and has no trained weights of its own; leave "
                "--surrogate out to attack the model itself"
            )
    if options.checkpoint and len(options.model) != 1:
        raise UsageError("--checkpoint needs exactly one --model")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit} is not at least 1")
    if options.repair and world.size > 1:
        raise UsageError("--repair would put aside what the other processes write; use it with one process, then go on")
    if options.sample and options.data:
        raise UsageError("--sample and --data exclude each other")
    if options.name is not None and (Path(options.name).name != options.name or options.name.startswith(".")):
        raise UsageError(f"--name {options.name!r} is not a plain folder name; --out says where runs are kept")


def check_reports(options: Options, formats: Collection[str]) -> None:
    """Raise UsageError for reports that there are not, and for a number of accepted failures that makes no sense."""
    if options.max_failures < 0:
        raise UsageError(f"--max-failures {options.max_failures} is below 0")
    if unknown := set(options.formats) - set(formats):
        raise UsageError(f"unknown format {', '.join(sorted(unknown))}; known: {', '.join(formats)}")


def check_gradients(models: Sequence[Model], groups: Sequence[Group]) -> None:
    """Raise UsageError when a model without gradients is to be attacked."""
    attacks = [
        condition.name
        for group in groups
        for condition in group.conditions
        if condition.kind == "attack" and condition.name not in GRADIENT_FREE
    ]
    blind = [model.provenance.spec for model in models if not model.differentiable]
    if attacks and blind:
        raise UsageError(
            f"{', '.join(dict.fromkeys(attacks))} needs gradients, and {', '.join(blind)} gives none; "
            f"attack the network it was made from, or with one that needs none: {', '.join(sorted(GRADIENT_FREE))}"
        )
