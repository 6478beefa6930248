"""The table of all benchmarks: its rows, its command, and that every part can be run."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import attacks
from benchmarks.__main__ import BEGIN, END, PARTS
from benchmarks.attackers import Network, Scene
from benchmarks.comparison import HEADING, Comparison, lacking, missing, spread
from benchmarks.turns import take_turns

ROOT = Path(__file__).parents[1]
TWO_PARTS = ("metrics --images 0 --rounds 1", "sources --images 4 --rounds 2 --no-million")


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def comparison(cost: list[float], peer_cost: list[float], **more: str) -> Comparison:
    return Comparison("blur", "ours", "theirs", "ms", cost, peer_cost, **more)


def test_a_row_has_medians_extremes_and_the_ratios_of_the_rounds() -> None:
    row = comparison([1, 2, 4], [10, 10, 200], note="same | pixels")
    assert row.ratios == [10, 5, 50]
    expected = ["blur", "ms", "ours", "2.00 [1.00–4.00]", "theirs", "10.0 [10.0–200]", "3", "10.0 [5.00–50.0]"]
    assert cells(row.row()) == [*expected, "same / pixels"]
    assert len(cells(row.row())) == len(cells(HEADING.splitlines()[0]))


def test_rounds_must_be_of_both_sides() -> None:
    with pytest.raises(ValueError, match="blur: 1 rounds of ours, 2 of theirs"):
        comparison([1], [1, 2])


@pytest.mark.parametrize(("value", "written"), [(0.01234, "0.0123"), (99.94, "99.9"), (99.96, "100"), (12345, "12345")])
def test_numbers_have_three_digits(value: float, written: str) -> None:
    assert spread([value]) == written


def test_what_could_not_be_measured_says_why() -> None:
    row = missing("attacks", "art", "it is not installed")
    assert not row.measured
    assert cells(row.row())[-2:] == ["not measured", "it is not installed"]


def test_what_a_peer_lacks_is_said_once() -> None:
    rows = [
        comparison([1], [1], lacks="has no batch"),
        comparison([1], [2], lacks="has no batch"),
        comparison([1], [1]),
    ]
    assert lacking(rows) == ["- theirs: has no batch."]


def test_everybody_has_a_turn_in_every_round_and_the_first_warms_up() -> None:
    order: list[str] = []
    turns = take_turns({name: lambda name=name: order.append(name) or len(order) for name in "ab"}, 2)
    assert order == ["a", "b"] * 3
    assert turns == {"a": [3, 5], "b": [4, 6]}


def test_a_peer_that_is_not_installed_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))
    scene = Scene("linear", Network(network), torch.rand(2, 3, 8, 8), torch.zeros(2, dtype=torch.long))
    rows = list(attacks.compare(scene, "fgsm", "1/255", 1))
    assert [row.peer for row in rows if row.measured] == ["bare cost", "bare cost"]
    assert [row.peer for row in rows if row.note == "it is not installed"] == ["torchattacks", "foolbox", "art"]


def test_the_table_replaces_the_old_one_and_keeps_the_prose(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"# Prose\n\n{BEGIN}\nof yesterday\n{END}\n\nMore.\n")
    done = run(*TWO_PARTS, "--out", file)
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    assert text.startswith(f"# Prose\n\n{BEGIN}\n") and text.endswith(f"\n{END}\n\nMore.\n") and "yesterday" not in text
    assert done.stdout.strip() in text
    rows = [cells(line) for line in text.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert [row[0] for row in rows if row[0].startswith("**")] == ["**Figures**", "**Containers**"]
    measured = [dict(zip(rows[0], row, strict=True)) for row in rows[2:] if not row[0].startswith("**")]
    assert {row["rounds"] for row in measured} == {"1", "2"}
    assert all(float(row["peer / ours"].split(" ")[0]) > 0 for row in measured)
    assert "- scipy.stats.bootstrap: copies" in text and "- timm's reader: reads no zip" in text


def test_a_part_that_fails_is_a_row(tmp_path: Path) -> None:
    done = run("metrics --rounds many", "--out", tmp_path / "table.md")
    assert done.returncode == 1
    assert (
        "| not measured | ended with 2: metrics.py: error: argument --rounds: " in (tmp_path / "table.md").read_text()
    )


def test_bad_usage_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "table.md").write_text("prose alone")
    for words, why in ((["--out", tmp_path / "table.md"], "has no lines"), (["blurs"], "there is no part blurs")):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert why in done.stderr
    assert (tmp_path / "table.md").read_text() == "prose alone"


def test_every_part_can_be_imported_and_is_quick_by_flags_that_it_has() -> None:
    code = f"""
import importlib
for name in {list(PARTS)}:
    part = importlib.import_module("benchmarks." + name)
    assert {{flag.strip("-").replace("-", "_") for flag in part.FLAGS}} >= set(part.QUICK), name
    assert callable(part.measure), name
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
