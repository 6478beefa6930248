"""The audit through the command: silent on the bundled model, loud on one that hides its gradients."""

import json
from pathlib import Path

import pytest
from test_command import LITE, call, only_run

from robustness.attack_audit import longest
from robustness.attacks import attack_condition
from robustness.condition import CLEAN

HIDING = """
import torch
from torch import nn

class Hidden(nn.Module):
    def forward(self, images):
        steps = (images * 8).round()  # no gradient comes through
        means = steps.mean((2, 3)) + 0 * images.sum((1, 2, 3), keepdim=True)[:, :, 0, 0]
        return torch.cat([means, torch.zeros(len(images), 997, device=images.device)], 1)

def build():
    net = Hidden()
    net.pretrained_cfg = {
        "input_size": 224, "crop_pct": 0.875, "interpolation": "bilinear", "mean": (0.0,) * 3, "std": (1.0,) * 3
    }
    return net
"""


def findings_of(run: Path) -> list[str]:
    return [finding["name"] for finding in json.loads((run / "run.json").read_text())["findings"]]


def test_nothing_speaks_against_attacks_on_the_bundled_model(tmp_path: Path) -> None:
    attacks = ("--attack", "fgsm", "--attack", "pgd", "--attack", "noise", "--eps", "1/255,4/255")
    assert call(*LITE, "--sample", *attacks, "--formats", "csv,markdown", out=tmp_path) == 0
    assert findings_of(only_run(tmp_path)) == []
    assert "Audit" not in (only_run(tmp_path) / "report.md").read_text()


def test_hidden_gradients_stand_on_top_of_every_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hiding.py").write_text(HIDING)
    words = ("--model", f"{tmp_path / 'hiding.py'}:build", "--sample", "--attack", "pgd", "--steps", "2")
    assert call(*words, "--formats", "csv,markdown,html", out=tmp_path / "out") == 0
    run = only_run(tmp_path / "out")
    assert "zero-gradients" in findings_of(run)
    for text in (capsys.readouterr().out, (run / "report.md").read_text(), (run / "report.html").read_text()):
        assert "zero-gradients" in text.replace("\n  ", " ")
    assert "is zero for 20 of 20 images" in (run / "report.md").read_text()
    assert call(*words, "--formats", "csv,markdown", out=tmp_path / "out") == 0  # nothing to do, and still known
    assert "zero-gradients" in findings_of(run)


def test_an_attack_without_gradients_asks_for_none(tmp_path: Path) -> None:
    deaf = HIDING.replace("images.sum", "images.detach().sum")
    (tmp_path / "deaf.py").write_text(deaf)
    words = ("--model", f"{tmp_path / 'deaf.py'}:build", "--sample", "--attack", "square", "--eps", "4/255")
    assert call(*words, "--formats", "csv", out=tmp_path / "out") == 0
    assert json.loads((only_run(tmp_path / "out") / "run.json").read_text())["end"]


def test_the_hardest_plain_attack_is_run_with_twice_the_steps() -> None:
    hard, easy = (attack_condition("pgd", eps=eps) for eps in ("1/255", "4/255"))
    others = [CLEAN, attack_condition("fgsm"), attack_condition("square"), attack_condition("autoattack")]
    targeted = attack_condition("pgd", eps="0.1/255", targeted="random")
    assert longest([*others, easy, targeted, hard]) == hard
    assert longest([*others, targeted]) is None


def test_a_network_that_puts_itself_in_train_mode_is_found(tmp_path: Path) -> None:
    (tmp_path / "training.py").write_text(HIDING.replace("steps =", "self.train()\n        steps ="))
    words = ("--model", f"{tmp_path / 'training.py'}:build", "--sample", "--attack", "fgsm", "--formats", "csv")
    assert call(*words, out=tmp_path / "out") == 0
    assert "train-mode" in findings_of(only_run(tmp_path / "out"))
