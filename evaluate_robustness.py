"""How robust is an ImageNet classifier, and how does it compare? The command that joins the packages.

    python evaluate_robustness.py --model pit_s --suite imagenet-c

flags → plan → models and data → run → scores → reports. `evaluate` does for code what the command does.
"""

import os

# Waiting OpenMP threads burn the processor of a shared machine. It must be said before torch starts them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cyclopts import App
from cyclopts.config import Yaml
from timm.data import ImageNetInfo
from yaml import YAMLError

if __package__:  # installed below one root name
    from . import datasets, pit, reports  # type: ignore
    from .robustness import (  # type: ignore
        attack_audit,
        audit,
        checks,
        computing,
        engine,
        examples,
        forecast,
        header,
        interrupts,
        listings,
        metrics,
        models,
        plan,
        progress,
        runs,
        shards,
        store,
        watching,
    )
    from .robustness.acceleration import REDUCED  # type: ignore
    from .robustness.claims import Claiming  # type: ignore
    from .robustness.classifier import Classifier  # type: ignore
    from .robustness.errors import RunError, UsageError  # type: ignore
    from .robustness.evaluation import Settings, Subject, as_float  # type: ignore
    from .robustness.metrics.details import details  # type: ignore
    from .robustness.options import Options  # type: ignore
    from .robustness.scoring import Scoring  # type: ignore
    from .robustness.stopwatch import Stopwatch  # type: ignore
    from .robustness.suites import SUITES  # type: ignore
else:
    import datasets
    import pit
    import reports
    from robustness import (
        attack_audit,
        audit,
        checks,
        computing,
        engine,
        examples,
        forecast,
        header,
        interrupts,
        listings,
        metrics,
        models,
        plan,
        progress,
        runs,
        shards,
        store,
        watching,
    )
    from robustness.acceleration import REDUCED
    from robustness.claims import Claiming
    from robustness.classifier import Classifier
    from robustness.errors import RunError, UsageError
    from robustness.evaluation import Settings, Subject, as_float
    from robustness.metrics.details import details
    from robustness.options import Options
    from robustness.scoring import Scoring
    from robustness.stopwatch import Stopwatch
    from robustness.suites import SUITES

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
PIT_MODELS = pit.__all__  # importing pit is what registers them in timm


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; arguments default to the command line's."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = parse(words)
        return evaluate(options, shlex.join(["python", "evaluate_robustness.py", *words])) if options else DONE
    except UsageError as error:
        say(f"error: {error}")
        return MISUSED
    except (RunError, datasets.DataError, reports.ReportError, OSError) as error:
        say(f"error: {error}")
        return FAILED
    except KeyboardInterrupt:
        say("interrupted; what was finished is kept, the same command goes on from there")
        return INTERRUPTED


def parse(words: Sequence[str]) -> Options | None:
    """Read the flags, and below them the file that --config names; None when a list or the help was printed instead.

    Exits with 2 on a flag that does not exist or has a value of the wrong type. Raises UsageError for the file.
    """
    app = App(name="evaluate_robustness.py", help=__doc__, version=header.VERSION, help_format="plaintext")

    @app.default
    def run(options: Options = Options()) -> Options:  # noqa: B008 (frozen)
        return options

    options = app(words, result_action="return_value")
    if options is not None and options.config is not None:
        app.config = (Yaml(options.config, must_exist=True),)
        try:
            options = app(words, result_action="return_value")
        except (OSError, YAMLError) as error:
            raise UsageError(f"--config {options.config} cannot be read as YAML: {error}") from error
    if options is not None and (lines := listings.asked_for(options)):
        print("\n".join(lines))
        return None
    return options


def evaluate(options: Options, command: str) -> int:
    """Plan, run and report; returns the exit code.

    command: how to do it again, for the reports. Raises UsageError, RunError, DataError or ReportError with a sentence
    for the user.
    """
    if options.fold:
        return conclude(store.reopened(options.fold), options)
    computing.keep_freed_memory()
    job = prepare(demo(options) if options.chooses_nothing else options, command)
    if job.options.dry_run:
        _, subjects = views_and_subjects(job, job.groups, interrupts.Stop())
        print(forecast.describe(job.groups, subjects, job.found, job.settings, job.header))
        return DONE
    suites = [group.suite for group in job.groups[1:]]
    with interrupts.stoppable() as stop, runs.opened(job.options, job.header, suites, job.world) as (run, claims):
        if job.options.repair:
            say("\n".join(f"damaged, to be done again: {path}" for path in run.repair()) or "no part is damaged")
        execute(job, run, claims, stop)
        return conclude(run, job.options) if job.world.leads else DONE


def conclude(run: store.Store, options: Options) -> int:
    """Fold a run's records into scores, write the reports, print the table; returns the exit code."""
    print(report(run, options))
    failures = run.failures().num_rows
    if failures > options.max_failures:
        say(f"error: {failures} failures (unreadable images, logits not finite), see {run.folder / 'failures.csv'}")
        return FAILED
    return DONE


def demo(options: Options) -> Options:
    """Ask for the bundled model on the bundled photographs, corrupted and attacked."""
    suite, attack, eps = ("imagenet-c",), ("fgsm", "pgd"), options.eps or ("1/255",)
    return replace(options, model=(models.BUNDLED,), sample=True, suite=suite, attack=attack, eps=eps)


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is ready to start.

    judges: the models in fp32, by spec, that judge attacks where `models` compute in less. surrogates: what attacks are
    made on, by spec. data, found: by the name that groups use. world: the processes that share the work.
    """

    options: Options
    groups: tuple[plan.Group, ...]
    models: tuple[models.Model, ...]
    judges: dict[str, Classifier]
    surrogates: dict[str, Classifier]
    data: dict[str, datasets.Collection]
    found: dict[str, plan.Found]
    settings: Settings
    workers: int
    world: shards.World
    header: dict[str, Any]


def prepare(options: Options, command: str) -> Job:
    """Check everything that a run needs before it starts: names, data, weights, device."""
    checks.check_options(options, reports.FORMATS)
    asked = plan.asked_suites(options.suite)
    attacks = plan.attack_conditions(options.suite, options.attack, options.attack_flags)
    world = shards.world(os.environ)
    settings, workers = computing.settings(options, world), computing.workers(options)
    weights = models.Weights(options.checkpoint, options.random_weights)
    how = (weights, settings.device, options.precision, options.compile)
    data, absent = find_data(asked, options)
    inspected = {name: collection.inspected() for name, collection in data.items()}
    found = {name: plan.Found(counts, scoring_of(name)) for name, (counts, _) in inspected.items()}
    own_views = options.preprocessing == "model"
    groups = plan.plan(asked, attacks, found, jpeg=options.jpeg, own_views=own_views)
    resolved = tuple(models.resolve(spec, *how) for spec in dict.fromkeys(options.model))
    own = {model.provenance.spec: model for model in resolved}
    plain = (models.Weights(random=options.random_weights), *how[1:])
    surrogates = {spec: own.get(spec) or models.resolve(spec, *plain) for spec in dict.fromkeys(options.surrogate)}
    checks.check_gradients([*surrogates.values()] or resolved, groups)
    judges = {
        spec: models.resolve(spec, weights, settings.device, "fp32").classifier
        for spec in (own if attacks and options.precision in REDUCED else ())
    }
    described = {
        name: {"dataset": data[name].name, "layout": data[name].layout} | asdict(fingerprint)
        for name, (_, fingerprint) in inspected.items()
    }
    paths = {collection.name: collection.path for collection in data.values()}
    environment = header.environment(settings, workers, world.size, options.compile, paths)
    counts = {
        name: {part: labels.total() for part, labels in by_part.items()} for name, (by_part, _) in inspected.items()
    }
    sizes = datasets.size_notes(data, counts)
    everybody = header.Models(resolved, tuple(surrogates.values()))
    run_header = header.header(command, everybody, described, groups, found, options, environment, absent, sizes)
    crafted_on = {spec: model.classifier for spec, model in surrogates.items()}
    return Job(options, groups, resolved, judges, crafted_on, data, found, settings, workers, world, run_header)


def scoring_of(name: str) -> Scoring:
    """Say how a data set's classes are decided for."""
    labels = datasets.ADAPTERS[name].labels
    return Scoring(labels.codes, labels.members, labels.rule)


def find_data(asked: Sequence[str], options: Options) -> tuple[dict[str, datasets.Collection], list[str]]:
    """Open the data sets of the suites, by the names that groups use; say which suites are left out for want of one.

    A suite asked for by name must have its data, of `all` run those that have it. ImageNet comes along where it is
    found, for clean accuracy. --data is for the suites asked for, and with `all` for those of ImageNet. Raises
    DataError.
    """
    everything = "all" in options.suite
    needs = [
        datasets.Need(
            name,
            suite.dataset,
            suite.stored,
            given=(name in asked or not asked) and not (everything and suite.dataset != plan.CLEAN_SUITE),
            required=(name in asked or not asked) and not everything,
        )
        for name, suite in ((name, SUITES[name]) for name in dict.fromkeys((*asked, plan.CLEAN_SUITE)))
    ]
    where = datasets.Whereabouts(options.data, options.data_root, options.sample)
    data, without = datasets.find_all(needs, where)
    limited = {name: found.limited(options.limit) if options.limit else found for name, found in data.items()}
    return limited, [f"{name} is left out: its data was not found." for name in without if everything]


def views_and_subjects(
    job: Job, groups: Sequence[plan.Group], stop: interrupts.Stop
) -> tuple[tuple[datasets.View, ...], tuple[Subject, ...]]:
    """Gather the views of an image that the models need for the groups, each once; subjects point into them."""
    kinds = dict.fromkeys(group.view for group in groups)
    wanted = [{kind: datasets.VIEWS[kind](view_of(model.preprocessing)) for kind in kinds} for model in job.models]
    views = tuple(dict.fromkeys(view for by_kind in wanted for view in by_kind.values()))
    judges = {spec: stop.between_batches(judge) for spec, judge in job.judges.items()}
    subjects = tuple(
        Subject(
            model.provenance.name,
            stop.between_batches(model.classifier),
            {kind: views.index(by_kind[kind]) for kind in kinds},
            judges.get(model.provenance.spec),
        )
        for model, by_kind in zip(job.models, wanted, strict=True)
    )
    return views, subjects


def view_of(preprocessing: models.Preprocessing) -> datasets.View:
    """Prepare images as a model states it."""
    p = preprocessing
    return datasets.View(p.resize, p.input_size, p.interpolation, p.mode)


def execute(job: Job, run: store.Store, claims: Claiming, stop: interrupts.Stop) -> None:
    """Do what is not done yet; with several processes, what none of them has done, until nothing is left."""
    tasks = [task for groups in shards.stages(job.groups, job.world) for task in tasks_of(job, groups)]
    if run.header["end"] and not any(task.missing(run) for task in tasks):
        say(f"{run.folder} is complete: nothing to do")
        return
    before, begun = attack_audit.weights_of(job.models, job.groups), time.perf_counter()
    stopwatch = Stopwatch(job.settings.device if job.options.profile else None)
    surrogates = {spec: stop.between_batches(classifier) for spec, classifier in job.surrogates.items()}
    with progress.progress(job.header["records_expected"], run.count(), shown=job.world.leads) as advance:
        if job.world.leads and "markdown" in job.options.formats:
            advance = watching.Watched(lambda: refresh(run, job.options), advance, run.count())
        means = engine.Run(run, job.settings, advance, surrogates, claims, job.world, stopwatch)
        helping = False
        while pending := [task for task in tasks if task.missing(run)]:
            if not sum(work(job, task, means, stop, helping) for task in pending) and helping:
                time.sleep(engine.PATIENCE)  # the rest is in others' hands
                stop.check()
                means.hear()
            helping = True
    if job.options.profile:
        say(stopwatch.report(time.perf_counter() - begun))
    if job.world.leads:
        run.finish(header.now(), [asdict(finding) for finding in audit_attacks(job, run, before)])
        if "html" in job.options.formats:
            show_examples(job, run)


def tasks_of(job: Job, groups: Sequence[plan.Group]) -> list[engine.Task]:
    """Gather what is to be done with each data set, or part of one."""
    parts = dict.fromkeys((group.dataset, group.part) for group in groups)
    return [
        engine.Task(name, part, found, tuple(group for group in groups if (group.dataset, group.part) == (name, part)))
        for name, part in parts
        if (found := sum(job.found[name].counts[part].values()))
    ]


def work(job: Job, task: engine.Task, means: engine.Run, stop: interrupts.Stop, helping: bool) -> int:
    """Do what is free of a task; returns how many blocks that were. Raises DataError for data that has changed."""
    dataset = job.data[task.dataset].open(task.part)
    if len(dataset.samples) != task.samples:
        raise datasets.DataError(
            f"{dataset.path} had {task.samples} images when the run began and has {len(dataset.samples)} now. What was "
            f"finished is kept; once the data is as it was, the same command goes on"
        )
    views, subjects = views_and_subjects(job, task.groups, stop)
    batches = datasets.load(
        dataset,
        views,
        decoder=job.options.decode,
        chunk_size=engine.CHUNK_SIZE,
        wanted=task.chunks(means, helping=helping),
        workers=job.workers,
    )
    return engine.evaluate(batches, task, subjects, means)


def show_examples(job: Job, run: store.Store) -> None:
    """Make pictures of a few images of the first data set that is corrupted or attacked."""
    for dataset in dict.fromkeys(group.dataset for group in job.groups):
        shown = examples.chosen([group for group in job.groups if group.dataset == dataset])
        if not shown:
            continue
        views, subjects = views_and_subjects(job, [group for group, _ in shown], interrupts.Stop())
        (batch, *_) = datasets.load(job.data[dataset].open("").limited(examples.IMAGES), views)
        made = examples.pictures(batch, subjects, shown, job.settings)
        examples.save(run.folder, made, class_names().get(dataset, {}))
        return


def audit_attacks(job: Job, run: store.Store, weights: dict[str, str]) -> list[audit.Finding]:
    """Look for what speaks against the attacks' results: in the records, and by probing the models with a few images.

    weights: hashes from before the run.
    """
    attacked = attack_audit.attacked(job.groups)
    if not attacked:
        return []
    group, findings = attacked[0], audit.audit_records(run.frame())
    views, subjects = views_and_subjects(job, [group], interrupts.Stop())
    (batch, *_) = datasets.load(job.data[group.dataset].open(group.part).limited(attack_audit.PROBED), views)
    for subject, model in zip(subjects, job.models, strict=True):
        images = as_float(batch.views[subject.views[group.view]].to(job.settings.device))
        labels = group.scoring.positions(batch.labels).to(job.settings.device)
        findings += attack_audit.audit_model(subject.name, model, group, images, labels, job.settings.seed)
    return [*findings, *attack_audit.audit_weights(weights, attack_audit.weights_of(job.models, job.groups))]


def refresh(run: store.Store, options: Options) -> None:
    """Write report.md anew, for those who watch the run. Raises RunError or OSError."""
    try:
        report(run, replace(options, formats=("markdown",)), watching.RESAMPLES)
    except reports.ReportError as error:
        raise RunError(str(error)) from error


def report(run: store.Store, options: Options, resamples: int = 10_000) -> str:
    """Fold the records into scores, write the reports, and return the table for standard output."""
    records, seed = run.frame(), run.header["identity"]["seed"]
    header = reports.so_far(run.header, records["suite"].value_counts().to_dict())
    scores = metrics.fold(records, seed=seed, resamples=resamples, notes=header["suite_notes"])
    failures = run.failures()
    if failures.num_rows:
        failures.to_pandas().to_csv(run.folder / "failures.csv", index=False)
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
