"""The text formats: golden files of a small fixed run, compiled LaTeX, cards that the Hub reads, Markdown that parses.

UPDATE_GOLDEN=1 python -m pytest tests/test_reports_formats.py writes the golden files anew; look at the difference.
"""

import json
import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_runs
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from small_runs import PGD

with warnings.catch_warnings():  # of its own dependencies
    warnings.simplefilter("ignore")
    from huggingface_hub import ModelCard

from reports import FORMATS, Results, text
from reports.__main__ import main, results_of
from reports.latex import escape
from reports.verdict import verdict
from robustness.metrics.alexnet import STANDARD

GOLDEN = Path(__file__).parent / "golden"
TEXTS = "csv,markdown,latex,json,model-card"
HOSTILE = (r"\input{/etc/passwd}", "<script>alert(1)</script> **b** [c](d) a|b `e` _f_ %$#&~^{}")
PDFLATEX = shutil.which("pdflatex")


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model clearly better than another, one corruption."""
    return small_runs.run(tmp_path_factory.mktemp("runs") / "fixed", {"pit_s": 36, "resnet50": 20}, ("fog",))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Names that mean something in every format."""
    return results_of(
        small_runs.run(tmp_path_factory.mktemp("runs") / "hostile", dict(zip(HOSTILE, (36, 20), strict=True)))
    )


def rounded(content: str) -> str:
    """Write long fractions with six digits: the last ones may differ between versions of scipy."""
    return re.sub(r"-?\d+\.\d{7,}(?:e-?\d+)?", lambda number: f"{float(number[0]):.6g}", content)


def test_golden_files(fixed: Path, tmp_path: Path) -> None:
    assert main(["render", str(fixed), "--out", str(tmp_path), "--formats", TEXTS]) == 0
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    if os.environ.get("UPDATE_GOLDEN"):
        for name, content in made.items():
            (GOLDEN / name).write_text(rounded(content))
    assert set(made) <= {path.name for path in GOLDEN.iterdir()}
    for name, content in made.items():
        assert rounded(content) == (GOLDEN / name).read_text(), f"{name}: see the top of this file"


# LaTeX


def compiled(tables: str, folder: Path) -> tuple[str, str]:
    """Compile in an article; returns the log and what can be read in the PDF."""
    (folder / "tables.tex").write_text(tables, encoding="utf-8")
    (folder / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs,array}\begin{document}\input{tables}\end{document}"
    )
    command = [str(PDFLATEX), "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    reader = shutil.which("pdftotext")
    read = [str(reader), "-layout", "paper.pdf", "-"]
    shown = subprocess.run(read, cwd=folder, capture_output=True, text=True, check=True).stdout if reader else ""
    return done.stdout, shown


@pytest.mark.skipif(PDFLATEX is None, reason="pdflatex is not installed")
def test_latex_compiles_and_fits_the_line(fixed: Path, tmp_path: Path) -> None:
    log, shown = compiled(FORMATS["latex"](results_of(fixed))["tables.tex"], tmp_path)
    assert "Overfull" not in log
    if shown:
        words = " ".join(shown.split())
        assert "90.0 %" in words
        assert "precision fp32, seed 0" in words
        assert "Hendrycks and Dietterich 2019" in words


@pytest.mark.skipif(PDFLATEX is None, reason="pdflatex is not installed")
def test_hostile_names_are_text_in_latex(hostile: Results, tmp_path: Path) -> None:
    _, shown = compiled(FORMATS["latex"](hostile)["tables.tex"], tmp_path)
    if shown:
        squeezed = re.sub(r"\s", "", shown)
        assert r"\input{/etc/passwd}" in squeezed
        assert "root:x:0:0" not in squeezed


@pytest.mark.skipif(PDFLATEX is None, reason="pdflatex is not installed")
def test_all_that_escape_lets_through_compiles(tmp_path: Path) -> None:
    letters = "".join(map(chr, range(32, 0x250))) + "–—−×±≤≥…“”模\x00\x1b"
    _, shown = compiled("\n\n".join(escape(f"x{letter}x") for letter in letters), tmp_path)
    if shown:
        assert "[U+6A21]" in shown
        assert "x<x" in shown
        assert "x\\x" in shown


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("a_b", r"a\_\allowbreak{}b"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("74.0 % [70.0, 77.6]", r"74.0 \% [70.0,~77.6]"),
        ("[1] first in a row", "{}[1] first in a row"),
        ("two\nlines  --x", "two lines {-}{-}x"),
        ("-1.5 [-3.0, 0.0] 4-5", r"\ensuremath{-}1.5 [\ensuremath{-}3.0,~0.0] 4{-}5"),
    ],
)
def test_latex_escapes(plain: str, written: str) -> None:
    assert escape(plain) == written


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_nothing_active_is_left(content: str) -> None:
    known = r"\{\\char34\}|\\(?:[A-Za-z]+\{-?\}|ensuremath\{\\[a-z]+\}|[{}#$%&_])|\{-?\}|(?<=,)~"
    bare = re.sub(known, "", escape(content))
    assert not set(bare) & set("\\{}#$%&_~^<>|\n")


def test_only_what_is_significantly_best_is_bold(tmp_path: Path) -> None:
    clear = results_of(small_runs.run(tmp_path / "clear", {"a": 36, "b": 20}))
    close = results_of(small_runs.run(tmp_path / "close", {"a": 30, "b": 29}))
    for name, bold in (("latex", r"\textbf{"), ("markdown", "| **")):
        assert bold in "".join(FORMATS[name](clear).values())
        assert bold not in "".join(FORMATS[name](close).values())
    assert r"\textbf{90.0 \%" in FORMATS["latex"](clear)["tables.tex"]


def test_the_verdict_is_that_of_the_paired_test(tmp_path: Path) -> None:
    apart, close = (
        results_of(small_runs.run(tmp_path / name, {"a": 30, "b": level}, ())) for name, level in (("x", 22), ("y", 29))
    )
    one, other = (row for row in apart.measurements if row.metric == "top1")
    assert one.low is not None and other.high is not None and one.low < other.high  # the intervals meet
    assert not [paragraph for paragraph in verdict(apart) if "do not separate" in paragraph]
    assert verdict(close)[-1].endswith("The images do not separate a from b.")


def test_long_tables_go_on(tmp_path: Path) -> None:
    one = results_of(small_runs.run(tmp_path / "one", {"a": 30}, ()))
    scores = pd.concat([one.scores.assign(model=f"model_{place}") for place in range(35)])
    tables = FORMATS["latex"](Results(one.header, scores))["tables.tex"]
    assert re.search(r"Part 2 of \d\.", tables)
    assert tables.count(r"\begin{tabular}") == tables.count(r"\end{tabular}") > 8
    assert len(re.findall(r"\\label\{([^}]*)\}", tables)) == len(set(re.findall(r"\\label\{([^}]*)\}", tables)))


# Cards


def test_the_hub_reads_the_card(tmp_path: Path) -> None:
    cards = FORMATS["model-card"](results_of(small_runs.run(tmp_path / "run", {"pit_s": 36, "resnet50": 20}, STANDARD)))
    assert list(cards) == ["model-card.pit_s.md", "model-card.resnet50.md"]
    card = ModelCard(cards["model-card.pit_s.md"])
    assert card.data.model_name == "pit_s"
    found = {(result.dataset_config, result.metric_type): result for result in card.data.eval_results}
    top1, robust = found["imagenet/clean", "accuracy"], found[f"adversarial/{PGD}", "robust_accuracy"]
    assert (top1.metric_value, top1.metric_args["n"], top1.dataset_args["sha256"]) == (0.9, 40, "5ea1" * 16)
    assert top1.metric_args["low"] < top1.metric_value < top1.metric_args["high"]
    assert robust.metric_value == 0.5
    corrupted = found["imagenet-c/all", "mce"]
    assert corrupted.metric_args["unit"] == "percent of AlexNet"
    assert corrupted.source_url == "https://arxiv.org/abs/1903.12261"
    assert corrupted.source_name.startswith("Hendrycks and Dietterich 2019")
    assert "This is a sample of 40 images." in card.text
    assert card.data.to_dict()["model-index"] == yaml.safe_load(str(card.data))["model-index"]


def test_one_model_has_one_card_and_alike_names_get_their_own(tmp_path: Path) -> None:
    assert list(FORMATS["model-card"](results_of(small_runs.run(tmp_path / "one", {"a": 30}, ())))) == ["model-card.md"]
    alike = results_of(small_runs.run(tmp_path / "alike", {"a/b": 30, "A b": 20, "???": 1}, ()))
    assert list(FORMATS["model-card"](alike)) == ["model-card.a-b.md", "model-card.A-b-2.md", "model-card.-3.md"]


def test_what_was_not_measured_is_not_in_the_card(fixed: Path) -> None:
    results = results_of(fixed)
    assert "mce" in {row.metric for row in results.measurements}
    assert "mce" not in FORMATS["model-card"](results)["model-card.pit_s.md"]


def test_a_card_without_figures_claims_none(fixed: Path) -> None:
    empty = results_of(fixed)
    card = FORMATS["model-card"](Results(empty.header, empty.scores[:0]))["model-card.pit_s.md"]
    assert not card.startswith("---") and "Nothing was measured." in card


def test_hostile_names_are_text_in_cards(hostile: Results) -> None:
    cards = FORMATS["model-card"](hostile)
    assert [ModelCard(card).data.model_name for card in cards.values()] == list(HOSTILE)
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]+", name) for name in cards)


# Markdown


def parsed(content: str) -> list[Any]:
    """Parse as GitHub does: CommonMark with tables and strikethrough."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(content)


def cells(tokens: Sequence[Any]) -> list[list[str]]:
    """List the cells of every row of every table, as a reader sees them."""
    rows: list[list[str]] = []
    for place, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append("".join(child.content for child in tokens[place + 1].children))
    return rows


@pytest.mark.parametrize("which", ["fixed", "hostile"])
def test_markdown_is_tables_for_a_gfm_parser(which: str, request: pytest.FixtureRequest) -> None:
    given = request.getfixturevalue(which)
    made = results_of(given) if isinstance(given, Path) else given
    for content in (FORMATS["markdown"](made)["report.md"], *FORMATS["model-card"](made).values()):
        body = re.sub(r"\A---\n.*?\n---\n", "", content, flags=re.DOTALL)
        tokens = parsed(body)
        lines = [line for line in body.splitlines() if line.startswith("|") and not re.fullmatch(r"[|:\- ]+", line)]
        assert len(cells(tokens)) == len(lines)
        kinds = {child.type for token in tokens for child in token.children or ()}
        assert kinds <= {"text", "text_special", "strong_open", "strong_close", "softbreak"}
        assert not [token for token in tokens if token.type.startswith("html")]


def test_hostile_names_are_text_in_markdown_json_and_csv(hostile: Results, tmp_path: Path) -> None:
    shown = {cell for row in cells(parsed(FORMATS["markdown"](hostile)["report.md"])) for cell in row}
    assert {*HOSTILE} <= shown
    content = json.loads(FORMATS["json"](hostile)["report.json"])
    assert {row["model"] for row in content["scores"]} == {*HOSTILE}
    for name, table in FORMATS["csv"](hostile).items():
        (tmp_path / name).write_text(table)
        assert {*pd.read_csv(tmp_path / name)["model"]} <= {*HOSTILE}
    assert "<script>alert" not in str(FORMATS["html"](hostile)["report.html"])


def test_json_holds_the_comparison(fixed: Path) -> None:
    content = json.loads(FORMATS["json"](results_of(fixed))["report.json"])
    top1 = next(row for row in content["differences"] if row["metric"] == "top1")
    assert (top1["model"], top1["other"], top1["difference"], top1["verdict"]) == ("pit_s", "resnet50", 0.4, "better")
    mce = next(row for row in content["differences"] if row["metric"] == "mce")
    assert mce["difference"] is None and mce["note"]
    assert content["ranking"] and content["consistency"]


# Runs that go on


def unfinished(tmp_path: Path) -> Results:
    folder = small_runs.run(tmp_path / "unfinished", {"a": 30})
    (folder / "records" / "part.000001.parquet").unlink()
    header = json.loads((folder / "run.json").read_text())
    del header["records_done"]  # which the end of a run adds
    (folder / "run.json").write_text(json.dumps({**header, "end": None}))
    return results_of(folder)


def test_an_unfinished_run_says_how_far_it_is_in_every_format(tmp_path: Path) -> None:
    results = unfinished(tmp_path)
    told = "The run is not complete: 240 of 480 records are done."
    made = {name: content for format in FORMATS.values() for name, content in format(results).items()}
    for name in ("report.md", "report.html", "tables.tex", "model-card.md"):
        assert told in made[name] and "so far" in made[name]
    assert told in " ".join(text(results).split()) and "so far" in text(results)
    assert "unfinished: 200 of 400 records are done." in FORMATS["csv"](results)["scores.csv"]


def test_only_figures_of_unfinished_suites_are_marked(tmp_path: Path) -> None:
    folder = small_runs.run(tmp_path / "run", {"a": 30})
    header = json.loads((folder / "run.json").read_text())
    header["suite_records"]["adversarial"] += 1
    (folder / "run.json").write_text(json.dumps(header))
    marked = {row.suite for row in results_of(folder).measurements if row.so_far}
    assert marked == {"adversarial"}


def test_images_that_could_not_be_read_do_not_make_a_run_unfinished(tmp_path: Path) -> None:
    folder = small_runs.run(tmp_path / "run", {"a": 30})
    header = json.loads((folder / "run.json").read_text())
    header["suite_records"]["adversarial"] += 1
    (folder / "run.json").write_text(json.dumps(header | {"failures": 1}))
    assert not any(row.so_far for row in results_of(folder).measurements)
