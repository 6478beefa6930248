"""Reports on past runs: they need no model, no data set and no torch.

python -m reports compare results/pit_s results/resnet50 --out results/comparison
python -m reports render results/pit_s --formats latex,model-card
"""

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError

# This command joins two packages, as evaluate_robustness.py joins all: figures are folded and compared from records.
if __package__ == "reports":
    from robustness.metrics import fold
    from robustness.metrics.comparison import compare as compare_models
    from robustness.metrics.comparison import compare_figures
    from robustness.metrics.folding import typed
    from robustness.metrics.headlines import OPTIONAL, Headline, headlines
else:  # installed below one root name
    from ..robustness.metrics import fold  # type: ignore
    from ..robustness.metrics.comparison import compare as compare_models  # type: ignore
    from ..robustness.metrics.comparison import compare_figures  # type: ignore
    from ..robustness.metrics.folding import typed  # type: ignore
    from ..robustness.metrics.headlines import OPTIONAL, Headline, headlines  # type: ignore

from . import FORMATS, check_formats, read_details, stored, text, write
from .compare import incomparable, joined, model_names, named, renamed
from .errors import ReportError
from .images import Images
from .results import Comparison, Results

DONE, FAILED, MISUSED = 0, 1, 2
_OF_A_MODEL = "model-card"  # the format that is of one run's models
app = App(
    name="python -m reports",
    help=__doc__,
    help_format="plaintext",
    version_flags=(),
    exit_on_error=False,
    print_error=False,
)
_USUAL = "csv,markdown,html"


def _choice(formats: Iterable[str]) -> Parameter:
    return Parameter(help=f"Which files to write, of {','.join(formats)}.")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command with `words` for its arguments and return its exit code; they default to the command line's."""
    said = " ".join(sys.argv[1:] if words is None else words)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack the dash of an empty cell
    try:
        said.encode()
    except UnicodeEncodeError:
        return _fail(ReportError(f"not UTF-8, as reports must be: {said}; rename the folder, or link to it"), MISUSED)
    try:
        code: int | None = app(words, result_action="return_value")
    except CycloptsError as error:
        return _fail(ReportError(str(error).strip()), MISUSED)
    except (ReportError, OSError) as error:
        return _fail(error, FAILED)
    return code or DONE


@app.command(name="compare")
def compare_command(
    runs: Annotated[tuple[Path, ...], Parameter(negative="", json_list=False)],
    /,
    *,
    out: Path,
    formats: Annotated[str, _choice(name for name in FORMATS if name != _OF_A_MODEL)] = _USUAL,
) -> int:
    """Set past runs side by side, and test how far apart their models are.

    Runs are compared only if they are of the very same images of a data set:
    give all the same data and the same --limit. Otherwise their figures stand
    apart as not comparable, however many images they share. If a run lacks
    records of some images, only those count that both models have.

    Parameters
    ----------
    runs
        Their folders.
    out
        Where the reports go.
    """
    try:
        wanted = _formats(formats)
        folders = named(runs)
        if _OF_A_MODEL in wanted:
            raise ReportError(f"{_OF_A_MODEL} is of one run: python -m reports render RUN --formats {_OF_A_MODEL}")
        _spare_runs(out)
    except ReportError as error:
        return _fail(error, MISUSED)
    command = shlex.join(["python", "-m", "reports", "compare", *map(str, runs), "--out", str(out)])
    results = compare(folders, command)
    write(results, out, wanted)
    print(text(results))
    return DONE


@app.command(name="render")
def render_command(
    run: Path,
    /,
    *,
    formats: Annotated[str, _choice(FORMATS)] = _USUAL,
    out: Path | None = None,
) -> int:
    """Write the reports of a past run again, from its records or, where these are gone, from its tables.

    Parameters
    ----------
    run
        Its folder.
    out
        Where the reports go, if not into the run's own folder.
    """
    try:
        wanted = _formats(formats)
        if out is not None and out.resolve() != run.resolve():
            _spare_runs(out)
    except ReportError as error:
        return _fail(error, MISUSED)
    results = results_of(run)
    for path in write(results, out or run, wanted):
        print(path)
    return DONE


def compare(folders: Mapping[str, Path], command: str) -> Results:
    """Compare the runs in `folders`, by name. Raises ReportError for one that cannot be read.

    command: how to do it again, for the report.
    """
    headers = {run: stored.read_header(folder) for run, folder in folders.items()}
    names = model_names(headers)
    runs, records = {}, []
    for run, folder in folders.items():
        own = stored.read_records(folder)
        scored = replace(_scored(folder, headers[run], own), details=read_details(folder, examples=False))
        runs[run] = renamed(scored, names[run])
        records.append(own.assign(model=own["model"].map(names[run])))
    seed = next(iter(headers.values()))["identity"]["seed"]
    return joined(runs, _compared(pd.concat(records, ignore_index=True), runs, seed), command)


def _compared(records: pd.DataFrame, runs: Mapping[str, Results], seed: int) -> Comparison:
    """Compare figures of the same images, and name those that are not."""
    images, models = Images(runs), [model for results in runs.values() for model in results.models]
    figures = headlines(typed(records, OPTIONAL))
    found = compare_figures([part for figure in figures for part in _by_images(figure, images, models)], seed=seed)
    subjects = [
        ((f.suite, f.dataset, f.condition, f.metric), [model for model in models if model in f.images]) for f in figures
    ]
    apart = incomparable(subjects, images).astype(found.differences.dtypes.to_dict())
    differences = pd.concat([found.differences, apart], ignore_index=True)
    return Comparison(differences, found.ranking, found.consistency)


def _by_images(figure: Headline, images: Images, models: Sequence[str]) -> list[Headline]:
    """Split a figure by the images that it is of, its models in order."""
    parts: dict[str, dict[str, Any]] = {}
    for model in models:
        if model in figure.images:
            label = images.label(model, figure.suite, figure.dataset, figure.condition)
            parts.setdefault(label, {})[model] = figure.images[model]
    return [replace(figure, dataset=label, images=own) for label, own in parts.items()]


def results_of(folder: Path) -> Results:
    """Read a run: with scores and comparison from its records, or from its tables where the records are gone.

    Raises ReportError for a run that cannot be read.
    """
    header = stored.read_header(folder)
    if not stored.has_records(folder):
        return stored.read_tables(folder, header)
    records = stored.read_records(folder)
    results = _scored(folder, header, records)
    found = compare_models(records, seed=header["identity"]["seed"], models=results.models)
    comparison = Comparison(found.differences, found.ranking, found.consistency)
    return replace(results, comparison=comparison, details=read_details(folder))


def _scored(folder: Path, header: Mapping[str, Any], records: pd.DataFrame) -> Results:
    """Fold a run's records. Raises ReportError for what is missing from its header, and for impossible records."""
    now = stored.as_of(header, records)
    if strangers := {*records["model"].unique()} - {model["name"] for model in header["identity"]["models"]}:
        raise ReportError(f"{folder} has records of models that its header does not know: {', '.join(strangers)}")
    try:
        scores = fold(records, seed=header["identity"]["seed"], notes=now["suite_notes"])
        return Results(now, scores)
    except (ReportError, ValueError) as error:
        raise ReportError(f"{folder}: {error}") from error


def _spare_runs(out: Path) -> None:
    """Raise ReportError for a folder of reports that is a run's own."""
    if (out / stored.HEADER).exists():
        raise ReportError(f"--out {out} is a run; its reports would be lost")


def _formats(listed: str) -> list[str]:
    wanted = [name.strip() for name in listed.split(",") if name.strip()]
    check_formats(wanted)
    return wanted


def _fail(error: Exception, code: int) -> int:
    print(f"error: {error}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
