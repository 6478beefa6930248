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
    in fp32, where they are attacked and compute in less; surrogates compute in fp32 then, too.
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
    """Load the models that a run of `groups` needs. Raises UsageError or RunError as `models.resolve`."""
    reduced = options.precision in REDUCED
    exactly = device, "fp32" if reduced else options.precision, options.compile
    weights, own_weights = Weights(options.checkpoint, options.random_weights), Weights(random=options.random_weights)
    own = {
        spec: resolve(spec, weights, device, options.precision, options.compile)
        for spec in dict.fromkeys(options.model)
    }
    judges = {spec: resolve(spec, weights, *exactly) for spec in own if reduced and attacked(groups)}
    known = {} if options.checkpoint else judges if reduced else own  # a surrogate has the weights of its own name
    others = {
        spec: known.get(spec) or resolve(spec, own_weights, *exactly) for spec in dict.fromkeys(options.surrogate)
    }
    check_gradients([*others.values()] or [*own.values()], groups)
    return Lineup(tuple(own.values()), others, {spec: model.classifier for spec, model in judges.items()})
