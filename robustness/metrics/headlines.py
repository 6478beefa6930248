"""The headline figures of each suite, image by image: what models are compared by.

    top1                  conditions without a severity, by the benchmark's own scoring: of ImageNet-A and -R among
                          their classes
    challenge_accuracy    foregrounds that no background flips
    robust_accuracy       each attack (one that seeks the nearest image, at each radius) and each worst case
    mce, mean_error       over all corruptions of a suite; mCE of ImageNet-C alone
    shape_bias, bg_gap    cue conflicts; ImageNet-9

Figures that models share for the sake of another, such as the accuracy on ImageNet's images of a set's classes, are not
compared; nor are single corruptions, which would cost the others their power (see Holm's correction).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

from ..condition import parse
from .background import CHALLENGE, RANDOM, SAME
from .corruption import MEMBERS, STANDARD_SUITE, ce, mean_error
from .error_counts import count_errors
from .evaluation import CLEAN, IMAGENET, condition_order, is_attacked, lacking
from .minimal_norm import RADII, found_within, seeks_nearest
from .score import FRACTION, PERCENT_OF_ALEXNET
from .worst_case import counted, threats, worst_case

# metric → its unit, and 1 if more is better, -1 if less is, 0 if that is not for a number to say
METRICS = {
    "top1": (FRACTION, 1),
    "challenge_accuracy": (FRACTION, 1),
    "robust_accuracy": (FRACTION, 1),
    "mce": (PERCENT_OF_ALEXNET, -1),
    "mean_error": (FRACTION, -1),
    "shape_bias": (FRACTION, 0),
    "bg_gap": (FRACTION, -1),
}
RATES = ("top1", "challenge_accuracy", "robust_accuracy")
OPTIONAL = ("label", "pred", "texture", "linf", "l2", "l1", "correct_8bit", "success_8bit")  # columns of the records

Images: TypeAlias = "pd.Series[float] | str"  # what a model has of a figure
Figure = tuple[str, str, dict[str, Images]]  # condition, metric, what each model has of it
Models = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure of several models.

    images: by model, the values (float64, index `sample_id`) that the figure is the mean of, one an image, NaN for an
    image that does not count; or the reason why the model has no such figure.
    """

    suite: str
    dataset: str
    condition: str
    metric: str
    images: dict[str, Images]


def headlines(records: pd.DataFrame) -> list[Headline]:
    """List the headline figures, suite by suite. records: as `folding.typed` returns them."""
    answered, attacked, severe = records["correct"].notna(), is_attacked(records), records["severity"].notna()
    companion = (records["suite"] != IMAGENET) & (records["dataset"] == IMAGENET) & (records["condition"] == CLEAN)
    kinds = (
        (_plain, answered & ~attacked & ~severe & ~companion),
        (_corrupted, answered & ~attacked & severe),
        (_attacked, answered & attacked),
    )
    found = [
        Headline(str(suite), str(dataset), condition, metric, images)
        for figures, rows in kinds
        for (suite, dataset), own in records[rows].groupby(["suite", "dataset"], observed=True)
        for condition, metric, images in figures(str(suite), _by_model(own))
    ]
    return sorted(found, key=lambda figure: (figure.suite != IMAGENET, figure.suite, figure.dataset))


def _by_model(records: pd.DataFrame) -> Models:
    return {str(model): own.set_index("sample_id") for model, own in records.groupby("model", observed=True)}


def _plain(_suite: str, models: Models) -> Iterator[Figure]:
    """Yield the rate of each condition, and what is told by several conditions or by two cues."""
    rates: dict[str, dict[str, pd.Series[float]]] = {}
    for model, own in models.items():
        for condition, records in own.groupby("condition", observed=True):
            rates.setdefault(str(condition), {})[model] = records["correct"].astype("float64")
    for condition in sorted(rates, key=condition_order):
        yield condition, "challenge_accuracy" if condition == CHALLENGE else "top1", rates[condition]
    if SAME in rates and RANDOM in rates:
        both = [model for model in models if model in rates[SAME] and model in rates[RANDOM]]
        yield "all", "bg_gap", {model: (rates[SAME][model] - rates[RANDOM][model]).dropna() for model in both}
    cues = {model: shape for model, own in models.items() if len(shape := _shape_decided(own))}
    if cues:
        yield CLEAN, "shape_bias", cues


def _shape_decided(records: pd.DataFrame) -> "pd.Series[float]":
    """Whether a conflict of cues was decided for the shape (1) or the texture (0); NaN for neither."""
    conflicts = records[(records["label"] != records["texture"]).fillna(False)]
    shape, texture = (conflicts["pred"] == conflicts[cue] for cue in ("label", "texture"))
    return shape.astype("float64").where(shape | texture)


def _corrupted(suite: str, models: Models) -> Iterator[Figure]:
    """Yield the mean over corruptions, of the images that a model has under all of them."""
    recorded = {str(name) for own in models.values() for name in own["condition"].unique()}
    members = MEMBERS.get(suite) or tuple(sorted(recorded, key=condition_order))
    errors = {model: _errors(own, members) for model, own in models.items()}
    if suite == STANDARD_SUITE:
        yield "all", "mce", {m: e if isinstance(e, str) else ce(e).mean(axis=1) for m, e in errors.items()}
    yield "all", "mean_error", {m: e if isinstance(e, str) else mean_error(e).mean(axis=1) for m, e in errors.items()}


def _errors(records: pd.DataFrame, members: tuple[str, ...]) -> "pd.DataFrame | str":
    """Count the errors of each image and corruption over the severities, or say what is missing."""
    counted = count_errors(records.reset_index().astype({"correct": "bool"}), members)
    if counted.gaps:
        return "; ".join(f"{name}: {gap}" for name, gap in sorted(counted.gaps.items()))
    return counted.counts[list(members)]


def _attacked(_suite: str, models: Models) -> Iterator[Figure]:
    """Yield who survives each attack, and each worst case of them."""
    names = {str(name) for own in models.values() for name in own["condition"].unique()}
    attacks = sorted(names, key=condition_order)
    for attack in attacks:
        found = {m: own[own["condition"] == attack] for m, own in models.items() if attack in set(own["condition"])}
        if not seeks_nearest(attack):
            yield attack, "robust_accuracy", {model: _robust(records) for model, records in found.items()}
            continue
        norm = parse(attack)[1]["norm"]
        for radius in RADII[norm]:
            near = {m: lacking(own, norm) or _robust(found_within(own, norm, radius)) for m, own in found.items()}
            yield f"{attack} within {radius}", "robust_accuracy", near
    for name, threat in threats(attacks).items():
        if len(threat) > 1:
            eps = parse(name)[1]["eps"]
            yield name, "robust_accuracy", {model: _worst(own, threat, eps) for model, own in models.items()}


def _worst(records: pd.DataFrame, threat: list[str], eps: str) -> Images:
    if missing := set(threat) - set(records["condition"]):
        return f"no records of {', '.join(sorted(missing))}"
    return _robust(worst_case([counted(records, attack, eps) for attack in threat])[0])


def _robust(records: pd.DataFrame) -> Images:
    """Whether each image is right when clean and under attack, as `rates.robust_accuracy` counts it."""
    if reason := lacking(records, "clean_correct") or lacking(records, "correct"):
        return reason
    return (records["clean_correct"] & records["correct"]).astype("float64")
