"""From options to a run that is ready to start: what was asked for and, once the data is found, what is to be done."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import computing, header, shards
from .attack_flags import attack_conditions
from .checks import check_options
from .condition import Condition
from .evaluation import Settings
from .lineup import Lineup, lineup
from .models import BUNDLED
from .options import Options
from .plan import Found, Group, asked_suites, plan


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, as far as it can be checked without data and models.

    suites: each once. attacks: by the suite that they belong to. world: the processes that share the work.
    """

    options: Options
    suites: tuple[str, ...]
    attacks: Mapping[str, tuple[Condition, ...]]
    settings: Settings
    workers: int
    world: shards.World


def request(options: Options, formats: Collection[str], environ: Mapping[str, str]) -> Request:
    """Read what they ask for, the demo if nothing. formats: of reports. Raises UsageError for what makes no sense."""
    options = _demo(options) if options.chooses_nothing else options
    world = shards.world(environ)
    check_options(options, formats, world)
    suites = asked_suites(options.suite)
    attacks = attack_conditions(options.suite, options.attack, options.attack_flags)
    return Request(options, suites, attacks, computing.settings(options, world), computing.workers(options), world)


def _demo(options: Options) -> Options:
    """Ask for the bundled model on the bundled photographs, corrupted and attacked: in linf, as the radius is meant."""
    suite, attack = ("imagenet-c",), ("fgsm", "pgd")
    eps = options.eps or (("1/255",) if options.norm in (None, "linf") else ())
    return replace(options, model=(BUNDLED,), sample=True, suite=suite, attack=attack, eps=eps)


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is ready to start. found: its data sets, by the name that groups use."""

    options: Options
    settings: Settings
    world: shards.World
    groups: tuple[Group, ...]
    lineup: Lineup
    found: Mapping[str, Found]
    header: dict[str, Any]


def prepare(asked: Request, found: Mapping[str, Found], absent: Sequence[str], command: str) -> Job:
    """Plan the work on the data that was found, and load the models. Raises UsageError or RunError.

    absent: what the notes begin with. command: how to do it again, for the reports.
    """
    options, own_views = asked.options, asked.options.preprocessing == "model"
    groups = plan(asked.suites, asked.attacks, found, jpeg=options.jpeg, own_views=own_views)
    models = lineup(options, asked.settings.device, groups)
    environment = header.environment(asked.settings, asked.workers, asked.world.size, options.compile, found)
    described = header.header(command, models, groups, found, options, environment, absent)
    return Job(options, asked.settings, asked.world, groups, models, found, described)
