"""A run, from its first batch to the last: what is not done yet is done, then audited and illustrated."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from . import attack_audit, examples
from .audit import Finding, audit_records
from .claims import Claiming
from .engine import PATIENCE, Batch, Run, Task, evaluate
from .evaluation import Settings, as_float
from .header import now
from .interrupts import Stop
from .job import Job
from .plan import Group
from .progress import progress
from .shards import stages
from .stopwatch import Stopwatch
from .store import Store
from .watching import Watched


class Pictures(Protocol):
    """The images of a run's data sets, as its models want to see them."""

    def seen(self, groups: Sequence[Group]) -> Sequence[Mapping[str, int]]:
        """Tell for each model, by kind of view, which of the views of `groups` it sees."""
        ...

    def read(self, task: Task, chunks: Iterable[int]) -> Iterable[Batch]:
        """Read those chunks of a task's samples, in the views of its groups."""
        ...

    def first(self, groups: Sequence[Group], count: int) -> Batch:
        """Read the first samples of groups of the same data."""
        ...

    def class_names(self, dataset: str) -> Mapping[int, str]:
        """Name the classes of a data set, by label."""
        ...


def tasks_of(job: Job) -> list[Task]:
    """List what is to be done with each data set, or part of one, in the order in which to do it."""
    tasks = []
    for groups in stages(job.groups, job.world):
        together: dict[tuple[str, str], list[Group]] = {}
        for group in groups:
            together.setdefault((group.dataset, group.part), []).append(group)
        for (name, part), own in together.items():
            if count := sum(job.found[name].counts[part].values()):
                tasks.append(Task(name, part, count, tuple(own)))
    return tasks


def execute(
    job: Job,
    pictures: Pictures,
    run: Store,
    claims: Claiming,
    stop: Stop,
    refresh: Callable[[], object],
    say: Callable[[str], object],
) -> None:
    """Do what is not done yet; with several processes, what none of them has done, until nothing is left.

    refresh: writes a report for those who watch. say: tells them a line. Raises RunError, and what `pictures` raise.
    """
    tasks = tasks_of(job)
    if any(task.missing(run) for task in tasks):
        run.unfinish()
    elif run.header["end"]:
        say(f"{run.folder} is complete: nothing to do")
        if not (run.folder / examples.TABLE).exists():
            illustrate(job, pictures, run, job.settings, stop)
        return
    before, begun = attack_audit.weights_of(job.lineup.evaluated, job.groups), time.perf_counter()
    stopwatch = Stopwatch(job.settings.device if job.options.profile else None)
    surrogates = {spec: stop.between_batches(model.classifier) for spec, model in job.lineup.surrogates.items()}
    done = run.count()
    with progress(job.header["records_expected"], done, shown=job.world.leads) as advance:
        if job.world.leads and "markdown" in job.options.formats:
            advance = Watched(refresh, advance, done)
        means = Run(run, job.settings, advance, surrogates, claims, job.world, stopwatch)
        work_through(tasks, job, pictures, means, stop)
    if job.options.profile:
        say(stopwatch.report(time.perf_counter() - begun))
    if job.world.leads:
        findings = audit(job, pictures, run, before, means.settings, stop)
        stop.check()
        run.finish(now(), [asdict(finding) for finding in findings])
    illustrate(job, pictures, run, means.settings, stop)


def work_through(tasks: Sequence[Task], job: Job, pictures: Pictures, means: Run, stop: Stop) -> None:
    """Do what is free of the tasks; then help the other processes, and wait for them."""
    helping = False
    while pending := [task for task in tasks if task.missing(means.store)]:
        done = 0
        for task in pending:
            subjects = job.lineup.subjects(pictures.seen(task.groups), stop)
            done += evaluate(pictures.read(task, task.chunks(means, helping=helping)), task, subjects, means)
        if helping and not done:
            time.sleep(PATIENCE)  # the rest is in others' hands
            stop.check()
            means.hear()
        helping = True


def audit(
    job: Job, pictures: Pictures, run: Store, weights: Mapping[str, str], settings: Settings, stop: Stop
) -> list[Finding]:
    """Look for what speaks against the attacks' results: in the records, and by probing the models with a few images.

    weights: hashes from before the run. settings: those that the run ended with.
    """
    attacked = attack_audit.attacked(job.groups)
    if not attacked:
        return []
    group, findings = attacked[0], audit_records(run.frame())
    batch = pictures.first([group], attack_audit.PROBED)
    subjects = job.lineup.subjects(pictures.seen([group]), stop)
    for subject, model in zip(subjects, job.lineup.evaluated, strict=True) if batch.sample_ids else ():
        images = as_float(batch.views[subject.views[group.view]].to(settings.device))
        labels = group.scoring.positions(batch.labels).to(settings.device)
        findings += attack_audit.audit_model(subject, model, group, images, labels, settings)
    return [*findings, *attack_audit.audit_weights(weights, attack_audit.weights_of(job.lineup.evaluated, job.groups))]


def illustrate(job: Job, pictures: Pictures, run: Store, settings: Settings, stop: Stop) -> None:
    """Make pictures of the first images that can be read of the first data set that is corrupted or attacked.

    Of several processes the one that leads makes them, and only for a page that shows them.
    """
    if not job.world.leads or "html" not in job.options.formats:
        return
    for dataset in dict.fromkeys(group.dataset for group in job.groups):
        if shown := examples.chosen([group for group in job.groups if group.dataset == dataset]):
            groups = [group for group, _ in shown]
            subjects = job.lineup.subjects(pictures.seen(groups), stop)
            batch = pictures.first(groups, examples.IMAGES)
            if batch.sample_ids:
                made = examples.pictures(batch, subjects, shown, settings)
                examples.save(run.folder, made, pictures.class_names(dataset))
            return
