"""Which images the figures of several runs are of: those of other images are another measurement.

What tells them apart is the data set's hash; of corruptions made on the fly, whether a JPEG round trip follows; of
attacks that are made on other models, the weights of these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .attack_names import WORST, parse
from .differing import Runs
from .results import Results

MADE_ON = " made on "  # in a label, before a model that an attack was made on
_AS_JPEG = ("imagenet-c", "imagenet-c-extra", "imagenet-c-bar")  # suites, and data sets where they lie ready


@dataclass(frozen=True)
class Images:
    """The images of `runs`, whose models have names of their own."""

    runs: Runs

    @cached_property
    def differing(self) -> tuple[str, ...]:
        """Say in words of what the runs have different images."""
        found: dict[str, set[str]] = {}
        for run, results in self.runs.items():
            kinds = results.scores[["suite", "dataset", "condition"]].drop_duplicates()
            for kind in kinds.itertuples(index=False, name=None):
                for what, mark in _marks(run, results, *kind):
                    found.setdefault(what, set()).add(mark)
        return tuple(what for what, marks in found.items() if len(marks) > 1)

    def label(self, model: str, suite: str, dataset: str, condition: str) -> str:
        """Name the images of a figure: by their data set, and by what tells them apart where runs have others.

        Figures of two models are of the same images where the labels are equal.
        """
        run = self._run_of[model]
        marks = _marks(run, self.runs[run], suite, dataset, condition)
        return "".join((dataset, *(mark for what, mark in marks if what in self.differing)))

    @cached_property
    def _run_of(self) -> dict[str, str]:
        return {model: run for run, results in self.runs.items() for model in results.models}


def _marks(run: str, results: Results, suite: str, dataset: str, condition: str) -> Iterator[tuple[str, str]]:
    """Yield in what a figure's images may be different ones, and which this run has, if it says so."""
    identity, data = results.header["identity"], results.data_of(dataset)
    unknown = f" of {run}"
    yield dataset, f" {data['sha256'][:12]}" if data else unknown
    if suite in _AS_JPEG and dataset not in _AS_JPEG:
        jpeg = {True: " with JPEG", False: " without JPEG"}.get(identity.get("jpeg"), unknown)
        yield f"{suite} (with and without JPEG)", jpeg
    weights = {model["spec"]: f" {model['weights_sha256'][:12]}" for model in identity.get("surrogates", ())}
    for spec in _surrogates(results, suite, dataset, condition):
        yield f"attacks made on {spec}", f"{MADE_ON}{spec}{weights.get(spec, unknown)}"


def _surrogates(results: Results, suite: str, dataset: str, condition: str) -> list[str]:
    """Name the models that an attack was made on, or those that bear on a worst case."""
    name, worst = parse(condition)
    if name != WORST:
        return [worst["surrogate"]] if "surrogate" in worst else []
    scores = results.scores[results.scores["metric"] == "attack_success_rate"]
    attacks = scores.loc[(scores["suite"] == suite) & (scores["dataset"] == dataset), "condition"]
    found = [params for _, params in map(parse, attacks.unique()) if "surrogate" in params and "targeted" not in params]
    bears = [
        own for own in found if own.get("norm") == worst.get("norm") and own.get("eps") in (None, worst.get("eps"))
    ]
    return list(dict.fromkeys(own["surrogate"] for own in bears))
