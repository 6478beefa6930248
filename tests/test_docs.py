"""The examples of the documents, executed: what they promise is what happens."""

import re
import shlex
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import small_runs

import evaluate_robustness
from reports import __main__ as reports_command
from reports.results import COLUMNS
from robustness.records import SCHEMA

DOCS = Path(__file__).parents[1] / "docs"


def blocks(document: str, language: str, heading: str = "") -> list[str]:
    """List the code blocks of a document, or of what follows one of its headings."""
    text = (DOCS / document).read_text().partition(heading)[2] if heading else (DOCS / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def columns_of(table: str) -> dict[str, str]:
    """List what the first column of the table below a heading names, in order, with the second column."""
    section = (DOCS / "records.md").read_text().partition(f"## {table}")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", section, flags=re.MULTILINE)
    return {name: second for first, second in rows for name in re.findall(r"`(\w+)`", first)}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a run of two models in it, and another run."""
    small_runs.run(tmp_path / "results" / "my-run", {"a": 36, "b": 20})
    small_runs.run(tmp_path / "results" / "other", {"c": 30})
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


def test_examples_in_pandas(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    examples = blocks("records.md", "python")
    assert len(examples) == 2
    for example in examples:
        exec(compile(example, "records.md", "exec"), names)  # noqa: S102 (our own document)
        assert capsys.readouterr().out.count("\n") > 4
    records = names["records"]
    assert list(records.columns) == SCHEMA.names
    assert records[records["condition"] == "clean"].groupby("model")["correct"].mean().to_dict() == {"a": 0.9, "b": 0.5}


def test_examples_in_duckdb(results: Path) -> None:
    examples = blocks("records.md", "sql")
    assert len(examples) == 3
    top1, errors, least = (duckdb.sql(example).df() for example in examples)
    clean = top1[top1["condition"] == "clean"].set_index("model")["top1"]
    assert clean.to_dict() == {"a": 0.9, "b": 0.5}
    assert len(top1) == 2 * (1 + 10 + 1)
    assert errors[["run", "model"]].to_numpy().tolist() == [["my-run", "a"], ["other", "c"], ["my-run", "b"]]
    assert len(least) == 10 and least["linf"].between(0, 4 / 255 + 1e-6).all()


def test_every_column_is_explained() -> None:
    types = {"text": "string", "float32": "float"}  # where the document's word is not parquet's
    explained = columns_of("Columns of the records")
    assert [(name, types.get(kind, kind)) for name, kind in explained.items()] == [
        (f.name, str(f.type)) for f in SCHEMA
    ]
    assert list(columns_of("Columns of scores.csv")) == COLUMNS


def test_robust_accuracy_is_what_the_document_says(results: Path) -> None:
    records = pd.read_parquet(results / "my-run" / "records")
    attacked = records[(records["suite"] == "adversarial") & (records["model"] == "a")]
    scores = reports_command.results_of(results / "my-run").scores
    own = scores[(scores["model"] == "a") & (scores["suite"] == "adversarial")].set_index("metric")["value"]
    assert (attacked["clean_correct"] & attacked["correct"]).mean() == pytest.approx(own["robust_accuracy"])
    assert attacked["success"].dropna().mean() == pytest.approx(own["attack_success_rate"])


def words_of(block: str) -> list[list[str]]:
    return [shlex.split(line) for line in block.splitlines()]


def test_the_recipe_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("compare.md", "sh", "## In small")
    for python, *words in words_of(block):
        assert python == "python"
        if words[0] == "evaluate_robustness.py":
            assert evaluate_robustness.main(words[1:]) == 0
        else:
            assert words[:2] == ["-m", "reports"]
            assert reports_command.main(words[2:]) == 0
    report = (tmp_path / "results" / "small" / "report.md").read_text()
    assert "RANDOM WEIGHTS" in report
    assert "compared with" in report
    assert {*pd.read_csv("results/small/comparisons.csv")["metric"]} == {"top1", "robust_accuracy"}


def test_the_recipe_in_full_is_commands_that_exist() -> None:
    runs, comparison, _ = blocks("compare.md", "sh")
    for _, _, *words in words_of(runs):
        options = evaluate_robustness.parse(words)
        assert options is not None and options.suite == ("imagenet-c",) and options.name
    ((_, _, _, *words),) = words_of(comparison)
    folders = [f"results/{words_of(runs)[place][-1]}" for place in range(3)]
    assert words[:4] == ["compare", *folders]
