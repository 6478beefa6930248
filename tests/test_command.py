"""The command as a user calls it: its exit codes, its files, and what it prints."""

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import timm
import torch
from PIL import Image

import datasets
import evaluate_robustness
from benchmarks import small_network
from robustness import hub, models
from robustness.command_line import NEGATIVES
from robustness.options import Options

ROOT = Path(evaluate_robustness.__file__).parent
LITE = ("--model", "efficientnet_lite0")
QUICK = (*LITE, "--sample", "--limit", "4", "--attack", "pgd", "--eps", "1/255", "--steps", "2")


def call(*words: object, out: Path) -> int:
    return evaluate_robustness.main([*map(str, words), "--out", str(out)])


def only_run(out: Path) -> Path:
    (run,) = (path.parent for path in out.glob("*/run.json"))
    return run


def records_of(run: Path) -> pd.DataFrame:
    table = pq.read_table(run / "records")
    keys = ["model", "suite", "condition", "severity", "sample_id"]
    return table.to_pandas().sort_values(keys, ignore_index=True)


def scores_of(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "scores.csv")


def test_attacks_on_the_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*LITE, "--sample", "--attack", "fgsm", "--eps", "1/255,4/255", out=tmp_path) == 0
    scores = scores_of(only_run(tmp_path)).set_index(["condition", "metric"])
    top1 = scores.loc[("clean", "top1")]
    assert (top1["value"], top1["n"]) == (0.9, 20)
    success = scores.loc[("fgsm(norm=linf,eps=1/255)", "attack_success_rate")]
    assert (success["value"], success["n"]) == (pytest.approx(15 / 18), 18)
    robust = scores.loc[("fgsm(norm=linf,eps=1/255)", "robust_accuracy")]
    assert (robust["value"], robust["n"]) == (pytest.approx(3 / 20), 20)
    assert robust["low"] < robust["value"] < robust["high"]
    records = records_of(only_run(tmp_path))
    attacked = records[records["suite"] == "adversarial"]
    for eps in (1, 4):
        reach = attacked.loc[attacked["condition"].str.contains(f"eps={eps}/255"), "linf"]
        assert reach.max() == pytest.approx(eps / 255, abs=1e-6)
    printed = capsys.readouterr()
    assert "sample of 20 images" in printed.out
    assert "83.3 %" in printed.out
    assert "Traceback" not in printed.err


def test_imagenet_c_leaves_every_file_and_a_second_call_finds_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*LITE, "--suite", "imagenet-c", "--sample", "--limit", "2", "--formats", "csv,markdown,html,json")
    assert call(*words, out=tmp_path) == 0
    run = only_run(tmp_path)
    records = records_of(run)
    corrupted = records[records["suite"] == "imagenet-c"]
    assert corrupted.groupby(["condition", "severity"]).size().tolist() == [2] * 75
    scores = scores_of(run)
    assert set(scores["metric"]) >= {"top1", "top5", "error", "ce", "relative_ce", "mce", "relative_mce", "mean_error"}
    assert (scores["metric"] == "ce").sum() == 15
    mce = scores[scores["metric"] == "mce"].iloc[0]
    assert mce["low"] <= mce["value"] <= mce["high"]
    assert "JPEG quality 85" in mce["note"]
    assert {"report.md", "report.html", "scores.csv", "run.json"} <= {path.name for path in run.iterdir()}
    header = json.loads((run / "run.json").read_text())
    assert header["records_done"] == header["records_expected"] == 76 * 2
    parts = {path: path.stat().st_mtime_ns for path in run.glob("records/*")}
    assert call(*words, out=tmp_path) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in run.glob("records/*")} == parts


def test_batch_size_and_workers_change_nothing(tmp_path: Path) -> None:
    words = (*LITE, "--suite", "imagenet-c-extra", "--sample", "--limit", "6", "--formats", "csv")
    assert call(*words, "--batch-size", 1, "--workers", 0, out=tmp_path / "a") == 0
    assert call(*words, "--batch-size", 16, "--workers", 2, out=tmp_path / "b") == 0
    one, many = (records_of(only_run(tmp_path / name)) for name in "ab")
    rounded = ["confidence", "nll", "brier"]
    pd.testing.assert_frame_equal(one.drop(columns=rounded), many.drop(columns=rounded))
    pd.testing.assert_frame_equal(one[rounded], many[rounded], rtol=1e-5, atol=1e-5)


def test_attacks_may_be_made_on_another_model(tmp_path: Path) -> None:
    small = f"{small_network.__file__}:build"
    words = (
        *LITE,
        "--sample",
        "--limit",
        "8",
        "--attack",
        "fgsm",
        "--attack",
        "noise",
        "--eps",
        "2/255",
        "--formats",
        "csv",
    )
    assert call(*words, "--surrogate", "efficientnet_lite0", "--surrogate", small, out=tmp_path / "a") == 0
    assert call(*words, out=tmp_path / "b") == 0
    transfer, white = (records_of(only_run(tmp_path / way)).query("suite == 'adversarial'") for way in "ab")
    assert transfer["condition"].value_counts().tolist() == [8] * 4  # nothing is missing
    transfer, white = (table[table["condition"].str.startswith("fgsm")] for table in (transfer, white))
    own = transfer[transfer["condition"].str.contains("surrogate=efficientnet_lite0")]
    assert own["success"].tolist() == white["success"].tolist()
    other = transfer[transfer["condition"].str.contains("small_network.py:build")]
    assert other["success"].sum() < own["success"].sum()
    assert other.loc[other["clean_correct"], "linf"].max() == pytest.approx(2 / 255, abs=1e-6)
    header = json.loads((only_run(tmp_path / "a") / "run.json").read_text())
    assert [model["spec"] for model in header["identity"]["surrogates"]] == ["efficientnet_lite0", small]


def test_a_targeted_attack_has_succeeded_when_it_hit(tmp_path: Path) -> None:
    words = (*LITE, "--sample", "--attack", "pgd", "--eps", "1/255", "--steps", "3", "--targeted", "runner-up")
    assert call(*words, "--formats", "csv", out=tmp_path) == 0
    records = records_of(only_run(tmp_path)).query("suite == 'adversarial'")
    attacked = records[records["clean_correct"].astype(bool)]
    assert (attacked["success"] == (attacked["pred"] == attacked["target"])).all()
    assert (attacked["target"] != attacked["label"]).all() and attacked["success"].any()
    assert records[~records["clean_correct"].astype(bool)][["target", "success"]].isna().all(axis=None)


def test_under_reduced_precision_attacks_see_and_are_judged_by_fp32(tmp_path: Path) -> None:
    attacks = ("--attack", "fmn", "--attack", "pgd", "--steps", "5", "--norm", "linf", "--eps", "0.5/255")
    words = (*LITE, "--sample", "--limit", "6", *attacks, "--formats", "csv")
    assert call(*words, "--precision", "bf16", out=tmp_path / "a") == 0
    assert call(*words, out=tmp_path / "b") == 0
    assert call(*words, "--precision", "bf16", "--surrogate", "efficientnet_lite0", out=tmp_path / "c") == 0
    low, full, transfer = (records_of(only_run(tmp_path / way)).query("suite == 'adversarial'") for way in "abc")
    pd.testing.assert_frame_equal(low, full)
    assert transfer["success"].sum() >= full["success"].sum() > 0


def test_a_surrogate_has_the_weights_of_its_own_name_and_not_of_the_checkpoint(tmp_path: Path) -> None:
    torch.save(timm.create_model(models.BUNDLED).state_dict(), tmp_path / "other.pth")
    words = (*LITE, "--checkpoint", tmp_path / "other.pth", "--surrogate", models.BUNDLED, "--attack", "fgsm")
    assert call(*words, "--sample", "--limit", "2", "--formats", "csv", out=tmp_path / "runs") == 0
    identity = json.loads((only_run(tmp_path / "runs") / "run.json").read_text())["identity"]
    (model,), (surrogate,) = identity["models"], identity["surrogates"]
    assert (model["file"], surrogate["source"][:8]) == ("other.pth", "package ")
    assert model["weights_sha256"] != surrogate["weights_sha256"]


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    words = (*QUICK, "--formats", "csv")
    assert call(*words, "--name", "a", out=tmp_path) == 0
    assert call(*words, "--seed", 1, "--name", "b", out=tmp_path) == 0
    assert not records_of(tmp_path / "a")["l2"].equals(records_of(tmp_path / "b")["l2"])


def test_models_are_compared_in_one_run_and_random_weights_are_stamped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = ("--model", "pit_ti", "--model", "resnet18", "--random-weights")
    assert call(*models, "--suite", "imagenet", "--sample", "--limit", 2, out=tmp_path) == 0
    run = only_run(tmp_path)
    assert set(records_of(run)["model"]) == {"pit_ti (random weights)", "resnet18 (random weights)"}
    printed = capsys.readouterr().out
    for text in (printed, (run / "report.md").read_text(), (run / "report.html").read_text()):
        assert "RANDOM WEIGHTS" in text
    assert scores_of(run)["note"].str.contains("RANDOM WEIGHTS").all()
    metadata = pq.read_schema(next(run.glob("records/*.parquet"))).metadata
    assert b"RANDOM WEIGHTS" in metadata[b"notes"]


def test_no_trained_weights_and_no_network_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    assert call("--model", "pit_s", "--suite", "imagenet-c", "--sample", out=tmp_path / "out") == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--model", "pit_sx", "--suite", "imagenet", "--sample"), "unknown model 'pit_sx'; did you mean"),
        ((*LITE, "--suite", "imagenet-d", "--sample"), "unknown suite 'imagenet-d'; did you mean"),
        ((*LITE, "--attack", "pgb", "--sample"), "unknown attack 'pgb'; did you mean pgd"),
        ((*LITE, "--attack", "pgd", "--eps", "4", "--sample"), "did you mean 4/255"),
        ((*LITE, "--sample"), "--suite or --attack is missing"),
        (("--suite", "imagenet", "--sample"), "--model is missing"),
        ((*LITE, "--suite", "imagenet", "--sample", "--limit", "0"), "--limit 0"),
        ((*LITE, "--suite", "imagenet", "--sample", "--batch-size", "0"), "--batch-size 0"),
        ((*LITE, "--suite", "imagenet", "--sample", "--device", "tpu"), "--device tpu"),
        ((*LITE, "--suite", "imagenet", "--sample", "--formats", "pdf"), "unknown format pdf"),
        ((*LITE, "--suite", "imagenet", "--sample", "--name", "../x"), "--name '../x'"),
        ((*LITE, "--suite", "imagenet", "--sample", "--data", "."), "exclude each other"),
        ((*LITE, "--model", "pit_ti", "--suite", "imagenet", "--checkpoint", "x", "--sample"), "exactly one --model"),
        ((*LITE, "--config", "nowhere.yaml"), "cannot be read as YAML"),
        (("--modle", "pit_s"), "Did you mean --model"),
        (("pit_s", "--sample"), "did you mean --model pit_s?"),
        ((*LITE, "--suite", "imagenet-c", "imagenet-r"), "did you mean --suite imagenet-r?"),
        ((*LITE, "pgd", "--sample"), "did you mean --attack pgd?"),
        ((*LITE, "--suite", "imagenet", str(ROOT)), f"did you mean --data {ROOT}?"),
        ((*LITE, "--suite", "ImageNet_C", "--sample"), "unknown suite 'ImageNet_C'; did you mean imagenet-c?"),
        (("--model", "net.py", "--suite", "imagenet", "--sample"), "write net.py:FUNCTION"),
        (("--model", "net.pth", "--suite", "imagenet", "--sample"), "give it with --checkpoint"),
        ((*LITE, "--attack", "pgd", "--norm", "Linf", "--sample"), 'Did you mean "linf"?'),
        ((*LITE, "--attack", "fgsm", "--steps", "2", "--sample"), "fgsm, which takes --eps, --norm"),
        (
            (*LITE, "--suite", "imagenet", "--sample", "--limit", "ten"),
            'Invalid value for --limit: unable to convert "ten"',
        ),
        *(
            ((*LITE, "--attack", "pgd", "--sample", f"--{flag}", "2.5"), f"Invalid value for --{flag}")
            for flag in ("limit", "steps", "restarts", "batch-size", "workers", "seed", "max-failures")
        ),
        ((*LITE, "--attack", "pgd,cw", "--norm", "linf", "--sample", "--dry-run"), "attack cw has no norm linf"),
        (("--norm", "l2"), "--norm l2 needs --eps"),
        (("--fold", "nowhere", "--formats", "pdf"), "unknown format pdf"),
        (("--fold", "nowhere", "--max-failures", "-1"), "--max-failures -1 is below 0"),
        ((*LITE, "--suite", "imagenet", "--sample", "--max-failures", "-1"), "--max-failures -1 is below 0"),
        ((*LITE, "--attack", "fgsm", "--sample", "--surrogate", "a,b.py:net"), "--surrogate a,b.py:net has a comma"),
        (
            ("--model", "a.py:f", "--checkpoint", "x", "--surrogate", "a.py:f", "--attack", "fgsm", "--sample"),
            "leave --surrogate out to attack the model itself",
        ),
        (
            (*LITE, "--attack", "pgd", "--restarts", "2", "--surrogate", "pit_ti", "--sample"),
            "--restarts is no use with --surrogate",
        ),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    assert call(*words, out=tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("error: ")
    assert not (tmp_path / "out").exists()


def test_what_a_config_file_has_wrong_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "run.yaml"
    for content, sentence in (
        ("modle: pit_s", "modle"),
        ("- a", "run.yaml"),
        ("limit: ten", '"ten"'),
        ("limit: 4.5", '"4.5"'),
        ("no-jpeg: maybe", "no-jpeg is 'maybe'; it takes true or false"),
        ("no-jpeg: true\njpeg: true", "no-jpeg, and jpeg in other words too"),
        ("no-sample: true", "no-sample"),
    ):
        config.write_text(content)
        assert call("--config", config, out=tmp_path) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and sentence in error and "run.yaml" in error


def test_help_has_groups_and_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate_robustness.main(["--help"]) == 0
    printed = capsys.readouterr().out
    groups = ("Model", "Data", "What to measure", "Attacks", "How to compute", "Output", "Lists, plans and help")
    assert re.findall(r"^╭─ (.+?) ─+╮$", printed, flags=re.MULTILINE) == list(groups)
    examples = re.findall(r"^  (--.*)$", printed, flags=re.MULTILINE)
    assert len(examples) == 4
    assert all(evaluate_robustness.parse(shlex.split(example)) for example in examples)


def test_every_flag_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate_robustness.main(["--help"]) == 0
    flags = re.findall(r"^│ (--\S+)(?: .*?)??(?: {2,}(\S.*?))? +│$", capsys.readouterr().out, flags=re.MULTILINE)
    assert len(flags) == len(fields(Options)) + 2
    assert [flag for flag, explained in flags if not explained] == []


def test_a_run_of_that_name_with_other_settings_is_refused_and_fresh_starts_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*QUICK, "--name", "mine", out=tmp_path) == 0
    before = records_of(tmp_path / "mine")
    assert call(*QUICK, "--seed", 7, "--name", "mine", out=tmp_path) == 2
    assert "other settings: seed" in capsys.readouterr().err
    assert records_of(tmp_path / "mine").equals(before)
    assert call(*QUICK, "--seed", 7, "--name", "mine", "--fresh", out=tmp_path) == 0
    assert json.loads((tmp_path / "mine" / "run.json").read_text())["identity"]["seed"] == 7


def test_a_checkpoint_of_another_model_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"conv.weight": torch.ones(1)}, tmp_path / "other.pth")
    words = ("--model", "pit_ti", "--checkpoint", tmp_path / "other.pth", "--suite", "imagenet", "--sample")
    assert call(*words, out=tmp_path / "out") == 1
    assert "other.pth does not fit" in capsys.readouterr().err


def sample_tree(folder: Path) -> Path:
    """Lay out four of the sample photographs as ImageNet's class folders."""
    dataset = datasets.open_sample()
    for sample in dataset.samples[:4]:
        target = folder / "val" / datasets.WNIDS[sample.label] / f"{Path(sample.sample_id).stem}.JPEG"
        target.parent.mkdir(parents=True)
        target.write_bytes(dataset.source.read(sample.sample_id))
    return folder


def test_ones_own_data_by_folder_and_by_root(tmp_path: Path) -> None:
    tree = sample_tree(tmp_path / "root" / "imagenet")
    words = (*LITE, "--suite", "imagenet", "--formats", "csv", "--name", "run")
    assert call(*words, "--data", tree, out=tmp_path / "a") == 0
    assert call(*words, "--data-root", tmp_path / "root", out=tmp_path / "b") == 0
    one, other = (records_of(tmp_path / name / "run") for name in "ab")
    pd.testing.assert_frame_equal(one, other)
    assert one["sample_id"].str.match(r"n\d{8}/imagenet_\d\d_\d+\.JPEG").all()


def test_unreadable_images_are_named_counted_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = sample_tree(tmp_path / "data")
    good, *_ = sorted((tree / "val").glob("*/*.JPEG"))
    (good.parent / "cut.JPEG").write_bytes(good.read_bytes()[:2000])
    Image.new("I;16", (64, 64)).save(good.parent / "deep.png")
    Image.new("RGB", (1, 1)).save(good.parent / "dot.png")
    Image.new("CMYK", (64, 64)).save(good.parent / "print.jpg")
    words = (*LITE, "--suite", "imagenet", "--data", tree, "--formats", "csv,markdown", "--name", "run")
    assert call(*words, out=tmp_path) == 1
    assert "error: 3 failures" in capsys.readouterr().err
    failures = pd.read_csv(tmp_path / "run" / "failures.csv")
    assert {Path(name).name for name in failures["sample_id"]} == {"cut.JPEG", "deep.png", "dot.png"}
    assert failures["reason"].str.len().gt(5).all()
    assert len(records_of(tmp_path / "run")) == 5  # four photographs and the CMYK one
    assert call(*words, "--max-failures", 3, out=tmp_path) == 0


@pytest.mark.parametrize("words", [("--attack", "pgd", "--steps", "2"), ("--suite", "imagenet-c-extra")])
def test_what_ends_a_run_can_do_without_its_first_images(tmp_path: Path, words: tuple[str, ...]) -> None:
    tree = sample_tree(tmp_path / "data")
    for path in (tree / "val").glob("*/*.JPEG"):
        path.write_bytes(b"damaged")
    more = ("--data", tree, "--limit", "2", "--max-failures", "9", "--formats", "csv,html", "--name", "run")
    assert call(*LITE, *words, *more, out=tmp_path) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["end"]


@pytest.mark.parametrize("kind", ["absent", "empty", "no classes"])
def test_a_folder_that_is_not_imagenet_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    data = tmp_path / "data"
    if kind != "absent":
        data.mkdir()
    if kind == "no classes":
        (data / "cat").mkdir()
        Image.new("RGB", (64, 64)).save(data / "cat" / "1.png")
    assert call(*LITE, "--suite", "imagenet", "--data", data, out=tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert str(data) in error


def test_a_dry_run_prints_the_plan_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*LITE, "--suite", "imagenet-c", "--attack", "pgd", "--sample", "--dry-run", out=tmp_path / "out") == 0
    printed = capsys.readouterr().out
    for part in ("imagenet-c on imagenet, 75 conditions, 1,500 records", "1,540 records", "time: about", "foolbox"):
        assert part in printed
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flag", "line"),
    [("models", "pit_b_distilled"), ("suites", "imagenet-c:"), ("attacks", "pgd:"), ("corruptions", "fog")],
)
def test_lists(flag: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate_robustness.main([f"--list-{flag}"]) == 0
    assert any(printed.startswith(line) for printed in capsys.readouterr().out.splitlines())


def test_a_config_file_has_the_same_names_and_the_command_line_overrides_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("model: efficientnet_lite0\nsuite: imagenet\nsample: true\nbatch-size: 2\nlimit: 9\n")
    assert call("--config", config, "--limit", 3, "--dry_run", out=tmp_path) == 0
    assert "3 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "jpeg"),
    [("no-jpeg: true", False), ("no_jpeg: true", False), ("no-jpeg: false", True), ("jpeg: false", False)],
)
def test_a_negative_in_a_config_file_means_what_the_flag_means(tmp_path: Path, content: str, jpeg: bool) -> None:
    (tmp_path / "run.yaml").write_text(content)
    words = ["--config", str(tmp_path / "run.yaml")]
    for more, wanted in (([], jpeg), (["--jpeg"], True), (["--no-jpeg"], False)):
        options = evaluate_robustness.parse([*words, *more])
        assert options is not None and options.jpeg == wanted


def test_every_negative_that_the_help_shows_may_stand_in_a_config_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate_robustness.main(["--help"]) == 0
    shown = re.findall(r" --(no-\S+)", capsys.readouterr().out)
    assert [name.replace("-", "_") for name in shown] == list(NEGATIVES)


def test_the_flag_goes_before_the_file_and_the_file_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTNESS_DATA", "/environment")
    (tmp_path / "run.yaml").write_text("data-root: /file")
    file = ["--config", str(tmp_path / "run.yaml")]
    for words, root in (([*file, "--data-root", "/flag"], "/flag"), (file, "/file"), ([], "/environment")):
        options = evaluate_robustness.parse(words)
        assert options is not None and options.data_root == Path(root)


def test_one_of_several_processes_repairs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert call(*QUICK, "--repair", out=tmp_path / "out") == 2
    assert "--repair would put aside what the other processes write" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def start(*words: object, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "evaluate_robustness.py", *map(str, words), "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, how: signal.Signals, code: int) -> None:
    words = (*LITE, "--suite", "imagenet-c", "--sample", "--limit", "6", "--formats", "csv")
    process = start(*words, out=tmp_path / "killed")
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("*/records/imagenet-c.*.parquet")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in error
    if how == signal.SIGINT:
        assert "the same command goes on" in error
    run = only_run(tmp_path / "killed")
    kept = {path.name: path.stat().st_mtime_ns for path in run.glob("records/*.parquet")}
    assert call(*words, out=tmp_path / "killed") == 0
    assert {name: (run / "records" / name).stat().st_mtime_ns for name in kept} == kept
    assert call(*words, out=tmp_path / "whole") == 0
    pd.testing.assert_frame_equal(records_of(run), records_of(only_run(tmp_path / "whole")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_right_to_write_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert call(*QUICK, out=tmp_path / "closed") == 1
    assert "cannot write to" in capsys.readouterr().err


def test_no_room_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert call(*QUICK, out=tmp_path / "file") == 1
    assert "cannot write to" in capsys.readouterr().err


def test_the_demo_asks_for_the_bundled_model_and_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--dry-run", out=tmp_path) == 0
    printed = capsys.readouterr().out
    for part in (
        "sample of 20 images",
        "efficientnet_lite0",
        "imagenet-c on imagenet, 75 conditions",
        "adversarial on imagenet, 2 conditions",
        "    gaussian_noise, shot_noise, ",
        "    fgsm(norm=linf,eps=1/255), pgd(norm=linf,eps=1/255,steps=40)",
    ):
        assert part in printed


def test_it_runs_from_the_shell(tmp_path: Path) -> None:
    process = start(*QUICK, out=tmp_path)
    printed, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert printed.splitlines()[-1].strip() or printed.strip()
    assert "robust accuracy" in printed
    assert error.splitlines()[-1] == f"reports are in {only_run(tmp_path)}"
    shutil.rmtree(tmp_path)


def test_a_part_that_was_deleted_is_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*QUICK, "--name", "run", out=tmp_path) == 0
    before = records_of(tmp_path / "run")
    next((tmp_path / "run" / "records").glob("adversarial.*")).unlink()
    assert call(*QUICK, "--name", "run", out=tmp_path) == 0
    assert "nothing to do" not in capsys.readouterr().err
    pd.testing.assert_frame_equal(records_of(tmp_path / "run"), before)


def test_scores_are_folded_again_from_the_records_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (*LITE, "--suite", "imagenet", "--sample", "--limit", "3", "--name", "run")
    assert call(*words, out=tmp_path) == 0
    printed, scores = capsys.readouterr().out, (tmp_path / "run" / "scores.csv").read_bytes()
    (tmp_path / "run" / "scores.csv").unlink()
    assert evaluate_robustness.main(["--fold", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out == printed
    assert (tmp_path / "run" / "scores.csv").read_bytes() == scores
    assert evaluate_robustness.main(["--fold", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
    (part,) = (tmp_path / "run" / "records").glob("*.parquet")
    older = pq.read_table(part).drop_columns(["l1", "brier", "success_8bit"])
    pq.write_table(older, part)
    assert evaluate_robustness.main(["--fold", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out == printed
    shutil.copy(part, part.with_name("copy.parquet"))
    assert evaluate_robustness.main(["--fold", str(tmp_path / "run")]) == 1
    assert f"the records of {tmp_path / 'run'} are damaged: recorded twice: " in capsys.readouterr().err
    header = json.loads((tmp_path / "run" / "run.json").read_text())
    del header["identity"]["seed"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(header))
    assert evaluate_robustness.main(["--fold", str(tmp_path / "run")]) == 1
    assert "missing in identity: seed" in capsys.readouterr().err


def test_a_terminal_may_lack_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(said, encoding="ascii", write_through=True))
    assert call(*LITE, "--suite", "imagenet", "--sample", "--limit", "3", out=tmp_path) == 0
    assert b"\\u2013: not measured" in said.getvalue()


def test_a_damaged_part_is_named_and_repaired_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (*LITE, "--suite", "imagenet", "--sample", "--limit", "3", "--name", "run", "--formats", "csv")
    assert call(*words, out=tmp_path) == 0
    part = next((tmp_path / "run" / "records").iterdir())
    whole = part.read_bytes()
    part.write_bytes(whole[:200])
    assert call(*words, out=tmp_path) == 1
    assert f"{part} is damaged" in capsys.readouterr().err
    assert call(*words, "--repair", out=tmp_path) == 0
    assert "damaged, to be done again: " in capsys.readouterr().err
    assert part.read_bytes() == whole


SMALL = ("--model", f"{small_network.__file__}:build")


def test_a_run_whose_repair_is_interrupted_is_not_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = sample_tree(tmp_path / "data")
    broken, *_ = sorted((tree / "val").glob("*/*.JPEG"))
    broken.write_bytes(b"damaged")
    words = (*SMALL, "--suite", "occlusion", "--data", tree, "--name", "run", "--max-failures", 1)
    assert call(*words, out=tmp_path) == 0
    run = tmp_path / "run"
    done = json.loads((run / "run.json").read_text())["records_done"]
    next((run / "records").glob("occlusion.*")).write_bytes(b"damaged")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("robustness.evaluation.Evaluator.verdicts", interrupted)
        assert call(*words, "--repair", out=tmp_path) == 130
    assert json.loads((run / "run.json").read_text())["end"] is None
    assert evaluate_robustness.main(["--fold", str(run), "--max-failures", "1"]) == 0
    assert "The run is not complete" in (run / "report.md").read_text()
    assert scores_of(run)["note"].str.contains("unfinished").any()
    assert call(*words, out=tmp_path) == 0
    assert json.loads((run / "run.json").read_text())["records_done"] == done
    assert "The run is not complete" not in (run / "report.md").read_text()


def test_an_audit_can_be_interrupted_and_is_made_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*SMALL, "--sample", "--limit", 2, "--attack", "pgd", "--steps", 2, "--name", "run", "--formats", "csv")

    def audited(_records: pd.DataFrame) -> list[object]:
        signal.raise_signal(signal.SIGINT)
        return []

    with monkeypatch.context() as patch:
        patch.setattr("robustness.execution.audit_records", audited)
        patch.setattr("robustness.probes.compare_weights", None)  # is not come to
        assert call(*words, out=tmp_path) == 130
    assert "the same command goes on" in capsys.readouterr().err
    header = json.loads((tmp_path / "run" / "run.json").read_text())
    assert header["end"] is None and "findings" not in header
    assert call(*words, out=tmp_path) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["end"]


def test_a_page_that_is_asked_for_later_has_its_pictures(tmp_path: Path) -> None:
    words = (*SMALL, "--sample", "--limit", 2, "--suite", "occlusion", "--name", "run")
    assert call(*words, "--formats", "csv", out=tmp_path) == 0
    pictures = tmp_path / "run" / "figures" / "examples"
    assert not pictures.exists()
    assert call(*words, "--formats", "html", out=tmp_path) == 0
    made = {path: path.stat().st_mtime_ns for path in pictures.iterdir()}
    assert made and ">Examples</h" in (tmp_path / "run" / "report.html").read_text()
    assert call(*words, "--formats", "html", out=tmp_path) == 0
    assert {path: path.stat().st_mtime_ns for path in pictures.iterdir()} == made


def test_what_failed_and_was_done_again_is_forgotten(tmp_path: Path) -> None:
    tree = sample_tree(tmp_path / "data")
    unreadable, *_ = sorted((tree / "val").glob("*/*.JPEG"))
    whole = unreadable.read_bytes()
    unreadable.write_bytes(bytes(len(whole)))
    words = (*SMALL, "--suite", "imagenet", "--data", tree, "--formats", "csv", "--name", "run")
    assert call(*words, out=tmp_path) == 1
    assert len(pd.read_csv(tmp_path / "run" / "failures.csv")) == 1
    unreadable.write_bytes(whole)
    assert call(*words, out=tmp_path) == 1  # its records are still not there
    next((tmp_path / "run" / "records").glob("*.parquet")).write_bytes(b"damaged")
    assert call(*words, "--repair", out=tmp_path) == 0
    assert not (tmp_path / "run" / "failures.csv").exists()
