"""Past runs compared and rendered by the command: figures against a computation by hand, and runs that cannot be."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import small_runs
from small_runs import IMAGES, PGD

from reports.__main__ import main
from reports.compare import named
from robustness.metrics.alexnet import STANDARD

ROOT = Path(__file__).parents[1]
LEVELS = {"a": 33, "b": 32, "c": 18}
NEVER = "not comparable"


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three runs of a model each on the same images; the first two are alike."""
    return [small_runs.run(tmp_path / f"run-{name}", {name: level}) for name, level in LEVELS.items()]


def compared(*runs: Path, out: Path, formats: str = "csv,markdown,json") -> dict[str, pd.DataFrame]:
    """Compare by the command, and read the tables."""
    assert main(["compare", *map(str, runs), "--out", str(out), "--formats", formats]) == 0
    return {path.stem: pd.read_csv(path) for path in out.glob("*.csv")}


def changed(run: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change a run's header."""
    header = json.loads((run / "run.json").read_text())
    change(header)
    (run / "run.json").write_text(json.dumps(header))
    return run


def report(out: Path) -> str:
    return (out / "report.md").read_text()


# Figures


def noisy(seed: int, share: float) -> Callable[[str, int, int], bool]:
    """Make a model that errs here and there, more often where it is difficult."""
    rng = np.random.default_rng(seed)
    luck = rng.random((IMAGES, 11))
    return lambda _name, image, difficulty: bool(luck[image, difficulty] < share - difficulty / 30)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """The records of two runs, and what the command says of them."""
    folder, records = tmp_path_factory.mktemp("runs"), {}
    for name, seed, share in (("x", 1, 0.95), ("y", 2, 0.6)):
        records[name] = small_runs.records([name], noisy(seed, share), STANDARD)
        small_runs.write(folder / name, records[name], small_runs.header(name, [name], records[name]))
    return records, compared(folder / "x", folder / "y", out=folder / "out")


def right(records: pd.DataFrame, condition: str) -> "np.ndarray[Any, Any]":
    return records[records["condition"] == condition].sort_values("sample_id")["correct"].to_numpy(bool)


@pytest.mark.parametrize(("condition", "metric"), [("clean", "top1"), (PGD, "robust_accuracy")])
def test_rates_are_those_computed_by_hand(by_hand: Any, condition: str, metric: str) -> None:
    tests = pytest.importorskip("statsmodels.stats.contingency_tables")
    records, tables = by_hand
    x, y = (right(records[name], condition) & right(records[name], "clean") for name in "xy")
    found = tables["comparisons"].set_index("metric").loc[metric]
    assert found["difference"] == pytest.approx(x.mean() - y.mean())
    b, c = int((x & ~y).sum()), int((~x & y).sum())
    counts = [[int((x & y).sum()), b], [c, int((~x & ~y).sum())]]
    assert found["p"] == pytest.approx(tests.mcnemar(counts, exact=True).pvalue)
    for bound, sign in ((found["low"], 1), (found["high"], -1)):
        assert score(b, c, IMAGES, bound) == pytest.approx(sign * 1.96, abs=0.02)


def score(b: int, c: int, n: int, difference: float) -> float:
    """Tango's statistic of a difference, the likelihood maximised over a grid."""
    second = np.linspace(max(0, -difference), (1 - difference) / 2, 100_001)[1:-1]
    rest = 1 - 2 * second - difference
    likelihood = b * np.log(second + difference) + c * np.log(second) + (n - b - c) * np.log(rest)
    best = second[likelihood.argmax()]
    return float((b - c - n * difference) / math.sqrt(n * (2 * best + difference * (1 - difference))))


def test_mean_errors_are_those_computed_by_hand(by_hand: Any) -> None:
    records, tables = by_hand
    found = tables["comparisons"].set_index("metric").loc["mean_error"]
    errors = {
        name: 1 - own[own["suite"] == "imagenet-c"].groupby("sample_id")["correct"].mean()
        for name, own in records.items()
    }
    paired = (errors["x"] - errors["y"]).to_numpy()
    rng = np.random.default_rng(3)
    resampled = paired[rng.integers(IMAGES, size=(20_000, IMAGES))].mean(axis=1)
    assert found["difference"] == pytest.approx(paired.mean())
    half = (np.quantile(resampled, 0.975) - np.quantile(resampled, 0.025)) / 2
    assert (found["high"] - found["low"]) / 2 == pytest.approx(half, rel=0.08)  # Student's t is a little wider
    assert found["verdict"] == "better"


def test_all_p_values_are_corrected_together(by_hand: Any) -> None:
    correction = pytest.importorskip("statsmodels.stats.multitest")
    table = by_hand[1]["comparisons"]
    np.testing.assert_allclose(table["p_holm"], correction.multipletests(table["p"], method="holm")[1], rtol=1e-9)


def test_ties_are_ties_in_the_ranking(three: list[Path], tmp_path: Path) -> None:
    tables = compared(*three, out=tmp_path / "out")
    ranking = tables["ranking"].query("metric == 'top1'").set_index("model")
    assert ranking[["best_place", "worst_place"]].to_numpy().tolist() == [[1, 2], [1, 2], [3, 3]]
    assert (ranking.loc["a", "tied_with"], ranking.loc["b", "tied_with"]) == ("b", "a")
    differences = tables["comparisons"].query("metric == 'top1'").set_index(["model", "other"])
    assert differences["verdict"].to_dict() == {("a", "b"): "tied", ("a", "c"): "better", ("b", "c"): "better"}
    assert set(tables["scores"]["model"]) == {"a", "b", "c"}


def test_only_images_that_both_have_are_compared(three: list[Path], tmp_path: Path) -> None:
    rows = small_runs.records(["d"], small_runs.threshold({"d": 18}))
    read = rows[~rows["sample_id"].isin(["class/000.jpg", "class/001.jpg"])]
    header = small_runs.header("run-d", ["d"], rows) | {"failures": 2}
    run = small_runs.write(tmp_path / "run-d", read, header)
    found = compared(three[0], run, out=tmp_path / "out")["comparisons"].set_index("metric").loc["top1"]
    assert (found["n"], found["note"]) == (IMAGES - 2, f"over the {IMAGES - 2} of {IMAGES} images that both have")
    text = report(tmp_path / "out")
    assert "2 failures: images that could not be read" in text and "not complete" not in text


def test_one_model_in_two_runs_gets_their_names(tmp_path: Path) -> None:
    runs = [
        small_runs.run(tmp_path / precision, {"net": level, f"only-{precision}": 5}, precision=precision)
        for precision, level in (("fp32", 30), ("bf16", 29))
    ]
    tables = compared(*runs, out=tmp_path / "out")
    assert set(tables["scores"]["model"]) == {"net (fp32)", "net (bf16)", "only-fp32", "only-bf16"}


def test_runs_without_a_figure_in_common_stand_side_by_side(three: list[Path], tmp_path: Path) -> None:
    rows = small_runs.records(["d"], small_runs.threshold({"d": 18}))
    attacked = rows[rows["suite"] == "adversarial"]
    run = small_runs.write(tmp_path / "attacked", attacked, small_runs.header("attacked", ["d"], attacked))
    clean = small_runs.records(["e"], small_runs.threshold({"e": 18}))
    clean = clean[clean["suite"] == "imagenet"]
    other = small_runs.write(tmp_path / "clean", clean, small_runs.header("clean", ["e"], clean))
    tables = compared(run, other, out=tmp_path / "out")
    assert "comparisons" not in tables
    assert set(tables["scores"]["model"]) == {"d", "e"}


# What differs


def test_what_differs_is_said_first(three: list[Path], tmp_path: Path) -> None:
    def differ(header: dict[str, Any]) -> None:
        header["identity"] |= {"precision": "bf16", "jpeg": False}
        header["environment"]["versions"]["torch"] = "2.10.0"

    changed(three[1], differ)
    compared(*three, out=tmp_path / "out")
    text = report(tmp_path / "out")
    assert text.index("## What differs between the runs") < text.index("## Verdict")
    for row in ("| precision ", "| jpeg ", "| versions, torch "):
        assert row in text
    assert "weights of" not in text.split("## Verdict")[0]  # other models have other weights
    header = json.loads((tmp_path / "out" / "report.json").read_text())["header"]
    assert header["differences"]["precision"] == {"run-a": "fp32", "run-b": "bf16", "run-c": "fp32"}
    assert set(header["runs"]) == {"run-a", "run-b", "run-c"}


def test_other_weights_of_the_same_model_are_said(tmp_path: Path) -> None:
    runs = [small_runs.run(tmp_path / name, {"net": 30}) for name in ("one", "two")]
    changed(runs[1], lambda header: header["identity"]["models"][0].update(weights_sha256="others"))
    compared(*runs, out=tmp_path / "out")
    assert "| weights of net " in report(tmp_path / "out")


def test_without_a_difference_nothing_is_said(three: list[Path], tmp_path: Path) -> None:
    compared(*three, out=tmp_path / "out")
    assert "What differs" not in report(tmp_path / "out")


def test_figures_of_other_images_are_not_compared(
    three: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(three[2], lambda header: header["identity"]["data"][0].update(sha256="0ther" * 8, count=39))
    tables = compared(*three, out=tmp_path / "out", formats="csv,markdown,html,latex,json")
    differences = tables["comparisons"]
    apart = differences[(differences["other"] == "c")]
    assert len(apart) and set(apart["verdict"]) == {"not comparable"}
    assert apart[["difference", "low", "high", "p", "p_holm"]].isna().all(axis=None)
    assert apart["note"].str.startswith("the images are not the same: imagenet 5ea15ea15ea1, imagenet 0ther").all()
    assert set(differences[differences["other"] == "b"]["verdict"]) == {"tied", "not comparable"}  # mCE lacks records
    assert differences.query("other == 'b' and metric == 'top1'")["verdict"].tolist() == ["tied"]
    assert "c" not in set(tables["ranking"]["model"])
    assert set(tables["scores"]["dataset"]) == {"imagenet 5ea15ea15ea1", "imagenet 0ther0ther0t"}
    alarm = "The runs have different images of imagenet"
    assert report(tmp_path / "out").index(alarm) < report(tmp_path / "out").index("## ")
    assert capsys.readouterr().out.startswith(f"Warning: {alarm}")
    assert "| data set imagenet " in report(tmp_path / "out")


def test_images_that_a_header_says_nothing_of_are_not_compared(three: list[Path], tmp_path: Path) -> None:
    changed(three[1], lambda header: header["identity"].update(data=[]))
    found = compared(three[0], three[1], out=tmp_path / "out")["comparisons"]
    assert set(found["verdict"]) == {"not comparable"}


def test_corruptions_with_and_without_jpeg_are_not_compared(
    three: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [small_runs.run(tmp_path / name, {name: 30}, STANDARD, jpeg=name != "y") for name in "xyz"]
    tables = compared(*runs, out=tmp_path / "out")
    verdicts = tables["comparisons"].set_index(["metric", "model", "other"])["verdict"]
    assert verdicts["mce"].to_dict() == verdicts["mean_error"].to_dict()
    assert verdicts["mce"].to_dict() == {("x", "z"): "tied", ("x", "y"): NEVER, ("y", "z"): NEVER}
    assert set(verdicts["top1"]) == set(verdicts["robust_accuracy"]) == {"tied"}
    assert tables["ranking"].query("metric == 'mce'")["model"].tolist() == ["x", "z"]
    alarm = "The runs have different images of imagenet-c (with and without JPEG): their"
    assert capsys.readouterr().out.replace("\n ", "").startswith(f"Warning: {alarm}")
    text = report(tmp_path / "out")
    assert text.index(alarm) < text.index("## ") and "mCE (imagenet without JPEG)" in text
    ranked = re.search(r"By mCE, lowest first: (\w) [^,]*, [^,]*, (\w) [^,]*, [^,]*\]\. ", text)
    assert ranked and ranked.groups() == ("x", "z")


def transferred(folder: Path, model: str, attacks: dict[str, str]) -> Path:
    """Write a run of attacks made on other models. attacks: by surrogate, the hash of its weights."""
    rows = small_runs.records([model], small_runs.threshold({model: 30}))
    plain = rows[rows["suite"] != "imagenet-c"]
    made = [
        plain[plain["condition"] == PGD].assign(condition=PGD.replace(")", f",surrogate={surrogate})"))
        for surrogate in attacks
    ]
    surrogates = [small_runs.model(name, weights_sha256=weights) for name, weights in attacks.items()]
    everything = pd.concat([plain, *made])
    header = small_runs.header(folder.name, [model], everything, surrogates=surrogates)
    return small_runs.write(folder, everything, header)


def test_attacks_made_on_other_weights_are_not_compared(tmp_path: Path) -> None:
    runs = [
        transferred(tmp_path / "one", "a", {"net": "aaa", "same": "sss"}),
        transferred(tmp_path / "two", "b", {"net": "bbb", "same": "sss"}),
    ]
    tables = compared(*runs, out=tmp_path / "out")
    attacked = tables["comparisons"].query("metric == 'robust_accuracy'").set_index("condition")["verdict"]
    by_surrogate = {name: PGD.replace(")", f",surrogate={name})") for name in ("net", "same")}
    assert attacked.to_dict() == {
        PGD: "tied",
        by_surrogate["same"]: "tied",
        by_surrogate["net"]: NEVER,
        "worst(norm=linf,eps=4/255)": NEVER,
    }
    text = report(tmp_path / "out")
    assert text.index("The runs have different images of attacks made on net: their") < text.index("## ")
    assert re.search(r"\| weights of surrogate net \| release, aaa +\| release, bbb", text)
    provenance = text.split("## Provenance")[1]
    assert provenance.index("Models that attacks were made on.") < provenance.index("| same ")
    transfer = text.split("Transfer of ")[1].split("## ")[0]
    assert re.findall(r"^\| (net aaa|net bbb|same) ", transfer, flags=re.MULTILINE) == ["net aaa", "same", "net bbb"]


def test_without_an_image_in_common_no_model_is_tied(tmp_path: Path) -> None:
    rows = [small_runs.records([name], small_runs.threshold({name: 30})) for name in "ab"]
    rows[1]["sample_id"] = "other/" + rows[1]["sample_id"]
    runs = [
        small_runs.write(tmp_path / name, own, small_runs.header(name, [name], own))
        for name, own in zip("ab", rows, strict=True)
    ]
    tables = compared(*runs, out=tmp_path / "out")
    assert set(tables["comparisons"]["verdict"]) == {NEVER} and "ranking" not in tables
    text = report(tmp_path / "out")
    assert "Not comparable: a with b." in text and "do not separate" not in text


def test_reports_of_another_run_are_not_overwritten(three: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["compare", *three[:2], "--out", three[2]], ["render", three[0], "--out", three[2]]):
        code, told = refused([*map(str, words)], capsys)
        assert code == 2 and "is a run; its reports would be lost" in told
    assert not (three[2] / "report.md").exists()
    assert main(["render", str(three[0]), "--out", str(three[0]), "--formats", "markdown"]) == 0


def test_compare_offers_only_what_it_writes(capsys: pytest.CaptureFixture[str]) -> None:
    for command, offered in (("compare", False), ("render", True)):
        assert main([command, "--help"]) == 0
        assert ("model-card" in capsys.readouterr().out) == offered


# Runs that cannot be read as they are


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(words)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err and not printed.out
    return code, printed.err


def damage_header(run: Path) -> None:
    (run / "run.json").write_text('{"schema": 1, "iden')


def damage_part(run: Path) -> None:
    part = next((run / "records").iterdir())
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 0xFF
    part.write_bytes(content)


def truncate_part(run: Path) -> None:
    part = next((run / "records").iterdir())
    part.write_bytes(part.read_bytes()[:100])


def empty(run: Path) -> None:
    shutil.rmtree(run / "records")


def newer(run: Path) -> None:
    changed(run, lambda header: header.update(schema=2, version="0.9.0"))


def poor(run: Path) -> None:
    changed(run, lambda header: header["identity"].pop("models"))


def no_object(run: Path) -> None:
    (run / "run.json").write_text("[1, 2]")


def other_model(run: Path) -> None:
    changed(run, lambda header: header["identity"]["models"][0].update(name="somebody"))


def twice(run: Path) -> None:
    shutil.copy(next((run / "records").iterdir()), run / "records" / "again.parquet")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage_header, "run.json cannot be read"),
        (no_object, "is not the header of a run"),
        (newer, "has schema 2, and this version reads schema 1; read it with version 0.9.0"),
        (poor, "missing in identity: models"),
        (damage_part, "is damaged"),
        (truncate_part, "is damaged"),
        (empty, "no records|neither records nor scores.csv"),
        (twice, "recorded twice"),
        (other_model, "records of models that its header does not know: b"),
        (shutil.rmtree, "is not a run: there is no run.json"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("command", ["compare", "render"])
def test_a_bad_run_is_refused_by_name(
    three: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, harm: Any, message: str
) -> None:
    harm(three[1])
    out = ["--out", str(tmp_path / "out")]
    words = ["compare", *map(str, three), *out] if command == "compare" else ["render", str(three[1]), *out]
    code, told = refused(words, capsys)
    assert code == 1
    assert "run-b" in told
    assert re.search(message, told)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare", "run-a", "--out", "out"], "two runs or more"),
        (["compare", "run-a", "x/run-a", "--out", "out"], "given twice"),
        (["compare", "run-a", "run-b", "--out", "run-b"], "its reports would be lost"),
        (["compare", "run-a", "run-b", "--out", "out", "--formats", "pdf"], "unknown format pdf"),
        (["compare", "run-a", "run-b", "--out", "out", "--formats", "model-card"], "reports render RUN"),
        (["render", "run-a", "--formats", "csv,pdf"], "unknown format pdf"),
    ],
)
def test_bad_usage_is_2(
    three: list[Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    (three[0].parent / "x").symlink_to(three[0].parent)
    monkeypatch.chdir(three[0].parent)
    code, told = refused(words, capsys)
    assert code == 2 and message in told
    assert refused(["compare", "run-a", "run-b"], capsys)[0] == 2


def test_an_unfinished_run_is_compared_and_marked(three: list[Path], tmp_path: Path) -> None:
    (three[1] / "records" / "part.000001.parquet").unlink()
    changed(three[1], lambda header: header.update(end=None))
    found = compared(three[0], three[1], out=tmp_path / "out")["comparisons"].set_index("metric").loc["top1"]
    assert found["n"] == IMAGES // 2
    text = report(tmp_path / "out")
    assert "run-b: The run is not complete: 240 of 480 records are done." in text
    assert "so far" in text


def test_records_of_an_older_version_lack_columns(three: list[Path], tmp_path: Path) -> None:
    for path in (three[0] / "records").iterdir():
        table = pq.read_table(path)
        pq.write_table(table.drop_columns(["nll", "brier", "correct_8bit", "success_8bit", "backward"]), path)
    changed(three[0], lambda header: [header.pop(key) for key in ("suite_records", "suite_sources", "suite_notes")])
    assert "better" in set(compared(three[0], three[2], out=tmp_path / "out")["comparisons"]["verdict"])


def test_what_the_audit_found_is_told_by_the_names_in_the_comparison(tmp_path: Path) -> None:
    runs = [small_runs.run(tmp_path / name, {"net": 30}) for name in ("one", "two")]
    finding = {"name": "saturated", "model": "net", "text": "logits are large", "severity": "warning"}
    changed(runs[0], lambda header: header.update(findings=[finding]))
    compared(*runs, out=tmp_path / "out")
    assert "Warning, net (one): logits are large." in report(tmp_path / "out")


def test_figures_are_drawn_from_the_details_of_all_runs(three: list[Path], tmp_path: Path) -> None:
    for run, name in zip(three, LEVELS, strict=True):
        (run / "details").mkdir()
        columns = "model,suite,dataset,condition,severity,bin,confidence,accuracy,low,high,n,images"
        (run / "details" / "reliability.csv").write_text(
            f"{columns}\n{name},imagenet,imagenet,clean,,5,0.3,0.4,0.2,0.6,9,9\n"
        )
    pictures = "sample_id,model,what,file,label,prediction,confidence\n1,a,clean,figures/none.png,tench,tench,0.9\n"
    (three[0] / "details" / "examples.csv").write_text(pictures)  # of the run alone
    compared(*three[:2], out=tmp_path / "out", formats="csv,html")
    assert not (tmp_path / "out" / "details" / "examples.csv").exists()
    joined = pd.read_csv(tmp_path / "out" / "details" / "reliability.csv")
    assert joined["model"].tolist() == ["a", "b"]


# Folders and terminals that are not UTF-8


def test_runs_are_named_in_utf_8() -> None:
    assert list(named([Path("a"), Path("b\udcff")])) == ["a", "b\\udcff"]


def test_a_terminal_may_lack_letters(three: list[Path], tmp_path: Path) -> None:
    words = [sys.executable, "-m", "reports", "compare", *map(str, three), "--out", str(tmp_path / "out")]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u2013" in done.stdout  # the dash of what was not measured


# Rendering


def pictured(run: Path) -> list[Path]:
    """Give a run two pictures."""
    (run / "details").mkdir()
    (run / "figures" / "examples").mkdir(parents=True)
    names = [f"figures/examples/{number}.png" for number in (1, 2)]
    lines = ["sample_id,model,what,file,label,prediction,confidence"]
    lines += [f"{number},a,clean,{name},tench,tench,0.9" for number, name in enumerate(names)]
    (run / "details" / "examples.csv").write_text("\n".join(lines) + "\n")
    for name in names:
        (run / name).write_bytes(b"\x89PNG")
    return [run / name for name in names]


def test_pictures_go_where_their_list_goes(three: list[Path], tmp_path: Path) -> None:
    pictured(three[0])
    assert main(["render", str(three[0]), "--out", str(tmp_path / "out"), "--formats", "csv"]) == 0
    listed = pd.read_csv(tmp_path / "out" / "details" / "examples.csv")["file"]
    assert [(tmp_path / "out" / name).read_bytes() for name in listed] == [b"\x89PNG"] * 2


def test_a_copy_without_pictures_is_rendered_and_says_so(three: list[Path], tmp_path: Path) -> None:
    pictured(three[0])[1].unlink()
    for out in (three[0], tmp_path / "out"):
        assert main(["render", str(three[0]), "--out", str(out)]) == 0
        assert "Not there, and left out: figures/examples/2.png." in (out / "report.html").read_text()
    assert len(pd.read_csv(three[0] / "details" / "examples.csv")) == 2  # the pictures may come back
    assert not (tmp_path / "out" / "details" / "examples.csv").exists()


def test_a_run_without_records_is_rendered_from_its_tables(three: list[Path], tmp_path: Path) -> None:
    both = small_runs.run(tmp_path / "both", {"NA": 36, "b": 20})
    assert main(["render", str(both), "--formats", "csv,markdown,latex"]) == 0
    before = {path.name: path.read_text() for path in both.iterdir() if path.is_file()}
    shutil.rmtree(both / "records")
    assert main(["render", str(both), "--formats", "csv,markdown,latex"]) == 0
    assert {path.name: path.read_text() for path in both.iterdir() if path.is_file()} == before


def test_render_prints_what_it_wrote(three: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(three[0]), "--formats", "latex,model-card"]) == 0
    assert capsys.readouterr().out.split() == [str(three[0] / "tables.tex"), str(three[0] / "model-card.md")]


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "timm", "torchvision"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
"""


def test_past_runs_need_no_torch(three: list[Path], tmp_path: Path) -> None:
    runs = [str(run) for run in three]
    code = BLOCKED + (
        "from reports.__main__ import main\n"
        f"main(['compare', *{runs!r}, '--out', {str(tmp_path / 'out')!r}]) == 0 or sys.exit(3)\n"
        f"main(['render', {runs[0]!r}]) == 0 or sys.exit(4)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").exists() and (three[0] / "report.html").exists()
