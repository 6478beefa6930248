"""Models set side by side on the same images: how far they differ, whether that may be chance, who is ahead.

Both models of a pair see the same images, so what differs is told far more sharply than their own intervals suggest.

    rates     Tango's paired score interval, McNemar's exact test, and the consistency of errors (kappa)
    the rest  a bootstrap over the images that both have; interval and p-value from its standard error with Student's t,
              which covers better than percentiles with few images, and has a p-value however large the difference,
              where counting resamples stops at one in their number

All p-values of a table are corrected together (Holm 1979): that the table claims any difference that is none has a
chance below 5 %. Only what stays below that is called better or worse.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import t as student

from .folding import typed
from .headlines import METRICS, OPTIONAL, RATES, Headline, headlines
from .paired import Counts, error_consistency, holm, mcnemar, paired_difference
from .score import Score, join_notes, unmeasured
from .statistics import CONFIDENCE, Array, bootstrap_means

LEVEL = 1 - CONFIDENCE
_PAIR = ["model", "other"]
_SUBJECT = ["suite", "dataset", "condition", "metric"]
DIFFERENCES = [*_PAIR, *_SUBJECT, "difference", "low", "high", "p", "p_holm", "n", "unit", "verdict", "note"]
RANKING = [*_SUBJECT, "model", "value", "n", "unit", "best_place", "worst_place", "tied_with"]
CONSISTENCY = [*_PAIR, *_SUBJECT, "value", "low", "high", "n", "unit", "note"]
_ORDER = ("worse", "better")
# where more is better, less, or neither → verdict by whether the difference is above 0
_VERDICTS = {1: _ORDER, -1: _ORDER[::-1], 0: ("lower", "higher")}
TIED, UNKNOWN = "tied", "not comparable"
_NO_ERROR = 1e-9  # what is smaller is rounding


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found; three tables, without rows where there is nothing to compare.

    differences: a row a pair and figure. `difference` is `model` minus `other` with its 95 % interval, in `unit`;
    `p_holm` is corrected over the table; `verdict` speaks of `model`: better, worse or tied, higher or lower for
    figures of which neither is better, or not comparable, and `note` says why. ranking: a row a figure and model; of
    the places that it may hold, the best leaves those before it that are better, the worst those behind that are worse;
    one that is not comparable may stand on either side, and is not tied. What can be compared with none has no row.
    consistency: kappa of the pairs' errors, a row a pair and rate.
    """

    differences: pd.DataFrame
    ranking: pd.DataFrame
    consistency: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Pair:
    """A figure of two models over the images that both have.

    values: columns `model` and `other`, no rows where there is none; note: what is missing.
    """

    figure: Headline
    model: str
    other: str
    values: pd.DataFrame
    note: str

    @property
    def names(self) -> tuple[str, ...]:
        f = self.figure
        return self.model, self.other, f.suite, f.dataset, f.condition, f.metric

    def counts(self) -> Counts:
        one, other = (self.values[column].to_numpy() > 0 for column in _PAIR)
        cells = (one & other, one & ~other, ~one & other, ~one & ~other)
        return int(cells[0].sum()), int(cells[1].sum()), int(cells[2].sum()), int(cells[3].sum())


def compare(records: pd.DataFrame, *, seed: int, resamples: int = 10_000, models: Sequence[str] = ()) -> Comparison:
    """Compare all models of `records` by the headline figures of their suites, each pair on the images that both have.

    records: as for `fold`, of one run or of several whose models have names of their own. seed, resamples: of the
    bootstrap. models: in pairs those named first come first; the others follow by name. Raises ValueError as `fold`
    does, as for a sample that was recorded twice.
    """
    alone = "model" in records and records["model"].nunique() < 2  # spares the work of reading what has no pair
    figures = [] if alone else headlines(typed(records, OPTIONAL))
    ranks = {name: rank for rank, name in enumerate(models)}
    ordered = [
        replace(figure, images=dict(sorted(figure.images.items(), key=lambda item: ranks.get(item[0], len(ranks)))))
        for figure in figures
    ]
    return compare_figures(ordered, seed=seed, resamples=resamples)


def compare_figures(figures: Sequence[Headline], *, seed: int, resamples: int = 10_000) -> Comparison:
    """Compare the models that `figures` are of: what `compare` does once it has read the records."""
    pairs = [_pair(figure, *two) for figure in figures for two in combinations(figure.images, 2)]
    tested = {index: _rate(pair) for index, pair in enumerate(pairs) if pair.figure.metric in RATES}
    tested |= _means(pairs, [index for index in range(len(pairs)) if index not in tested], resamples, seed)
    differences = _differences(pairs, [tested[index] for index in range(len(pairs))])
    consistency = [
        (*pair.names, k.value, k.low, k.high, k.n, k.unit, join_notes(k.note, pair.note))
        for pair in pairs
        if pair.figure.metric in RATES
        for k in (error_consistency(pair.counts(), resamples, seed),)
    ]
    verdicts = {tuple(row[:6]): row[-2] for row in differences.itertuples(index=False)}
    places = [row for figure in figures for row in _places(figure, verdicts)]
    return Comparison(differences, _table(places, RANKING), _table(consistency, CONSISTENCY))


def _pair(figure: Headline, model: str, other: str) -> _Pair:
    nothing = pd.DataFrame(columns=_PAIR, dtype="float64")
    one, two = figure.images[model], figure.images[other]
    if isinstance(one, str) or isinstance(two, str):
        reasons = (f"{name}: {found}" for name, found in ((model, one), (other, two)) if isinstance(found, str))
        return _Pair(figure, model, other, nothing, "; ".join(reasons))
    values = pd.concat([one, two], axis=1, keys=_PAIR, join="inner").sort_index()
    total = len(one.index.union(two.index))
    if values.empty or not values.notna().any().all():
        return _Pair(figure, model, other, nothing, f"no image of {total} is in common")
    partly = f"over the {len(values)} of {total} images that both have" if len(values) < total else ""
    return _Pair(figure, model, other, values, partly)


Tested = tuple[Score, float | None]  # a difference, and the p-value that it is none


def _rate(pair: _Pair) -> Tested:
    unit, n = METRICS[pair.figure.metric][0], len(pair.values)
    if n == 0:
        return unmeasured(pair.note, unit), None
    _, b, c, _ = pair.counts()
    return Score((b - c) / n, *paired_difference(b, c, n), n, unit, pair.note), mcnemar(b, c)


def _means(pairs: Sequence[_Pair], chosen: Sequence[int], resamples: int, seed: int) -> dict[int, Tested]:
    """Test figures that are means; those of the same images share one bootstrap."""
    tested: dict[int, Tested] = {}
    groups: dict[tuple[str, ...], list[int]] = {}
    for index in chosen:
        if len(pairs[index].values):
            groups.setdefault(tuple(pairs[index].values.index), []).append(index)
        else:
            tested[index] = unmeasured(pairs[index].note, METRICS[pairs[index].figure.metric][0]), None
    for indices in groups.values():
        resampled = _resample([pairs[index] for index in indices], resamples, seed)
        tested |= {index: _mean(pairs[index], samples) for index, samples in zip(indices, resampled, strict=True)}
    return tested


def _resample(pairs: Sequence[_Pair], resamples: int, seed: int) -> Iterator[Array]:
    """Yield the differences [resamples] of each pair; all are of the same images, and NaN where no image counts."""
    columns = {
        (*pair.names[2:], name): pair.values[side].to_numpy()
        for pair in pairs
        for side, name in zip(_PAIR, pair.names[:2], strict=True)
    }
    values = np.column_stack(list(columns.values()))
    known = ~np.isnan(values)
    sums, counts = np.hsplit(bootstrap_means(np.hstack([np.where(known, values, 0), known]), resamples, seed=seed), 2)
    means = dict(zip(columns, np.where(counts > 0, sums / np.where(counts > 0, counts, 1), np.nan).T, strict=True))
    for pair in pairs:
        yield means[*pair.names[2:], pair.model] - means[*pair.names[2:], pair.other]


def _mean(pair: _Pair, resampled: Array) -> Tested:
    unit, n = METRICS[pair.figure.metric][0], len(pair.values)
    one, other = pair.values.mean()
    difference = float(one - other)
    error = float(np.nanstd(resampled)) * (n / (n - 1)) ** 0.5 if n > 1 else 0.0
    if error < _NO_ERROR:
        note = join_notes(pair.note, "no interval: the images do not vary")
        return Score(difference, None, None, n, unit, note), 1.0 if abs(difference) < _NO_ERROR else None
    half = error * float(student.ppf((1 + CONFIDENCE) / 2, n - 1))
    p = 2 * float(student.sf(abs(difference) / error, n - 1))
    return Score(difference, difference - half, difference + half, n, unit, pair.note), p


def _differences(pairs: Sequence[_Pair], tested: Sequence[Tested]) -> pd.DataFrame:
    """Lay out the table of differences, with the p-values corrected and the verdicts."""
    corrected = iter(holm([p for _, p in tested if p is not None]))
    rows = []
    for pair, (score, p) in zip(pairs, tested, strict=True):
        p_holm = None if p is None else next(corrected)
        verdict = _verdict(pair.figure.metric, score.value, p_holm)
        figures = (score.value, score.low, score.high, p, p_holm, score.n, score.unit)
        rows.append((*pair.names, *figures, verdict, score.note))
    return _table(rows, DIFFERENCES)


def _verdict(metric: str, difference: float | None, p_holm: float | None) -> str:
    if difference is None or p_holm is None:
        return UNKNOWN
    return _VERDICTS[METRICS[metric][1]][difference > 0] if p_holm < LEVEL else TIED


def _places(figure: Headline, verdicts: Mapping[tuple[str, ...], str]) -> Iterator[tuple[object, ...]]:
    """Rank the models by their own values, each with the places that the verdicts leave it."""
    unit, better = METRICS[figure.metric]
    subject = (figure.suite, figure.dataset, figure.condition, figure.metric)
    own = {m: images for m, images in figure.images.items() if not isinstance(images, str) and images.notna().any()}
    if not better or len(own) < 2:
        return
    told = {pair: verdicts[*pair, *subject] for pair in combinations(own, 2)}
    ahead = {pair if verdict == "better" else pair[::-1] for pair, verdict in told.items() if verdict in _ORDER}
    alike = {way for pair, verdict in told.items() if verdict == TIED for way in (pair, pair[::-1])}
    for model in sorted(own, key=lambda name: -better * own[name].mean()):
        above = [other for other in own if (other, model) in ahead]
        below = [other for other in own if (model, other) in ahead]
        tied = [other for other in own if (model, other) in alike]
        if not (above or below or tied):
            continue
        places = (1 + len(above), len(own) - len(below), ", ".join(tied))
        yield *subject, model, float(own[model].mean()), len(own[model]), unit, *places


_NUMBERS = ("difference", "low", "high", "p", "p_holm", "value")
_WHOLE = ("n", "best_place", "worst_place")


def _table(rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> pd.DataFrame:
    types = {name: "Float64" if name in _NUMBERS else "Int64" if name in _WHOLE else "str" for name in columns}
    return pd.DataFrame(rows, columns=list(columns)).astype(types)
