"""Several runs as one set of results, in which figures of other images stand apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from .comparisons import UNKNOWN
from .details import Details
from .differing import Runs, differences, flat
from .errors import ReportError
from .images import Images
from .limits import warnings
from .results import COMPARISON_COLUMNS, SCHEMA, Comparison, Results
from .table import Subject

_SHARED = ("seed", "precision", "jpeg", "limit")


def named(folders: Sequence[Path]) -> dict[str, Path]:
    """Name the runs by their folders, or by their paths where folders are called alike.

    Raises ReportError for fewer than two, and for one that is given twice.
    """
    if len(folders) < 2:
        raise ReportError("a comparison needs two runs or more")
    paths = [folder.resolve() for folder in folders]
    if len({*paths}) < len(folders):
        raise ReportError("a run is given twice")
    names = [path.name.encode(errors="backslashreplace").decode() for path in paths]  # reports are UTF-8
    alike = len(set(names)) < len(names)
    return {str(folder) if alike else name: folder for name, folder in zip(names, folders, strict=True)}


def model_names(headers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Name the models of each run: as they are, and with the run behind where several runs have one so called."""
    own = {run: [model["name"] for model in header["identity"]["models"]] for run, header in headers.items()}
    everyone = [model for models in own.values() for model in models]
    return {
        run: {model: model if everyone.count(model) == 1 else f"{model} ({run})" for model in models}
        for run, models in own.items()
    }


def renamed(results: Results, names: Mapping[str, str]) -> Results:
    """Give the models of a run other names."""
    identity = results.header["identity"]
    models = [{**model, "name": names[model["name"]]} for model in identity["models"]]
    found = results.header.get("findings") or ()
    findings = [{**finding, "model": names.get(finding["model"], finding["model"])} for finding in found]
    header = {**results.header, "identity": {**identity, "models": models}, "findings": findings}
    scores = results.scores.assign(model=results.scores["model"].map(names))
    tables = {
        name: table.assign(model=[names.get(model, model) for model in table["model"]])
        for name, table in results.details.tables.items()
    }
    return replace(results, header=header, scores=scores, details=Details(tables))


def incomparable(figures: Iterable[tuple[Subject, Sequence[str]]], images: Images) -> pd.DataFrame:
    """Lay out, as rows of a comparison's differences, the pairs of models whose figures are of different images.

    figures: what they are of, and the models that have them.
    """
    rows = [
        {
            **dict(zip(("suite", "dataset", "condition", "metric"), subject, strict=True)),
            **{"model": model, "other": other, "n": 0, "unit": "", "verdict": UNKNOWN},
            "note": f"the images are not the same: {labels[model]}, {labels[other]}",
        }
        for subject, models in figures
        for labels in ({model: images.label(model, *subject[:3]) for model in models},)
        for model, other in combinations(models, 2)
        if labels[model] != labels[other]
    ]
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS["differences"])


def joined(runs: Runs, comparison: Comparison, command: str) -> Results:
    """Join the results of several runs, whose models have names of their own, and their comparison.

    command: how to compare them again.
    """
    images = Images(runs)
    scores = pd.concat([results.scores for results in runs.values()], ignore_index=True)
    kinds = [*scores[["model", "suite", "dataset", "condition"]].itertuples(index=False, name=None)]
    labels = {kind: images.label(*kind) for kind in dict.fromkeys(kinds)}
    tables: dict[str, list[pd.DataFrame]] = {}
    for results in runs.values():
        for name, table in results.details.tables.items():
            tables.setdefault(name, []).append(table)
    details = Details({name: pd.concat(own).drop_duplicates(ignore_index=True) for name, own in tables.items()})
    header = _header(runs, images, command)
    return Results(header, scores.assign(dataset=[*map(labels.get, kinds)]), comparison, details, runs)


def _header(runs: Runs, images: Images, command: str) -> dict[str, Any]:
    """Write the header of a comparison: what the runs have in common, and what differs."""
    headers = [results.header for results in runs.values()]
    identities = [header["identity"] for header in headers]
    data = {
        label: {**entry, "dataset": label}
        for results in runs.values()
        for name in map(str, results.scores["dataset"].unique())
        if (entry := results.data_of(name))
        for label in (images.label(results.models[0], "", name, ""),)
    }
    surrogates = [model for identity in identities for model in identity.get("surrogates", ())]
    return {
        "schema": SCHEMA,
        "name": " | ".join(runs),
        "command": command,
        "version": " | ".join(dict.fromkeys(header["version"] for header in headers)),
        "start": min(header["start"] for header in headers),
        "end": max(header["end"] for header in headers) if all(header.get("end") for header in headers) else None,
        "notes": _notes(runs, images.differing),
        "suite_notes": _merged(headers, "suite_notes"),
        "suite_sources": _merged(headers, "suite_sources"),
        "differences": differences(runs),
        "runs": {run: dict(results.header) for run, results in runs.items()},
        "identity": {
            **{key: _common([identity.get(key) for identity in identities]) for key in _SHARED},
            "models": [model for identity in identities for model in identity["models"]],
            "surrogates": [model for place, model in enumerate(surrogates) if model not in surrogates[:place]],
            "data": list(data.values()),
            "suites": list(dict.fromkeys(suite for identity in identities for suite in identity["suites"])),
        },
        "environment": {
            name: value
            for name, value in flat(headers[0]["environment"]).items()
            if all(flat(header["environment"]).get(name) == value for header in headers)
        },
    }


def _notes(runs: Runs, other_images: Sequence[str]) -> list[str]:
    """Gather what stands on top: that images are not the same, what is said of all runs, and what of some."""
    said = {run: warnings(results) for run, results in runs.items()}
    notes = dict.fromkeys(note for own in said.values() for note in own)
    alarm = (
        f"The runs have different images of {', '.join(other_images)}: their figures stand side by side, but they are "
        "not comparable, and no difference between them is tested."
    )
    owners = {note: [run for run, own in said.items() if note in own] for note in notes}
    everywhere = [note for note, own in owners.items() if len(own) == len(runs)]
    some = [f"{', '.join(own)}: {note}" for note, own in owners.items() if len(own) < len(runs)]
    return [*([alarm] if other_images else []), *everywhere, *some]


def _merged(headers: Sequence[Mapping[str, Any]], key: str) -> dict[str, str]:
    """Join what runs say of their suites; where they say different things, all of these."""
    texts: dict[str, dict[str, None]] = {}
    for header in headers:
        for suite, text in header.get(key, {}).items():
            texts.setdefault(suite, {})[text] = None
    return {suite: " | ".join(filter(None, said)) for suite, said in texts.items()}


def _common(values: Sequence[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else "differing"
