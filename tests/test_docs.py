"""The examples of the documents, executed: what they promise is what happens."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import documents
import duckdb
import pandas as pd
import pytest
import small_runs
from documents import DOCUMENTS, ROOT, Block

import datasets
import evaluate_robustness
from datasets import __main__ as datasets_command
from reports import __main__ as reports_command
from reports.results import COLUMNS
from robustness.attacks import ATTACKS
from robustness.corruptions import __main__ as corruptions_command
from robustness.records import SCHEMA
from robustness.suites import SUITES

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


def test_examples_on_a_run_of_two_suites(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ImageNet-R brings ImageNet's images of its classes along, under the same names."""
    shutil.rmtree(results / "my-run")
    rows = small_runs.records(["a", "b"], small_runs.threshold({"a": 36, "b": 20}))
    clean = rows[rows["condition"] == "clean"].assign(suite="imagenet-r", correct=False)
    both = pd.concat([rows, clean, clean.assign(dataset="imagenet-r")])
    small_runs.write(results / "my-run", both, small_runs.header("my-run", ["a", "b"], both))
    names: dict[str, Any] = {}
    for example in blocks("records.md", "python"):
        exec(compile(example, "records.md", "exec"), names)  # noqa: S102 (our own document)
    assert capsys.readouterr().out.count("class/") == 5
    assert [len(names[name]) for name in ("clean", "correct")] == [2 * small_runs.IMAGES, small_runs.IMAGES]
    (summary,) = (b.text for b in documents.blocks(ROOT / "README.md") if "read_parquet" in b.text)
    *lines, last = summary.splitlines()
    exec("\n".join(lines), names)  # noqa: S102 (our own document)
    rates = eval(last, names)  # noqa: S307 (our own document)
    assert rates[:, :, "clean"].droplevel("severity").to_dict() == {
        ("imagenet", "imagenet"): 0.7,
        ("imagenet-r", "imagenet"): 0.0,
        ("imagenet-r", "imagenet-r"): 0.0,
    }
    top1 = duckdb.sql(blocks("records.md", "sql")[0]).df()
    assert top1[top1["condition"] == "clean"]["top1"].tolist() == [0.9, 0, 0, 0.5, 0, 0]


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


NEEDS = {"imagenet", "data", "weights", "network", "install", "gpu", "time", "processes"}
MARKED = {"benchmarks/README.md": ("needs", "time")}  # documents whose every block needs the same
PRODUCT = ("robustness", "pit", "datasets", "reports", "tests", "evaluate_robustness.py", "pyproject.toml")
WNIDS = datasets.ADAPTERS["imagenet"].labels.names
COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "evaluate_robustness.py": evaluate_robustness.main,
    "-m reports": reports_command.main,
    "-m datasets": datasets_command.main,
    "-m robustness.corruptions": corruptions_command.main,
}


@pytest.fixture
def workplace(results: Path) -> Path:
    """A folder with what examples name: past runs, and the bundled photographs as people keep ImageNet."""
    val = results.parent / "imagenet" / "val"
    dataset = datasets.open_sample()
    for sample in dataset.samples:
        folder = val / WNIDS[sample.label]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(dataset.path) / sample.sample_id, folder)
    shutil.copytree(val, results.parent / "holiday")
    shutil.copy(next(val.rglob("*.jp*g")), results.parent / "photo.jpg")
    for kind in ("tar", "zip"):
        shutil.make_archive(str(val), kind, val)
    return results.parent


def does(words: list[str]) -> int | None:
    """Run a command of this project in this process."""
    python, *rest = words
    assert python == "python", words
    size = 2 if rest[0] == "-m" else 1
    return COMMANDS[" ".join(rest[:size])](rest[size:])


def is_sound(words: list[str]) -> None:
    """Check what can be without running it: flags are known and files are there."""
    command = "evaluate_robustness.py"
    if command in words:
        assert evaluate_robustness.parse(words[words.index(command) + 1 :]) is not None
        return
    for word in words:
        if re.fullmatch(r"[\w/-]+\.(txt|sh|py)", word):
            assert (ROOT / word).exists() or (ROOT / "docs" / word).exists(), word


def perform(block: Block, names: dict[str, Any]) -> None:
    """Do what a block says, or check it where its mark names what is missing here."""
    kind, value = block.mark if block.mark[0] else MARKED.get(block.document, ("", ""))
    if kind == "not":
        return
    if kind == "file":
        Path(value).write_text(block.text)
    elif kind == "needs":
        assert value in NEEDS, f"{block}: {value} is no mark"
        if block.language == "sh":
            for words in block.commands:
                is_sound(words)
        else:
            compile(block.text, str(block), "exec")
    elif block.language == "sh":
        for words in block.commands:
            assert does(words) in (0, None), f"{block}: {words}"
    elif block.language == "python":
        exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 (our own document)
    elif block.language == "sql":
        assert len(duckdb.sql(block.text).df()), block
    else:
        pytest.fail(f"{block}: a block of {block.language or 'no language'} is neither done nor marked")


OTHERS = [path for path in DOCUMENTS if path.name != "extending.md"]


@pytest.mark.parametrize("path", OTHERS, ids=[path.relative_to(ROOT).as_posix() for path in OTHERS])
def test_every_block_is_done_or_says_what_it_needs(
    path: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(workplace))
    names: dict[str, Any] = {}
    for block in documents.blocks(path):
        perform(block, names)
    if path.name == "compare.md":
        assert "RANDOM WEIGHTS" in Path("results/small/report.md").read_text()
        assert {*pd.read_csv("results/small/comparisons.csv")["metric"]} == {"top1", "robust_accuracy"}


def test_what_is_added_works_and_meets_the_contracts(workplace: Path) -> None:
    tree = workplace / "tree"
    tree.mkdir()
    for name in PRODUCT:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tree / name)
    shutil.copytree(workplace / "holiday", tree / "holiday")
    for block in documents.blocks(ROOT / "docs" / "extending.md"):
        if block.mark[0] == "file":
            (tree / block.mark[1]).write_text(block.text)
        elif block.language == "diff":
            changed = tree / block.text.split()[1]
            changed.write_text(documents.patched(changed.read_text(), block.text))
        else:
            assert block.language == "sh", block
            for _, *words in block.commands:
                subprocess.run([sys.executable, *words], cwd=tree, check=True, timeout=300)
    scores = pd.read_csv(tree / "results" / "own" / "scores.tsv", sep="\t")
    assert "stripes" in {*scores["condition"]} and "mean_confidence" in {*scores["metric"]}
    assert scores["condition"].str.startswith("corners(").any()
    holiday = pd.read_csv(tree / "results" / "holiday" / "scores.csv")
    assert holiday[holiday["metric"] == "top1"]["n"].max() == 20


def test_every_finding_of_the_audit_is_explained() -> None:
    code = "".join((ROOT / "robustness" / name).read_text() for name in ("audit.py", "probes.py", "attack_audit.py"))
    named = set(re.findall(r'(?:yield |Finding\(|^ +\()"([a-z-]+)", ', code, flags=re.MULTILINE))
    section = (DOCS / "attacks.md").read_text().partition("## What the audit says")[2]
    assert named == {*re.findall(r"`([a-z-]+)` \((?:warning|error)\)", section)}


def test_every_suite_and_attack_is_in_its_document() -> None:
    attacks = (DOCS / "attacks.md").read_text()
    assert [name for name in ATTACKS if f"`{name}`" not in attacks] == []
    readme = (ROOT / "README.md").read_text()
    assert [name for name in SUITES if f"`{name}`" not in readme] == []


def test_links_lead_to_files() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_blocks_are_found_however_they_are_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    (tmp_path / "a.md").write_text(
        "A\n\n    python x.py\n\n- list\n  ```sh\n  python y.py\n  ```\n<!-- needs: gpu -->\n\n~~~\nz\n~~~\n"
    )
    found = documents.blocks(tmp_path / "a.md")
    assert [(block.language, block.mark) for block in found] == [
        ("sh", ("", "")),
        ("sh", ("", "")),
        ("", ("needs", "gpu")),
    ]


@pytest.mark.parametrize(
    "block",
    [Block("a.md", 1, "json", "{}"), Block("a.md", 1, "sh", "ls", ("needs", "luck"))],
    ids=["no mark", "an unknown mark"],
)
def test_a_block_that_is_neither_done_nor_marked_fails(block: Block) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception), match=r"a\.md:1"):
        perform(block, {})
