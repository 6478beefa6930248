"""Pivots scores into the tables that people read; cells are plain text, each format adds its own markup."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .attack_names import by_size
from .cells import NOT_MEASURED, bare, figure, number
from .results import Measurement, Results, data_name
from .selection import shown

SEVERITIES = (1, 2, 3, 4, 5)
METRIC_NAMES = {
    "top1": "top-1",
    "top5": "top-5",
    "ce": "CE",
    "mce": "mCE",
    "relative_ce": "relative CE",
    "relative_mce": "relative mCE",
    "mean_error": "mean error",
    "robust_accuracy": "robust accuracy",
    "attack_success_rate": "attack success rate",
    "median_distance": "median smallest distance",
    "median_eps": "median smallest radius",
    "top1_1000way": "top-1 among all 1000 classes",
    "top1_restricted": "top-1 among its classes alone",
    "accuracy_drop": "drop from imagenet's images of the same classes",
    "effective_robustness": "effective robustness",
    "rms_calibration_error": "RMS calibration error",
    "rms_calibration_error_reference": "RMS calibration error as the reference code computes it",
    "aurra": "AURRA",
    "aupr": "AUPR",
    "auroc": "AUROC",
    "fpr95": "FPR95",
    "ece": "ECE",
    "adaptive_ece": "adaptive ECE",
    "nll": "negative log-likelihood",
    "brier": "Brier score",
    "corruption_instability": "corruption instability",
    "group_mean_error": "mean error of a group",
    "group_ce": "CE of a group",
    "group_relative_ce": "relative CE of a group",
    "shape_bias": "shape bias",
    "cue_accuracy": "shape or texture recognised",
    "bg_gap": "BG-Gap",
    "challenge_accuracy": "challenge accuracy",
}
# What a summary shows first: (suite, condition, metric) → its column.
CORE = {
    ("imagenet", "clean", "top1"): "top-1",
    ("imagenet", "clean", "top5"): "top-5",
    ("imagenet-c", "all", "mce"): "mCE",
    ("imagenet-c", "all", "relative_mce"): "relative mCE",
    ("imagenet-c", "all", "mean_error"): "mean corruption error",
}
BEST = "Bold: significantly better than every other model."  # for formats that print the best figures so
OVERALL = "all"  # the condition of figures over all corruptions
AGGREGATES = {"mean_error": "mean_error", "ce": "mce", "relative_ce": "relative_mce"}  # of one corruption → of all
_DETAILS = (
    *("error", "top5", "ce", "relative_ce", "rms_calibration_error_reference"),
    *("adaptive_ece", "nll", "brier", "group_mean_error", "group_ce", "group_relative_ce"),
    *("robust_accuracy_8bit", "attack_success_rate_8bit", "forward_passes", "backward_passes"),
)
_MEANS = ("mean_error", "corruption_instability")  # of which the one over all corruptions is shown
_RECENT = ("robust in 8 bits", "forward passes", "backward passes")  # columns that older runs have no figures for
_SCORINGS = ("top1_1000way", "top1_restricted")  # of which one is what the benchmark's own top-1 is

Subject = tuple[str, str, str, str]  # suite, data set, condition, metric
Key = tuple[str, str, str, str, str]  # model, and a subject


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people.

    rows: as many cells each as `columns`; the first is the row's heading. text_columns: how many of the first columns
    hold words, and words: which of the others do; the rest hold numbers. shades: (row, column) → a fraction in [0, 1],
    for the cells of a heat map. best: (row, column) of figures that are significantly better than those of all other
    models.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1
    shades: dict[tuple[int, int], float] = field(default_factory=dict)
    best: frozenset[tuple[int, int]] = frozenset()
    words: frozenset[int] = frozenset()

    def holds_words(self, column: int) -> bool:
        """Tell whether a column holds words: they stand on the left, and sort as text."""
        return column < self.text_columns or column in self.words


def summary(results: Results) -> Table:
    """One row per model: accuracy and corruption errors, then every other suite and attack."""
    rows, columns = without_severity(results), summary_columns(results)
    cells = tuple((model, *(figure(rows.get((model, *subject))) for _, subject in columns)) for model in results.models)
    caption = "95 % intervals in brackets. mCE and relative mCE: AlexNet = 100, lower is better. –: not measured."
    ahead = _ahead(results)
    best = frozenset(
        (place, 1 + column)
        for place, model in enumerate(results.models)
        for column, (_, subject) in enumerate(columns)
        if (model, *subject) in ahead
    )
    return Table(caption, ("model", *(label for label, _ in columns)), cells, best=best)


def summary_columns(results: Results) -> list[tuple[str, Subject]]:
    """Name the figures that a summary shows, in its order."""
    rows = without_severity(results)
    subjects = dict.fromkeys(key[1:] for key, row in rows.items() if _is_headline(row) and not _repeats(row, rows))
    return list(_ordered(subjects))


def _ahead(results: Results) -> set[Key]:
    """Find the figures in which a model is significantly better than every other that has them."""
    if results.comparison is None:
        return set()
    rows = results.comparison.ranking
    return {
        (row.model, row.suite, row.dataset, row.condition, row.metric)
        for row in rows[rows["worst_place"] == 1].itertuples(index=False)
    }


def accuracy_table(results: Results) -> Table:
    """One row per model and condition that has no severities and is no attack, with the number of images."""
    rows = without_severity(results)
    cells = tuple(
        (*key[:4], figure(row), figure(rows.get((*key[:4], "top5"))), str(row.n))
        for key, row in rows.items()
        if row.metric == "top1"
    )
    columns = ("model", "suite", "data set", "condition", "top-1", "top-5", "n")
    return Table("Accuracy, with 95 % intervals in brackets.", columns, cells, text_columns=4)


def severity_tables(results: Results) -> dict[tuple[str, str, str], Table]:
    """The severity tables of all that has severities, by model, suite and data set; of many models, of the best."""
    models = shown(results)
    measured = (row for row in results.measurements if row.severity is not None and row.model in models)
    keys = dict.fromkeys((row.model, row.suite, row.dataset) for row in measured)
    return {key: severity_table(results, *key) for key in keys}


def severity_table(results: Results, model: str, suite: str, dataset: str) -> Table:
    """One model's top-1 errors, corruption × severity, with the mean and the CEs of each corruption."""
    evaluation = (model, suite, dataset)
    measured = [row for row in results.measurements if (row.model, row.suite, row.dataset) == evaluation]
    rows = {(row.condition, row.severity, row.metric): row for row in measured}
    corruptions = [row.condition for row in measured if row.metric == "mean_error" and row.condition != OVERALL]
    singles = [metric for metric in AGGREGATES if any((name, None, metric) in rows for name in corruptions)]

    cells: list[tuple[str, ...]] = []
    shades: dict[tuple[int, int], float] = {}
    for index, corruption in enumerate(corruptions):
        errors = [rows.get((corruption, severity, "error")) for severity in SEVERITIES]
        shades |= {(index, 1 + place): row.value for place, row in enumerate(errors) if row and row.value is not None}
        figures = (figure(rows.get((corruption, None, metric))) for metric in singles)
        cells.append((corruption, *map(bare, errors), *figures))
    totals = (figure(rows.get((OVERALL, None, AGGREGATES[metric]))) for metric in singles)
    cells.append((OVERALL, *("" for _ in SEVERITIES), *totals))

    caption = f"Top-1 error of {model} on {suite} ({dataset}) in %, by severity; 95 % intervals in brackets."
    names = [METRIC_NAMES[metric] for metric in singles]
    return Table(caption, ("corruption", *map(str, SEVERITIES), *names), tuple(cells), shades=shades)


def attack_table(results: Results) -> Table:
    """One row per model and attack: clean and robust accuracy, success rate, what it cost, and the number of images."""
    rows = without_severity(results)
    keys = _by_radius([key for key, row in rows.items() if row.metric == "robust_accuracy"])

    def each(metric: str, write: Callable[[Measurement | None], str] = figure) -> tuple[str, ...]:
        return tuple(write(rows.get((*key[:4], metric))) for key in keys)

    columns = {
        "model": tuple(key[0] for key in keys),
        "data set": tuple(key[2] for key in keys),
        "attack": tuple(key[3] for key in keys),
        "clean accuracy": tuple(
            _clean_accuracy(rows[key], rows.get((*key[:4], "attack_success_rate"))) for key in keys
        ),
        "robust accuracy": each("robust_accuracy"),
        "attack success rate": each("attack_success_rate"),
        "robust in 8 bits": each("robust_accuracy_8bit"),
        "forward passes": each("forward_passes", _alone),
        "backward passes": each("backward_passes", _alone),
        "n": tuple(str(rows[key].n) for key in keys),
    }
    kept = {name: cells for name, cells in columns.items() if name not in _RECENT or set(cells) - {NOT_MEASURED}}
    caption = (
        "Robust: right when clean and under attack, of all n images. Success: fooled, of those right when clean. In 8 "
        "bits: rounded to 256 levels within the radius. Passes: of the attack, mean over the images attacked. 95 % "
        "intervals in brackets."
    )
    return Table(caption, tuple(kept), tuple(zip(*kept.values(), strict=True)), text_columns=3)


def _by_radius(keys: Sequence[Key]) -> list[Key]:
    """Sort the settings of each attack by their values; attacks stay in their order."""
    attacks = [(*key[:3], key[3].partition("(")[0]) for key in keys]
    places = {attack: place for place, attack in reversed([*enumerate(attacks)])}
    order = sorted(zip(attacks, keys, strict=True), key=lambda own: (places[own[0]], by_size(own[1][3])))
    return [key for _, key in order]


def unmeasured_table(results: Results) -> Table:
    """What has no value, with the reason; corruptions that lack the same figure for the same reason share a row."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in results.measurements:
        if row.value is None:
            key = (row.model, row.suite, METRIC_NAMES.get(row.metric, row.metric), row.note)
            groups.setdefault(key, []).append(row.condition)
    cells = tuple(
        (model, suite, metric, ", ".join(dict.fromkeys(conditions)), reason)
        for (model, suite, metric, reason), conditions in groups.items()
    )
    columns = ("model", "suite", "figure", "conditions", "reason")
    return Table("Figures that could not be measured.", columns, cells, text_columns=5)


def without_severity(results: Results) -> dict[Key, Measurement]:
    """Index the figures that span severities or have none."""
    measured = (row for row in results.measurements if row.severity is None)
    return {(row.model, row.suite, row.dataset, row.condition, row.metric): row for row in measured}


def _is_headline(row: Measurement) -> bool:
    """Tell what a summary shows: no parts of a figure that it shows as well."""
    if (row.suite, row.condition, row.metric) in CORE:
        return True
    return row.metric not in _DETAILS and (row.metric not in _MEANS or row.condition == OVERALL)


def _repeats(row: Measurement, rows: Mapping[Key, Measurement]) -> bool:
    """Tell whether a figure is the benchmark's own top-1 once more, or another way to score a companion's images."""
    if row.metric not in _SCORINGS:
        return False
    own = rows.get((row.model, row.suite, row.dataset, row.condition, "top1"))
    return data_name(row.dataset) != row.suite or (own is not None and own.value == row.value)


def _ordered(subjects: Collection[Subject]) -> Iterator[tuple[str, Subject]]:
    """Name the columns of the summary: the core ones first, on every data set that has them, then the others."""
    core = {subject: CORE.get((subject[0], *subject[2:]), "") for subject in subjects}
    for name in CORE.values():
        matches = [subject for subject in subjects if core[subject] == name]
        yield from ((name if len(matches) == 1 else f"{name} ({subject[1]})", subject) for subject in matches)
    yield from ((name, subject) for subject, name in labels(s for s in subjects if not core[s]).items())


def labels(subjects: Iterable[Subject]) -> dict[Subject, str]:
    """Name figures, each differently."""
    names = {subject: _label(subject) for subject in subjects}
    times = Counter(names.values())
    return {
        subject: name if times[name] == 1 else f"{name} ({subject[0]}, {subject[1]})" for subject, name in names.items()
    }


def _label(subject: Subject) -> str:
    suite, dataset, condition, metric = subject
    where = suite if condition in ("clean", OVERALL) else condition
    if condition == "clean" and metric == "top1" and data_name(dataset) != suite != "imagenet":
        where = f"{suite}'s classes of {dataset}"
    return f"{METRIC_NAMES.get(metric, metric)}, {where}"


def _alone(measured: Measurement | None) -> str:
    """Write a value without unit and interval."""
    return NOT_MEASURED if measured is None or measured.value is None else f"{measured.value:.1f}"


def _clean_accuracy(robust: Measurement, success: Measurement | None) -> str:
    """Read it off the two rates: one counts the images, the other those right when clean."""
    if robust.value is None or success is None:
        return NOT_MEASURED
    return f"{number(success.n / robust.n, robust.unit)} ({success.n} of {robust.n})"
