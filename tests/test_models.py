from pathlib import Path

import pytest
import timm
import torch

import pit
from robustness import hub, models
from robustness.checkpoints import weights_hash
from robustness.errors import RunError, UsageError


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


def test_the_bundled_weights_are_the_real_ones(bundled: models.Model) -> None:
    assert bundled.provenance.weights_sha256.startswith("ac73d8caead58bef")
    assert not bundled.provenance.random_weights
    assert bundled.preprocessing == models.Preprocessing(224, 256, "bicubic", "center", (0.5,) * 3, (0.5,) * 3)


def test_a_model_states_its_own_preprocessing() -> None:
    deit, pit_s = (
        models.resolve(name, random_weights=True).preprocessing for name in ("deit_tiny_patch16_224", "pit_ti")
    )
    assert (deit.resize, deit.interpolation, deit.mean) == (248, "bicubic", (0.485, 0.456, 0.406))
    assert (pit_s.input_size, pit_s.resize) == (224, 248)


def test_random_weights_are_stamped_repeat_and_spare_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    first, again = (models.resolve("resnet18", random_weights=True).provenance for _ in range(2))
    assert first == again
    assert first.random_weights
    assert first.name == "resnet18 (random weights)"
    assert first.parameters == 11_689_512
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["pit_ti", "pit_ti_distilled"])
def test_an_official_checkpoint_is_recognised_by_its_layout(tmp_path: Path, name: str) -> None:
    trained = getattr(pit, name)()
    torch.save({"model": trained.state_dict()}, tmp_path / "anything.pth")
    found = models.resolve(name, tmp_path / "anything.pth").provenance
    assert found.weights_sha256 == weights_hash(trained)
    assert (found.source, found.random_weights) == ("file anything.pth", False)


def test_timms_layout_of_pit_loads_too(tmp_path: Path) -> None:
    theirs = timm.create_model("pit_ti_224")
    torch.save(theirs.state_dict(), tmp_path / "timm.pth")
    ours = models.resolve("pit_ti", tmp_path / "timm.pth")
    images = torch.rand(1, 3, 224, 224)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (ours.preprocessing.mean, ours.preprocessing.std))
    with torch.inference_mode():
        assert torch.allclose(ours.classifier(images), theirs.eval()((images - mean) / std), atol=1e-4)


def test_a_checkpoint_of_another_model_names_the_keys(tmp_path: Path) -> None:
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(RunError, match=r"resnet\.pth does not fit .*: .*(missing|cls_token|conv1)"):
        models.resolve("pit_ti", tmp_path / "resnet.pth")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("spec", "where"), [("pit_s", "timm/pit_s_224.in1k"), ("resnet18", "timm/resnet18.a1_in1k"), ("hf-hub:a/b", "a/b")]
)
def test_weights_that_cannot_be_had_are_three_lines(spec: str, where: str) -> None:
    with pytest.raises(RunError) as error:
        models.resolve(spec)
    tried, instead, random = str(error.value).splitlines()
    assert spec in tried
    assert where in tried
    assert "--checkpoint" in instead
    assert "HF_HUB_OFFLINE" in instead
    assert "--random-weights" in random


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("pit_z", r"unknown model 'pit_z'; did you mean .*pit_"),
        ("resnet50.a9_in1k", r"unknown weights 'resnet50\.a9_in1k'; did you mean resnet50\.r"),
        ("keras:resnet50", "unknown kind of model spec"),
        ("vit_base_patch16_224.augreg_in21k", "21843 outputs"),
    ],
)
def test_a_name_that_cannot_be_used_gets_an_answer(spec: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        models.resolve(spec, random_weights=True)


def test_two_sources_of_weights_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        models.resolve("pit_ti", tmp_path / "x.pth", random_weights=True)
