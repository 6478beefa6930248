"""What the figures say, in words: a paragraph for each model, and one that sets the models side by side."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from .cells import figure, number
from .comparisons import TIED, UNKNOWN
from .results import Measurement, Results, data_name
from .selection import selection_note, shown
from .table import OVERALL

# What models are ranked by: (suite, condition, metric) → how it is called, and whether more is better.
_RANKED = {
    ("imagenet", "clean", "top1"): ("top-1 accuracy, highest first", True),
    ("imagenet-c", OVERALL, "mce"): ("mCE, lowest first", False),
}


def verdict(results: Results) -> tuple[str, ...]:
    """Write the paragraphs: plain text, every figure with its interval."""
    own: dict[str, list[Measurement]] = {model: [] for model in shown(results)}
    for row in results.measurements:
        if row.model in own:
            own[row.model].append(row)
    together = [row for rows in own.values() for row in rows]
    return (
        *selection_note(results),
        *(_paragraph(model, rows) for model, rows in own.items()),
        *_comparison(results, together),
    )


def _paragraph(model: str, rows: Sequence[Measurement]) -> str:
    sentences = [*_clean(rows), *_shifts(rows), *_corruptions(rows), *_attacks(rows)]
    return f"Model {model}: {' '.join(sentences) or 'nothing was measured.'}"


def _clean(rows: Sequence[Measurement]) -> Iterator[str]:
    """Say how it does on clean images; a figure that an attack's suite repeats is said once, as suite imagenet's."""
    seen = set()
    for row in sorted(rows, key=lambda row: row.suite != "imagenet"):
        figures = (row.dataset, row.value, row.n)
        known = (row.condition, row.metric) == ("clean", "top1") and row.value is not None and figures not in seen
        if known and not _is_shifted(row) and not any(_is_shifted(other) for other in rows if other.suite == row.suite):
            seen.add(figures)
            yield f"On the {row.n} clean images of {row.suite} it is right for {figure(row)}."


def _shifts(rows: Sequence[Measurement]) -> Iterator[str]:
    """Say how it does on images of another kind, and which of two cues it goes by."""
    biases = [row for row in rows if row.metric == "shape_bias" and row.value is not None]
    decided = {row.suite for row in biases}
    shifted = [row for row in rows if _is_shifted(row) and row.suite not in decided and row.value is not None]
    if shifted:
        names = (row.suite if row.condition == "clean" else f"{row.suite}, {row.condition}" for row in shifted)
        said = (f"{figure(row)} ({name})" for row, name in zip(shifted, names, strict=True))
        yield f"Of images of other kinds it gets right {', '.join(said)}."
    for row in biases:
        yield f"Where shape and texture disagree it goes by shape in {figure(row)} of {row.n} decisions."


def _is_shifted(row: Measurement) -> bool:
    """Tell whether a figure is top-1 on a set of images of their own kind, without severities."""
    return row.metric == "top1" and row.severity is None and data_name(row.dataset) == row.suite != "imagenet"


def _corruptions(rows: Sequence[Measurement]) -> Iterator[str]:
    """Say how it stands the corruptions of each suite, and which it stands best and worst."""
    for overall in rows:
        if (overall.condition, overall.metric) != (OVERALL, "mean_error"):
            continue
        if overall.value is None:
            yield f"Its mean error on {overall.suite} could not be measured ({overall.note})."
            continue
        suite = [row for row in rows if (row.suite, row.dataset) == (overall.suite, overall.dataset)]
        single = [row for row in suite if row.metric == "mean_error" and row.condition != OVERALL]
        ranked = sorted((row for row in single if row.value is not None), key=lambda row: row.value or 0.0)
        count = f"{len(ranked)} " if ranked else ""
        rates = f"{figure(overall)} of the images{_ends(ranked)}"
        yield f"Under the {count}corruptions of {overall.suite} it errs on {rates}."
        names = {"mce": "mCE", "relative_mce": "relative mCE"}
        figures = [
            f"{names[row.metric]} is {figure(row)}" for row in suite if row.metric in names and row.value is not None
        ]
        if figures:
            yield f"Its {' and its '.join(figures)} (AlexNet = 100)."


def _ends(ranked: Sequence[Measurement]) -> str:
    """Name the last of the conditions, and the first; nothing where their figures read alike."""
    if len({number(row.value, row.unit) for row in ranked}) < 2:
        return ""
    least, most = ranked[0], ranked[-1]
    return f", most under {most.condition} ({figure(most)}), least under {least.condition} ({figure(least)})"


def _attacks(rows: Sequence[Measurement]) -> Iterator[str]:
    """Name, for each data set, the attack or the worst case over several that leaves the least."""
    measured = [row for row in rows if row.metric == "robust_accuracy" and row.value is not None]
    rates = {(row.suite, row.dataset, row.condition): row for row in rows if row.metric == "attack_success_rate"}
    datasets = dict.fromkeys(data_name(row.dataset) for row in measured)
    for dataset in datasets:
        own = [row for row in measured if data_name(row.dataset) == dataset]
        robust = [row for row in own if " within " not in row.condition] or own  # points of a curve come last
        least = min(robust, key=lambda row: row.value or 0.0)
        fooled = rates.get((least.suite, least.dataset, least.condition))
        success = f"; it fools {figure(fooled)} of those that are right when clean" if fooled and fooled.n else ""
        strongest = "" if len(robust) == 1 else ", the strongest of the attacks and worst cases tried"
        images = "images" if len(datasets) == 1 else f"images of {dataset}"
        yield f"Under {least.condition}{strongest}, {figure(least)} of {least.n} {images} stay right{success}."


def _comparison(results: Results, rows: Sequence[Measurement]) -> Iterator[str]:
    """Rank the models, and say which neighbours the paired tests, or else their intervals, do not tell apart."""
    paired = _verdicts(results)
    for subject, (title, more_is_better) in _RANKED.items():
        same = [row for row in rows if (row.suite, row.condition, row.metric) == subject and row.value is not None]
        for dataset in dict.fromkeys(row.dataset for row in same):
            group = [row for row in same if row.dataset == dataset]
            if len(group) > 1:
                ranked = sorted(group, key=lambda row: row.value or 0.0, reverse=more_is_better)
                figures = ", ".join(f"{row.model} {figure(row)}" for row in ranked)
                yield f"By {title}: {figures}.{_caution(ranked, paired)}"


def _verdicts(results: Results) -> dict[tuple[str, ...], str]:
    """Index the verdicts of the comparison by figure and the two models, in both orders."""
    if results.comparison is None:
        return {}
    verdicts: dict[tuple[str, ...], str] = {}
    rows = results.comparison.differences
    for row in rows[rows["metric"].isin([metric for _, _, metric in _RANKED])].itertuples(index=False):
        subject = (row.suite, row.dataset, row.condition, row.metric)
        verdicts[(*subject, row.model, row.other)] = verdicts[(*subject, row.other, row.model)] = row.verdict
    return verdicts


def _caution(ranked: Sequence[Measurement], paired: Mapping[tuple[str, ...], str]) -> str:
    """Name the neighbours that are not told apart, and those that cannot be compared."""
    told = [(one, two, _told(one, two, paired)) for one, two in pairwise(ranked)]
    close = [f"{one.model} from {two.model}" for one, two, verdict in told if verdict == TIED]
    unlike = [f"{one.model} with {two.model}" for one, two, verdict in told if verdict == UNKNOWN]
    why = "images" if paired else "intervals"
    separated = f" The {why} do not separate {', nor '.join(close)}." if close else ""
    return f"{separated} Not comparable: {', '.join(unlike)}." if unlike else separated


def _told(one: Measurement, two: Measurement, paired: Mapping[tuple[str, ...], str]) -> str:
    """Return the paired verdict, or "tied" for intervals that meet."""
    verdict = paired.get((one.suite, one.dataset, one.condition, one.metric, one.model, two.model))
    return verdict or ("" if _apart(one, two) else TIED)


def _apart(one: Measurement, two: Measurement) -> bool:
    """Tell whether two intervals exist and do not meet."""
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return False
    return one.high < two.low or two.high < one.low
