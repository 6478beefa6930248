"""A block for a model's card on the Hugging Face Hub: `model-card.md`, one for each model of a run.

Between the lines of dashes stands the `model-index` that the Hub reads (hub-docs, modelcard.md): figures in the units
of `scores.csv`, with their intervals. Below it the same figures are a table for people.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from huggingface_hub import EvalResult, ModelCardData

from .cells import figure
from .limits import warnings
from .markdown import escape, grid
from .results import Measurement, Results
from .table import METRIC_NAMES, OVERALL, Table, summary_columns, without_severity

_HUB_METRICS = {"top1": "accuracy"}  # what the Hub has a name for
_PAPER = re.compile(r"(?:arXiv:|https://)([\w./-]+\w)")


def render(results: Results) -> dict[str, str]:
    """Render `model-card.md`, or `model-card.MODEL.md` for each of several models."""
    names = _file_names(results.models)
    return {names[model]: _card(results, model) for model in results.models}


def _file_names(models: Sequence[str]) -> dict[str, str]:
    """Name the files by models, each differently on every file system."""
    if len(models) == 1:
        return {models[0]: "model-card.md"}
    names: dict[str, str] = {}
    for place, model in enumerate(models, start=1):
        word = re.sub(r"[^A-Za-z0-9_.+-]+", "-", model)[:100].strip("-.")
        taken = {name.lower() for name in names.values()}
        plain = f"model-card.{word}.md"
        names[model] = f"model-card.{word}-{place}.md" if not word or plain.lower() in taken else plain
    return names


def _card(results: Results, model: str) -> str:
    rows = without_severity(results)
    figures = {name: rows[model, *subject] for name, subject in summary_columns(results) if (model, *subject) in rows}
    measured = {name: row for name, row in figures.items() if row.value is not None}
    blocks = [f"## Robustness of {escape(model)}"]
    blocks += [f"> **Warning:** {escape(warning)}" for warning in warnings(results)]
    blocks += [grid(_table(measured)) if measured else "Nothing was measured.", escape(" ".join(_origin(results)))]
    head = f"---\n{_index(results, model, list(measured.values()))}\n---\n\n" if measured else ""
    return head + "\n\n".join(blocks) + "\n"


def _index(results: Results, model: str, rows: Sequence[Measurement]) -> str:
    """Write the `model-index`, which holds one model."""
    found = [_result(results, row) for row in rows]
    return str(ModelCardData(model_name=model, eval_results=found).to_yaml()).strip()


def _result(results: Results, row: Measurement) -> EvalResult:
    header, data = results.header, results.data_of(row.dataset)
    source = header.get("suite_sources", {}).get(row.suite, "")
    paper = _PAPER.search(source)  # the Hub wants an address of every source
    where = row.suite if row.condition in ("clean", OVERALL) else f"{row.suite}, {row.condition}"
    stated = {"low": row.low, "high": row.high, "n": row.n, "unit": row.unit, "note": row.note}
    return EvalResult(
        task_type="image-classification",
        task_name="Image classification",
        dataset_type=row.dataset,
        dataset_name=f"{where} ({data['count']} images)" if data else where,
        dataset_config=f"{row.suite}/{row.condition}",
        dataset_args={"sha256": data["sha256"], "precision": header["identity"]["precision"]} if data else None,
        metric_type=_HUB_METRICS.get(row.metric, row.metric),
        metric_name=METRIC_NAMES.get(row.metric, row.metric),
        metric_value=row.value,
        metric_args={name: value for name, value in stated.items() if value not in (None, "")},
        source_name=f"{source}; measured with pit-robustness {header['version']}" if paper else None,
        source_url=paper[0].replace("arXiv:", "https://arxiv.org/abs/") if paper else None,
    )


def _table(figures: Mapping[str, Measurement]) -> Table:
    cells = tuple((name, figure(row), str(row.n)) for name, row in figures.items())
    return Table("", ("figure", "value", "n"), cells)


def _origin(results: Results) -> Iterator[str]:
    header = results.header
    yield "95 % intervals in brackets; mCE and relative mCE: AlexNet = 100, lower is better."
    data = (f"{data['dataset']} ({data['count']} images, {data['sha256'][:12]})" for data in header["identity"]["data"])
    yield f"Data: {', '.join(data)}; {header['identity']['precision']}, seed {header['identity']['seed']}."
    yield f"Measured with pit-robustness {header['version']}, started {header['start']}: {header['command']}"
