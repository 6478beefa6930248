"""Small tables behind the figures: enough to draw a report again without the records.

reliability   accuracy against confidence, in bins
classes       accuracy of each class, clean and under shift
shape_bias    of each category of cue conflicts
testbed       clean and shifted accuracy: standard models, the line through them, and the models measured

Rates are fractions, with 95 % intervals in `low` and `high`, NA where there is none.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from .background import CHALLENGE
from .class_changes import class_changes
from .effective import SHIFTS, Shift, line, standard_models
from .evaluation import CLEAN, EVALUATION, IMAGENET, is_attacked
from .folding import typed
from .probability import equal_width
from .score import Score
from .shape_bias import decisions
from .statistics import wilson

OVERALL = "all"  # the condition of what is pooled over corruptions
RELIABILITY = [*EVALUATION, "condition", "severity", "bin", "confidence", "accuracy", "low", "high", "n"]
SHAPE_BIAS = [*EVALUATION, "label", "name", "shape_bias", "low", "high", "n", "cue_accuracy"]
TESTBED = ["suite", "condition", "kind", "model", "clean", "clean_low", "clean_high", "shifted", "low", "high", "n"]
_COLUMNS = ("label", "pred", "texture", "confidence", "correct_restricted")
_STEPS = 40  # of a drawn line

Names = Mapping[str, Mapping[int, str]]  # data set → label → what the class is called


def details(records: pd.DataFrame, names: Names) -> dict[str, pd.DataFrame]:
    """Make the tables, by name; those that would have no rows are left out.

    records: as for `fold`. Raises ValueError as `fold` does.
    """
    known = typed(records, _COLUMNS)
    known = known[known["correct"].notna()].astype({"correct": "bool"})
    plain = known[~is_attacked(known) & (known["condition"] != CHALLENGE)]
    tables = {
        "reliability": reliability(plain),
        "classes": class_changes(plain, names),
        "shape_bias": shape_bias(plain, names),
        "testbed": testbed(plain),
    }
    return {name: table for name, table in tables.items() if len(table)}


def reliability(plain: pd.DataFrame) -> pd.DataFrame:
    """Mean confidence and accuracy in 15 bins of equal width, numbered 1-15; empty ones are left out.

    plain: typed records that are not of attacks. What has a severity is pooled over corruptions, as condition `all`;
    its intervals are as of so many images, since the corruptions of one image go together. n: rows in the bin.
    """
    sure = plain[plain["confidence"].notna()]
    severe = sure["severity"].notna()
    keys = {
        **{name: sure[name] for name in EVALUATION},
        "condition": sure["condition"].cat.add_categories(OVERALL).mask(severe, OVERALL),
        "severity": sure["severity"],
        "bin": 1 + equal_width(sure["confidence"].to_numpy(dtype=np.float64)),
    }
    values = {"confidence": sure["confidence"].astype("float64"), "accuracy": sure["correct"].astype("float64")}
    images = {"image": sure["sample_id"].cat.codes}
    groups = pd.DataFrame(keys | values | images).groupby(list(keys), dropna=False, observed=True)
    bins = groups[["confidence", "accuracy"]].mean().assign(n=groups.size(), images=groups["image"].nunique())
    scores = [wilson(round(rate * n), n) for rate, n in zip(bins["accuracy"], bins["images"], strict=True)]
    bins["low"], bins["high"] = ([getattr(score, bound) for score in scores] for bound in ("low", "high"))
    return bins.reset_index().astype(dict.fromkeys((*EVALUATION, "condition"), "str"))[RELIABILITY]


def shape_bias(plain: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Shape bias and cue accuracy of each shape's category; n: decisions for either cue."""
    conflicts = plain[plain["texture"].notna()]
    rows = []
    for (model, suite, dataset, label), own in conflicts.groupby([*EVALUATION, "label"], observed=True):
        bias, cue_accuracy = decisions(own[["label", "texture", "pred"]])
        name = names.get(dataset, {}).get(label, str(label))
        rows.append((model, suite, dataset, label, name, bias.value, bias.low, bias.high, bias.n, cue_accuracy.value))
    return pd.DataFrame(rows, columns=SHAPE_BIAS)


def testbed(plain: pd.DataFrame) -> pd.DataFrame:
    """What effective robustness is told by, of each shift that the testbed and the records have.

    `kind` is "standard" (a model of the testbed), "line" (a point of the line through those) or "measured" (a model of
    the records, with the bounds of both its rates and the n of the shifted one).
    """
    rows = []
    for (suite, condition), shift in SHIFTS.items():
        if measured := list(_measured(plain, suite, condition, shift)):
            known = [*_standard(shift), *_line(shift), *measured]
            rows += [(suite, condition, *row) for row in known]
    return pd.DataFrame(rows, columns=TESTBED)


def _standard(shift: Shift) -> Iterator[Sequence[object]]:
    sides = (0.0,) if shift.pivot is None else (0.0, 1.0)
    for name, clean, shifted in (row for side in sides for row in standard_models(shift, side).itertuples()):
        yield "standard", name, clean, None, None, shifted, None, None, None


def _line(shift: Shift) -> Iterator[Sequence[object]]:
    """Yield points from the weakest to the strongest standard model; a line that breaks at a pivot has two parts."""
    for above in (False,) if shift.pivot is None else (False, True):
        fitted, models = line(shift, above=above), standard_models(shift, 1.0 if above else 0.0)
        for clean in np.linspace(models["clean"].min(), models["clean"].max(), _STEPS):
            yield "line", "above" if above else "", clean, None, None, fitted.expected(clean), None, None, None


def _measured(plain: pd.DataFrame, suite: str, condition: str, shift: Shift) -> Iterator[Sequence[object]]:
    column = "correct_restricted" if shift.restricted else "correct"
    own = plain[(plain["suite"] == suite) & (plain["condition"] == condition) & (plain["dataset"] == suite)]
    clean_suite = IMAGENET if shift.clean == "val" else suite
    clean = plain[(plain["suite"] == clean_suite) & (plain["dataset"] == IMAGENET) & (plain["condition"] == CLEAN)]
    for model, shifted in own.groupby("model", observed=True):
        x, y = _rate(clean.loc[clean["model"] == model, "correct"]), _rate(shifted[column].dropna())
        if x.value is not None and y.value is not None:
            yield "measured", model, x.value, x.low, x.high, y.value, y.low, y.high, y.n


def _rate(correct: "pd.Series[bool]") -> Score:
    return wilson(int(correct.sum()), len(correct))
