"""Corruption errors: how often a classifier errs on corrupted images, plainly and in per cent of AlexNet's errors.

Hendrycks and Dietterich 2019, arXiv:1903.12261, section 4. With E_s the top-1 error at severity s and A_s AlexNet's:

    CE            100 * sum_s E_s / sum_s A_s
    relative CE   100 * mean_s (E_s - E_clean) / mean_s (A_s - A_clean); below 0 for who errs less than when clean
    mean error    mean_s E_s, not normalised: what the authors' own test.py prints
    instability   rate of images that are right at some severities and wrong at others

mCE and relative mCE are means over the 15 standard corruptions, and group figures over those of noise, blur, weather
or digital; they belong to suite `imagenet-c` alone. All errors are linear in per-image errors: one bootstrap over
images, of which all conditions are drawn together, serves them all, and mCE is exactly the mean of the CEs shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .alexnet import CLEAN_ERROR, EXTRA, GROUPS, SEVERITIES, STANDARD, SUMMED_ERRORS
from .error_counts import ErrorCounts, count_errors
from .evaluation import CLEAN, Evaluation, Row
from .score import FRACTION, PERCENT_OF_ALEXNET, Score, join_notes, unmeasured
from .statistics import bootstrap_means, bootstrap_score, mean_score, wilson

STANDARD_SUITE = "imagenet-c"
MEMBERS = {STANDARD_SUITE: STANDARD, "imagenet-c-extra": EXTRA}
OVERALL = {"ce": "mce", "relative_ce": "relative_mce", "mean_error": "mean_error"}


def mean_error(summed: pd.DataFrame) -> pd.DataFrame:
    """Mean top-1 error of each corruption over the severities, a fraction, not normalised. summed: as for `ce`."""
    return summed / len(SEVERITIES)


def ce(summed: pd.DataFrame, alexnet: Mapping[str, float] = SUMMED_ERRORS) -> pd.DataFrame:
    """CE of each corruption in per cent of AlexNet: 0 without errors, 100 with as many as AlexNet.

    summed: top-1 error (fraction) summed over severities 1-5; a column for each corruption and any rows, e.g. one a
    resample. alexnet: the same of AlexNet; the published table, or the table that another benchmark goes by. Raises
    KeyError for a corruption that it does not have.
    """
    return 100 * (summed / [alexnet[name] for name in summed.columns])


def relative_ce(summed: pd.DataFrame, clean: "pd.Series[float]") -> pd.DataFrame:
    """Relative CE of each corruption in per cent of AlexNet: below 0 for who errs less than when clean.

    summed: as for `ce`. clean: top-1 error (fraction) on the clean images, one a row of `summed`.
    """
    alexnet = np.array([SUMMED_ERRORS[name] for name in summed.columns]) / len(SEVERITIES)
    return 100 * (mean_error(summed).sub(clean, axis=0) / (alexnet - CLEAN_ERROR))


@dataclass(frozen=True, slots=True)
class _Measured:
    """One kind of corruption error.

    figures: float64 [1 + resamples, corruptions], the data's own in row 0. gaps: corruption → why it has no column.
    n, note: the images, and what to know of them.
    """

    metric: str
    unit: str
    figures: pd.DataFrame
    gaps: dict[str, str]
    n: int
    note: str

    def __contains__(self, corruption: str) -> bool:
        return corruption in self.figures or corruption in self.gaps

    def score(self, corruptions: Sequence[str], note: str = "") -> Score:
        """Score the mean over `corruptions`; None when one of them is missing."""
        reasons = {name: self.gaps[name] for name in corruptions if name in self.gaps}
        if reasons:
            return unmeasured(_join_reasons(reasons, corruptions), self.unit)
        mean = self.figures[list(corruptions)].mean(axis=1).to_numpy()
        return bootstrap_score(float(mean[0]), mean[1:], self.n, self.unit, join_notes(note, self.note))


def corruption_errors(evaluation: Evaluation) -> Iterator[Row]:
    """Yield the figures of each corruption over its severities, then those over all corruptions as condition `all`.

    Between them, of ImageNet-C: `group_ce`, `group_relative_ce` and `group_mean_error` of the four groups. Suites whose
    images AlexNet has no figures for, as ImageNet-C-bar and ImageNet-3DCC, get none in its per cent. Rows without a
    severity belong to no corruption.
    """
    columns = ["condition", "severity", "sample_id", "correct"]
    records = evaluation.records.loc[evaluation.records["severity"].notna(), columns]
    if records.empty:
        return
    expected = MEMBERS.get(evaluation.suite)
    counted = count_errors(records, expected or ())
    measures = list(_measure(evaluation, counted))
    for corruption in counted.corruptions:
        for measure in measures:
            if corruption in measure:
                yield Row(corruption, None, measure.metric, measure.score([corruption]))
    for corruption in counted.corruptions:
        yield Row(corruption, None, "corruption_instability", instability(counted, [corruption]))
    for group, names in GROUPS.items() if evaluation.suite == STANDARD_SUITE else ():
        for measure in measures:
            yield Row(group, None, f"group_{measure.metric}", measure.score(names))
    members = expected or counted.corruptions
    note = "" if expected else f"over the {len(members)} corruptions recorded"
    for measure in measures:
        if measure.unit != PERCENT_OF_ALEXNET or evaluation.suite == STANDARD_SUITE:
            yield Row("all", None, OVERALL[measure.metric], measure.score(members, note))
    yield Row("all", None, "corruption_instability", instability(counted, members, note))


def instability(counted: ErrorCounts, corruptions: Sequence[str], note: str = "") -> Score:
    """Rate of images whose verdict changes with the severity, a fraction; the mean over `corruptions` if several.

    Of one, Wilson's interval; of several, Student's of the images' rates. None when one of them is incomplete.
    """
    reasons = _gaps(counted)
    if missing := {name: reasons[name] for name in corruptions if name in reasons}:
        return unmeasured(_join_reasons(missing, corruptions), FRACTION)
    counts = counted.counts[list(corruptions)]
    unstable = ((counts > 0) & (counts < len(SEVERITIES))).to_numpy()
    note = join_notes(note, counted.note)
    if len(corruptions) == 1:
        return wilson(int(unstable.sum()), len(unstable), note)
    return mean_score(unstable.mean(axis=1), FRACTION, note)


def _gaps(counted: ErrorCounts) -> dict[str, str]:
    """Say why corruptions have no figure; where no image has all of them, none has one."""
    lonely = counted.counts.columns if counted.counts.empty else ()
    return dict.fromkeys(map(str, lonely), "no sample has records under every condition") | counted.gaps


def _measure(evaluation: Evaluation, counted: ErrorCounts) -> Iterator[_Measured]:
    """Yield CE, relative CE and mean error."""
    counts, gaps = counted.counts, _gaps(counted)
    paired, problem, pairing = _pair(counts, evaluation.clean)
    relative = _resample(paired, evaluation)
    plain = relative[counts.columns] if len(paired) == len(counts) else _resample(counts, evaluation)

    alexnet = SUMMED_ERRORS if evaluation.suite in MEMBERS else {}
    known = [name for name in counts.columns if name in alexnet]
    known_gaps = {name: gap for name, gap in gaps.items() if name in alexnet}
    n, note = len(counts), counted.note
    yield _Measured("ce", PERCENT_OF_ALEXNET, ce(plain[known]), known_gaps, n, note)
    clean_gaps = dict.fromkeys(known, problem) if problem else {}
    figures = relative_ce(relative[known], relative[CLEAN])
    note = join_notes(note, pairing)
    yield _Measured("relative_ce", PERCENT_OF_ALEXNET, figures, clean_gaps | known_gaps, len(paired), note)
    yield _Measured("mean_error", FRACTION, mean_error(plain), gaps, n, counted.note)


def _pair(counts: pd.DataFrame, clean: pd.DataFrame) -> tuple[pd.DataFrame, str, str]:
    """Add the clean error of the same images as a last column; returns it with a reason for failure and a note."""
    if clean["dataset"].nunique() > 1:
        nothing = counts.iloc[:0].assign(**{CLEAN: 0.0})
        return nothing, "the model has clean records of suite imagenet on several other data sets", ""
    wrong = 1.0 - clean.set_index("sample_id")["correct"].rename(CLEAN)
    paired = counts.join(wrong, how="inner")
    if clean.empty:
        return paired, "the model has no clean records of suite imagenet", ""
    if paired.empty:
        return paired, "the clean records of suite imagenet are of other samples", ""
    partly = len(paired) < len(counts)
    return paired, "", f"{len(paired)} of {len(counts)} samples have a clean record" if partly else ""


def _resample(values: pd.DataFrame, evaluation: Evaluation) -> pd.DataFrame:
    """Means over images [1 + resamples, columns]: of the data itself in row 0; no rows without images."""
    if values.empty:
        return values
    array = values.to_numpy(dtype=np.float64)
    resampled = bootstrap_means(array, evaluation.resamples, seed=evaluation.seed)
    return pd.DataFrame(np.vstack([array.mean(axis=0), resampled]), columns=values.columns)


def _join_reasons(reasons: dict[str, str], corruptions: Sequence[str]) -> str:
    """Name what is missing: corruptions with the same reason together, and no names when it is the same for all."""
    names: dict[str, list[str]] = {}
    for corruption, reason in reasons.items():
        names.setdefault(reason, []).append(corruption)
    if names == {next(iter(names)): list(corruptions)}:
        return next(iter(names))
    return "; ".join(f"{', '.join(group)}: {reason}" for reason, group in names.items())
