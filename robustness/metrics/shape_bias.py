"""Whether a classifier goes by shape or by texture where the two disagree.

Geirhos et al. 2019, arXiv:1811.12231, and rgeirhos/texture-vs-shape: shape bias = decisions for the shape's class / all
decisions for the shape's or the texture's class, over the images whose shape and texture are of different classes.
"""

from collections.abc import Iterator

import pandas as pd

from .evaluation import Evaluation, Row, cells, lacking
from .score import FRACTION, Score, unmeasured
from .statistics import wilson


def shape_bias(evaluation: Evaluation) -> Iterator[Row]:
    """Yield `shape_bias`, and `cue_accuracy`: how many conflicts are decided for one of the two cues at all."""
    for condition, severity, records in cells(evaluation.records, ["label", "texture", "pred"]):
        bias, cue_accuracy = decisions(records)
        yield Row(condition, severity, "shape_bias", bias)
        yield Row(condition, severity, "cue_accuracy", cue_accuracy)


def decisions(records: pd.DataFrame) -> tuple[Score, Score]:
    """Shape bias, over the decisions for either cue, and cue accuracy, over the conflicts; fractions in [0, 1].

    Both are rates, and have Wilson's intervals: of the decisions for either cue, that of a bootstrap over the conflicts
    differs in the third digit with 1,200 of them, and has no width where all decisions agree.

    records: `label` (the shape's class), `texture` and `pred`, classes of one numbering. Both are None when a row lacks
    one of them or no image has conflicting cues; shape bias also when no conflict was decided for either cue.
    """
    if reasons := [reason for column in records if (reason := lacking(records, str(column)))]:
        return unmeasured(reasons[0], FRACTION), unmeasured(reasons[0], FRACTION)
    conflicts = records[records["label"] != records["texture"]]
    n = len(conflicts)
    if n == 0:
        reason = f"shape and texture are of the same class in all {len(records)} images"
        return unmeasured(reason, FRACTION), unmeasured(reason, FRACTION)
    shape = int((conflicts["pred"] == conflicts["label"]).sum())
    texture = int((conflicts["pred"] == conflicts["texture"]).sum())
    undecided = "" if shape + texture else f"none of {n} conflicts was decided for the shape or the texture"
    return wilson(shape, shape + texture, undecided), wilson(shape + texture, n)
