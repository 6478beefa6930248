"""Which networks play which part in a run: those under test, those that attacks are made on, those that judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from .acceleration import REDUCED
from .attack_audit import attacked
from .checks import check_gradients
from .classifier import Classifier
from .evaluation import Subject
from .interrupts import Stop
from .models import Model, Weights, resolve
from .options import Options
from .plan import Group


@dataclass(frozen=True, slots=True)
class Lineup:
    """The models of a run.

    evaluated: those under test. surrogates: what attacks are made on, by spec. judges: by spec, the models under test
    in fp32, where they are attacked and compute in less.
    """

    evaluated: tuple[Model, ...]
    surrogates: Mapping[str, Model]
    judges: Mapping[str, Classifier]

    def subjects(self, views: Sequence[Mapping[str, int]], stop: Stop) -> tuple[Subject, ...]:
        """Put the models under test. views: of each, as `Subject` has them. They begin no batch once asked to stop."""
        judges = {spec: stop.between_batches(judge) for spec, judge in self.judges.items()}
        return tuple(
            Subject(
                model.provenance.name, stop.between_batches(model.classifier), own, judges.get(model.provenance.spec)
            )
            for model, own in zip(self.evaluated, views, strict=True)
        )


def lineup(options: Options, device: torch.device, groups: Sequence[Group]) -> Lineup:
    """Load the models that a run of `groups` needs, each once. Raises UsageError or RunError as `models.resolve`."""
    how = device, options.precision, options.compile
    weights, own_weights = Weights(options.checkpoint, options.random_weights), Weights(random=options.random_weights)
    own = {spec: resolve(spec, weights, *how) for spec in dict.fromkeys(options.model)}
    others = {spec: own.get(spec) or resolve(spec, own_weights, *how) for spec in dict.fromkeys(options.surrogate)}
    check_gradients([*others.values()] or [*own.values()], groups)
    judged = own if options.precision in REDUCED and attacked(groups) else ()
    judges = {spec: resolve(spec, weights, device, "fp32").classifier for spec in judged}
    return Lineup(tuple(own.values()), others, judges)
