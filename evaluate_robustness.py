"""How robust is an ImageNet classifier, and how does it compare? The command that joins the packages.

    python evaluate_robustness.py --model pit_s --suite imagenet-c

flags → plan → models and data → run → scores → reports. `evaluate` does for code what the command does.
"""

import os

# Waiting OpenMP threads burn the processor of a shared machine. It must be said before torch starts them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import TextIOWrapper
from typing import TYPE_CHECKING

from timm.data import ImageNetInfo

if TYPE_CHECKING or not __package__:
    import datasets
    import pit
    import reports
    from robustness import computing, engine, execution, forecast, interrupts, listings, metrics, plan, runs, watching
    from robustness.checks import check_reports
    from robustness.command_line import parse
    from robustness.errors import RunError, UsageError
    from robustness.job import Request, prepare, request
    from robustness.metrics.details import details
    from robustness.models import Preprocessing
    from robustness.options import Options
    from robustness.scoring import Scoring
    from robustness.store import Store, reopened
    from robustness.suites import SUITES
else:  # installed below one root name
    from . import datasets, pit, reports  # noqa: F401
    from .robustness import computing, engine, execution, forecast, interrupts, listings, metrics, plan, runs, watching
    from .robustness.checks import check_reports
    from .robustness.command_line import parse
    from .robustness.errors import RunError, UsageError
    from .robustness.job import Request, prepare, request
    from .robustness.metrics.details import details
    from .robustness.models import Preprocessing
    from .robustness.options import Options
    from .robustness.scoring import Scoring
    from .robustness.store import Store, reopened
    from .robustness.suites import SUITES

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; arguments default to the command line's."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack the dash of an empty cell
    try:
        options = parse(words)
        if options is None:
            return DONE
        if lines := listings.asked_for(options):
            print("\n".join(lines))
            return DONE
        return evaluate(options, shlex.join(["python", "evaluate_robustness.py", *words]))
    except UsageError as error:
        say(f"error: {error}")
        return MISUSED
    except (RunError, datasets.DataError, reports.ReportError, OSError) as error:
        say(f"error: {error}")
        return FAILED
    except KeyboardInterrupt:
        say("interrupted; what was finished is kept, the same command goes on from there")
        return INTERRUPTED


def evaluate(options: Options, command: str) -> int:
    """Plan, run and report; returns the exit code.

    command: how to do it again, for the reports. Raises UsageError, RunError, DataError or ReportError with a sentence
    for the user.
    """
    if options.fold:
        check_reports(options, reports.FORMATS)
        run = reopened(options.fold)
        reports.read_header(options.fold)  # refuses one that reports cannot rely on
        return conclude(run, options)
    computing.keep_freed_memory()
    asked = request(options, reports.FORMATS, os.environ)
    data, absent = find_data(asked)
    job = prepare(asked, described(data), absent, command)
    pictures = Pictures(data, [view_of(model.preprocessing) for model in job.lineup.evaluated], asked)
    if job.options.dry_run:
        subjects = job.lineup.subjects(pictures.seen(job.groups), interrupts.Stop())
        surrogates = {spec: model.classifier for spec, model in job.lineup.surrogates.items()}
        print(forecast.describe(job.groups, subjects, surrogates, job.found, job.settings, job.header))
        return DONE
    suites = [suite for suite in dict.fromkeys(group.suite for group in job.groups) if suite != plan.CLEAN_SUITE]
    with interrupts.stoppable() as stop, runs.opened(job.options, job.header, suites, job.world) as (run, claims):
        if job.options.repair:
            say("\n".join(f"damaged, to be done again: {path}" for path in run.repair()) or "no part is damaged")
        execution.execute(job, pictures, run, claims, stop, lambda: refresh(run, job.options), say)
        return conclude(run, job.options) if job.world.leads else DONE


def conclude(run: Store, options: Options) -> int:
    """Fold a run's records into scores, write the reports, print the table; returns the exit code."""
    print(report(run, options), flush=True)
    say(f"reports are in {run.folder}")
    failures = run.failures().num_rows
    if failures > options.max_failures:
        say(f"error: {failures} failures (unreadable images, logits not finite), see {run.folder / 'failures.csv'}")
        return FAILED
    return DONE


def find_data(asked: Request) -> tuple[dict[str, datasets.Collection], list[str]]:
    """Open the data sets of the suites, by the names that groups use; say which suites are left out for want of one.

    A suite asked for by name must have its data, of `all` run those that have it. ImageNet comes along where it is
    found, for clean accuracy. --data is for the suites asked for, and with `all` for those of ImageNet. Raises
    DataError.
    """
    options, everything = asked.options, "all" in asked.options.suite
    needs = [
        datasets.Need(
            name,
            suite.dataset,
            suite.stored,
            given=(name in asked.suites or not asked.suites) and not (everything and suite.dataset != plan.CLEAN_SUITE),
            required=(name in asked.suites or not asked.suites) and not everything,
        )
        for name, suite in ((name, SUITES[name]) for name in dict.fromkeys((*asked.suites, plan.CLEAN_SUITE)))
    ]
    where = datasets.Whereabouts(options.data, options.data_root, options.sample)
    data, without = datasets.find_all(needs, where)
    limited = {name: found.limited(options.limit) if options.limit else found for name, found in data.items()}
    return limited, [f"{name} is left out: its data was not found." for name in without if everything]


def described(data: Mapping[str, datasets.Collection]) -> dict[str, plan.Found]:
    """Say what the data sets hold, and how their classes are decided for. Raises DataError for unusable data."""
    found = {}
    for name, collection in data.items():
        counts, fingerprint = collection.inspected()
        labels = datasets.ADAPTERS[name].labels
        found[name] = plan.Found(
            counts,
            Scoring(labels.codes, labels.members, labels.rule),
            {"dataset": collection.name, "layout": collection.layout} | asdict(fingerprint),
            collection.path,
            datasets.size_note(name, collection, counts),
        )
    return found


@dataclass(frozen=True, slots=True)
class Pictures:
    """The images of a run's data sets as its models want to see them: `execution.Pictures`.

    models: how each prepares images itself.
    """

    data: Mapping[str, datasets.Collection]
    models: Sequence[datasets.View]
    asked: Request

    def seen(self, groups: Sequence[plan.Group]) -> list[dict[str, int]]:
        """Tell for each model, by kind of view, which of the views of `groups` it sees."""
        views = self._views(groups)
        return [
            {group.view: views.index(datasets.VIEWS[group.view](model)) for group in groups} for model in self.models
        ]

    def read(self, task: engine.Task, chunks: Iterable[int]) -> Iterator[datasets.Batch]:
        """Read those chunks of a task's samples. Raises DataError for data that has changed."""
        dataset = self.data[task.dataset].open(task.part)
        if len(dataset.samples) != task.samples:
            raise datasets.DataError(
                f"{dataset.path} had {task.samples} images when the run began and has {len(dataset.samples)} now. What "
                f"was finished is kept; once the data is as it was, the same command goes on"
            )
        return datasets.load(
            dataset,
            self._views(task.groups),
            decoder=self.asked.options.decode,
            chunk_size=engine.CHUNK_SIZE,
            wanted=chunks,
            workers=self.asked.workers,
        )

    def first(self, groups: Sequence[plan.Group], count: int) -> datasets.Batch:
        """Read the first samples of groups of the same data."""
        dataset = self.data[groups[0].dataset].open(groups[0].part).limited(count)
        (batch,) = datasets.load(dataset, self._views(groups), decoder=self.asked.options.decode)
        return batch

    def class_names(self, dataset: str) -> dict[int, str]:
        """Name the classes of a data set, by label."""
        return class_names()[dataset]

    def _views(self, groups: Sequence[plan.Group]) -> list[datasets.View]:
        """List the views that the models need for the groups, each once."""
        return list(dict.fromkeys(datasets.VIEWS[group.view](model) for model in self.models for group in groups))


def view_of(preprocessing: Preprocessing) -> datasets.View:
    """Prepare images as a model states it."""
    p = preprocessing
    return datasets.View(p.resize, p.input_size, p.interpolation, p.mode)  # type: ignore[arg-type] # it refuses others


def refresh(run: Store, options: Options) -> None:
    """Write report.md anew, for those who watch the run. Raises RunError or OSError."""
    try:
        report(run, replace(options, formats=("markdown",)), watching.RESAMPLES)
    except reports.ReportError as error:
        raise RunError(str(error)) from error


def report(run: Store, options: Options, resamples: int = 10_000) -> str:
    """Fold the records into scores, write the reports, and return the table for standard output.

    Raises RunError for records that are damaged or contradict each other.
    """
    records, seed = run.frame(), run.header["identity"]["seed"]
    header = reports.so_far(run.header, records["suite"].value_counts().to_dict())
    try:
        scores = metrics.fold(records, seed=seed, resamples=resamples, notes=header["suite_notes"])
    except ValueError as error:
        raise RunError(f"the records of {run.folder} are damaged: {error}") from error
    failures = run.failures()
    if failures.num_rows:
        failures.to_pandas().to_csv(run.folder / "failures.csv", index=False)
    else:  # what failed may have been done again
        (run.folder / "failures.csv").unlink(missing_ok=True)
    names = [model["name"] for model in header["identity"]["models"]]
    found = metrics.compare(records, seed=seed, resamples=resamples, models=names)
    comparison = reports.Comparison(found.differences, found.ranking, found.consistency)
    drawn_from = reports.read_details(run.folder, details(records, class_names()))
    results = reports.Results(header, scores, comparison, drawn_from)
    reports.write(results, run.folder, options.formats)
    return reports.text(results)


def class_names() -> dict[str, dict[int, str]]:
    """Name the classes of every data set, by the labels of its records: WordNet ids in English, by the first word."""
    imagenet = ImageNetInfo()
    english = {wnid: imagenet.label_name_to_description(wnid).split(",")[0] for wnid in imagenet.label_names()}
    return {
        name: {
            code: english.get(word, word) for code, word in zip(adapter.labels.codes, adapter.labels.names, strict=True)
        }
        for name, adapter in datasets.ADAPTERS.items()
    }


def say(line: str) -> None:
    """Tell the person at the terminal; results alone go to standard output."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
