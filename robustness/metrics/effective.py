"""Effective robustness: accuracy on a natural shift beyond what accuracy on ImageNet leads to expect.

Taori et al. 2020, arXiv:2007.00644: rho(f) = acc_shift(f) - beta(acc_imagenet(f)), where beta is a line through the
accuracies of standard models on logit scale. Relative robustness, acc_shift(f') - acc_shift(f) for a model f' made from
f, is the difference in top-1 that a comparison of the two shows.

`testbed_top1.csv` holds top-1 in per cent of the 78 models that the paper draws its lines through, from the results of
modestyachts/imagenet-testbed: those that its plotting/model_types.py calls standard (no more data, no adversarial
training, no other intervention for robustness), less those named subsample, batch64 and aws, as its plots leave them
out. ImageNet-A was selected to fool ResNet-50; as in the paper, ResNet-50 is left out there, and models below and above
its accuracy have a line each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import hypot

import pandas as pd
from scipy.special import expit, logit
from scipy.stats import linregress

from .evaluation import CLEAN, IMAGENET, Evaluation, Row, companion_gap, lacking
from .score import FRACTION, Score, join_notes, unmeasured
from .statistics import wilson

WHOLE = 0.99  # of a set's images must be there: the lines are of whole sets


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift as the testbed measures it.

    shifted, clean: its columns. size, clean_size: images of the sets. restricted: whether outputs are restricted to the
    set's classes where that is not the set's own scoring. pivot: clean accuracy (fraction) of the one model left out,
    on either side of which there is a line. note: what sets the testbed's images apart.
    """

    shifted: str
    clean: str
    size: int
    clean_size: int = 50_000
    restricted: bool = False
    pivot: float | None = None
    note: str = ""


SHIFTS = {
    ("imagenet-a", CLEAN): Shift("imagenet-a", "val-on-imagenet-a-classes", 7_500, 10_000, pivot=0.9186),
    ("imagenet-r", CLEAN): Shift("imagenet-r", "val-on-imagenet-r-classes", 30_000, 10_000),
    ("imagenet-sketch", CLEAN): Shift("imagenet-sketch", "val", 50_000),
    ("objectnet", CLEAN): Shift("objectnet-1.0-beta", "val-on-objectnet-classes", 18_574, 6_250, restricted=True),
    ("stylized-imagenet", CLEAN): Shift(
        "stylized_imagenet", "val", 50_000, note="the line is of the testbed's copy of the images, and copies differ"
    ),
} | {
    ("imagenet-v2", name): Shift(f"imagenetv2-{name}-format-val", "val", 10_000)
    for name in ("matched-frequency", "threshold-0.7", "top-images")
}
SUITES = tuple(dict.fromkeys(suite for suite, _ in SHIFTS))


@dataclass(frozen=True, slots=True)
class Line:
    """A line through `models` standard models on logit scale.

    floor: the clean accuracy (fraction) from which on it holds: that of the weakest of them, or the pivot. spread:
    standard deviation of their accuracies (fraction) around the line.
    """

    intercept: float
    slope: float
    floor: float
    spread: float
    models: int

    def expected(self, clean: float) -> float:
        """Accuracy on the shift that clean accuracy leads to expect; both are fractions."""
        return float(expit(self.intercept + self.slope * logit(clean)))


def standard_models(shift: Shift, clean: float) -> pd.DataFrame:
    """Clean and shifted accuracy (fractions, columns `clean` and `shifted`) of the models around `clean` (fraction)."""
    table = _testbed()[[shift.clean, shift.shifted]].set_axis(["clean", "shifted"], axis=1).dropna() / 100
    if shift.pivot is None:
        return table
    return table[table["clean"] > shift.pivot] if clean > shift.pivot else table[table["clean"] < shift.pivot]


@cache
def line(shift: Shift, *, above: bool = False) -> Line:
    """Fit by least squares on logit scale, as the paper does; above: the pivot, where there is one."""
    table = standard_models(shift, 1.0 if above else 0.0)
    fit = linregress(logit(table["clean"]), logit(table["shifted"]))
    residuals = table["shifted"] - expit(fit.intercept + fit.slope * logit(table["clean"]))
    floor = shift.pivot if shift.pivot is not None and above else float(table["clean"].min())
    return Line(float(fit.intercept), float(fit.slope), floor, float(residuals.std(ddof=2)), len(table))


def effective_robustness(evaluation: Evaluation) -> Iterator[Row]:
    """Yield `effective_robustness`, a fraction, of each condition that the testbed measures.

    None without accuracy on ImageNet (of the same classes where the paper restricts them), for parts of the sets, and
    below the accuracies that the line was drawn through.
    """
    for (suite, condition), shift in SHIFTS.items():
        shifted = evaluation.records[evaluation.records["condition"] == condition]
        if suite == evaluation.suite and not shifted.empty:
            yield Row(condition, None, "effective_robustness", _score(evaluation, shift, shifted))


def _score(evaluation: Evaluation, shift: Shift, shifted: pd.DataFrame) -> Score:
    column = "correct_restricted" if shift.restricted else "correct"
    clean, missing = evaluation.companion, companion_gap(evaluation)
    if shift.clean == "val":
        clean = evaluation.clean[evaluation.clean["dataset"] == IMAGENET]
        missing = "" if len(clean) else f"the model has no clean records of suite {IMAGENET} on data set {IMAGENET}"
    for name, found, size in ((evaluation.suite, shifted, shift.size), (IMAGENET, clean, shift.clean_size)):
        if not missing and len(found) < WHOLE * size:
            missing = f"{len(found)} of the {size} images of {name}: the line is of the whole set"
    if missing := missing or lacking(shifted, column):
        return unmeasured(missing, FRACTION)
    return beyond(
        line(shift, above=shift.pivot is not None and clean["correct"].mean() > shift.pivot),
        wilson(int(clean["correct"].sum()), len(clean)),
        wilson(int(shifted[column].sum()), len(shifted)),
        shift.note,
    )


def beyond(line: Line, clean: Score, shifted: Score, note: str = "") -> Score:
    """How far `shifted` lies beyond what `line` expects of `clean`; both are measured rates of different images.

    The interval joins those of the two rates (square-and-add, as Newcombe's for a difference of rates); what the line
    itself is unsure of is not in it. None below the models that the line was drawn through.
    """
    if None in (bounds := (clean.value, clean.low, clean.high, shifted.value, shifted.low, shifted.high)):
        return unmeasured("an accuracy is not measured", FRACTION)
    x, x_low, x_high, y, y_low, y_high = (float(bound or 0.0) for bound in bounds)
    if x < line.floor:
        reason = f"accuracy {x:.1%} on ImageNet is below {line.floor:.1%}, where the line begins"
        return unmeasured(reason, FRACTION)
    expected, least, most = map(line.expected, (x, x_low, x_high))
    about = (
        f"beyond a line through {line.models} standard models, which scatter by {100 * line.spread:.1f} points around "
        "it; the line's own uncertainty is not in the interval"
    )
    return Score(
        y - expected,
        y - expected - hypot(y - y_low, most - expected),
        y - expected + hypot(y_high - y, expected - least),
        shifted.n,
        FRACTION,
        join_notes(about, note),
    )


@cache
def _testbed() -> pd.DataFrame:
    with (files(__package__) / "testbed_top1.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, index_col="model")
