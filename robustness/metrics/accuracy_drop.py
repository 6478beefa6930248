"""How much accuracy a natural shift costs: on ImageNet's validation images of the same classes, minus on the set.

ImageNet-R's own figure (Delta = acc_200 - acc_R; Hendrycks et al. 2021, arXiv:2006.16241), here for ImageNet-A too.
Both accuracies restrict the outputs to the benchmark's classes.
"""

from collections.abc import Iterator

import pandas as pd

from .evaluation import CLEAN, Evaluation, Row, companion_gap
from .score import FRACTION, unmeasured
from .statistics import rate_difference


def accuracy_drop(evaluation: Evaluation) -> Iterator[Row]:
    """Yield `accuracy_drop` of the clean images; None without the records of ImageNet's images of the same classes."""
    shifted, imagenet = evaluation.records[evaluation.records["condition"] == CLEAN], evaluation.companion
    if shifted.empty:
        return
    if reason := companion_gap(evaluation):
        yield Row(CLEAN, None, "accuracy_drop", unmeasured(reason, FRACTION))
        return
    before, after = ((int(frame["correct"].sum()), len(frame)) for frame in (imagenet, shifted))
    yield Row(CLEAN, None, "accuracy_drop", rate_difference(before, after, _classes_note(imagenet, shifted)))


def _classes_note(imagenet: pd.DataFrame, shifted: pd.DataFrame) -> str:
    """Say when the two hold different classes, as they may when the number of samples is limited."""
    one, other = (set(frame["label"].dropna()) for frame in (imagenet, shifted))
    return f"{len(one ^ other)} of {len(one | other)} classes have images on one side only" if one != other else ""
