import importlib.util
import json
import re
import zipfile
from pathlib import Path
from urllib.error import URLError

import pytest
import timm
import torch
import torchvision
from timm.data import ImageNetInfo

import pit
from robustness import hub, models
from robustness.checkpoints import weights_hash
from robustness.errors import RunError, UsageError
from robustness.models import label_space
from robustness.models.torchvision_models import load_torchvision
from robustness.probes import audit_classifier
from robustness.scoring import NEVER

RANDOM = models.Weights(random=True)


def from_file(path: Path) -> models.Weights:
    return models.Weights(checkpoint=path)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


def test_the_bundled_weights_are_the_real_ones(bundled: models.Model) -> None:
    assert bundled.provenance.weights_sha256.startswith("ac73d8caead58bef")
    assert not bundled.provenance.random_weights
    assert bundled.preprocessing == models.Preprocessing(224, 256, "bicubic", "center", (0.5,) * 3, (0.5,) * 3)


def test_a_model_states_its_own_preprocessing() -> None:
    deit, pit_s = (models.resolve(name, RANDOM).preprocessing for name in ("deit_tiny_patch16_224", "pit_ti"))
    assert (deit.resize, deit.interpolation, deit.mean) == (248, "bicubic", (0.485, 0.456, 0.406))
    assert (pit_s.input_size, pit_s.resize) == (224, 248)


def test_random_weights_are_stamped_repeat_and_spare_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    first, again = (models.resolve("resnet18", RANDOM).provenance for _ in range(2))
    assert first == again
    assert first.random_weights
    assert first.name == "resnet18 (random weights)"
    assert first.parameters == 11_689_512
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["pit_ti", "pit_ti_distilled"])
def test_an_official_checkpoint_is_recognised_by_its_layout(tmp_path: Path, name: str) -> None:
    trained = getattr(pit, name)()
    torch.save({"model": trained.state_dict()}, tmp_path / "anything.pth")
    found = models.resolve(name, from_file(tmp_path / "anything.pth")).provenance
    assert found.weights_sha256 == weights_hash(trained)
    assert (found.source, found.file, found.random_weights) == ("file", "anything.pth", False)


@pytest.mark.parametrize("prefix", ["", "module.", "model._orig_mod."])
def test_timms_layout_of_pit_loads_too(tmp_path: Path, prefix: str) -> None:
    theirs = timm.create_model("pit_ti_224")
    torch.save({prefix + key: value for key, value in theirs.state_dict().items()}, tmp_path / "timm.pth")
    ours = models.resolve("pit_ti", from_file(tmp_path / "timm.pth"))
    images = torch.rand(1, 3, 224, 224)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (ours.preprocessing.mean, ours.preprocessing.std))
    with torch.inference_mode():
        assert torch.allclose(ours.classifier(images), theirs.eval()((images - mean) / std), atol=1e-4)


def test_a_checkpoint_of_another_model_names_the_keys(tmp_path: Path) -> None:
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(RunError, match=r"resnet\.pth does not fit .*: .*(missing|cls_token|conv1)"):
        models.resolve("pit_ti", from_file(tmp_path / "resnet.pth"))


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


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("random", [True, False])
@pytest.mark.parametrize(
    ("spec", "instead"),
    [("timm/resnet18.a1_in1k", "--model resnet18.a1_in1k"), ("a/resnet18.b@v2", "--model resnet18")],
)
def test_an_architecture_that_only_the_hub_knows_is_three_lines(
    tmp_path: Path, spec: str, instead: str, random: bool
) -> None:
    with pytest.raises(RunError) as error:
        models.resolve(f"hf-hub:{spec}", RANDOM if random else from_file(tmp_path / "w.pth"))
    tried, once, without = str(error.value).splitlines()
    assert tried.startswith(f"no architecture for hf-hub:{spec}: {spec.partition('@')[0]} is not in the cache")
    assert "config.json" in once and "HF_HOME" in once
    assert without.endswith(instead)
    with pytest.raises(RunError) as error:
        models.resolve("hf-hub:a/b", RANDOM)
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("pit_z", r"unknown model 'pit_z'; did you mean .*pit_"),
        ("resnet50.a9_in1k", r"unknown weights 'resnet50\.a9_in1k'; did you mean resnet50\.r"),
        ("keras.applications:resnet50", "No module named 'keras'"),
        ("nowhere.py:build", r"there is no file nowhere\.py"),
        ("json:build", "json has no function 'build'"),
        ("torchvision:resnet51", r"unknown model 'torchvision:resnet51'; did you mean resnet"),
        ("torchvision:resnet50.V9", r"unknown weights 'torchvision:resnet50\.V9'"),
        ("hf-hub:pit_s", "is not hf-hub:org/name"),
        ("nowhere.onnx", "there is no such file"),
        ("nowhere.pt2", "there is no such file"),
    ],
)
def test_a_name_that_cannot_be_used_gets_an_answer(spec: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        models.resolve(spec, RANDOM)


def test_two_sources_of_weights_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        models.resolve("pit_ti", models.Weights(tmp_path / "x.pth", random=True))


OWN = """
import timm, torch

def build():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return timm.create_model("resnet18")

def bare():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 1000))

def stated():
    model = bare()
    model.pretrained_cfg = FACTS
    return model

def nothing():
    return 3

def arrays():
    model = stated()
    model.pretrained_cfg = FACTS | {"mean": torch.tensor([0.5, 0.5, 0.5]), "std": torch.ones(3).numpy()}
    return model

def numbers():
    model = stated()
    model.pretrained_cfg = FACTS | {"mean": 0, "std": 0.5}
    return model

def flat():
    model = stated()
    model.pretrained_cfg = FACTS | {"std": 0}
    return model

FACTS = {"input_size": 32, "resize": 40, "interpolation": "bilinear", "mean": (0.1, 0.2, 0.3), "std": (1.0, 1.0, 1.0)}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(tmp_path)  # restores sys.path, to which the loader adds the file's folder
    (tmp_path / "my_model.py").write_text(OWN)
    return str(tmp_path / "my_model.py")


def test_own_code_scores_what_timms_model_scores(own: str) -> None:
    mine, theirs = models.resolve(f"{own}:build"), models.resolve("resnet18", RANDOM)
    images = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(mine.classifier(images), theirs.classifier(images))
    assert mine.preprocessing == theirs.preprocessing
    assert mine.provenance.weights_sha256 == theirs.provenance.weights_sha256
    assert (mine.provenance.source, mine.provenance.random_weights) == ("own code", False)


def test_own_code_states_its_preprocessing_or_is_asked_for_it(own: str) -> None:
    assert models.resolve(f"{own}:stated").preprocessing == models.Preprocessing(
        32, 40, "bilinear", "center", (0.1, 0.2, 0.3), (1.0, 1.0, 1.0)
    )
    for function, mean, std in (("arrays", 0.5, 1.0), ("numbers", 0.0, 0.5)):
        found = models.resolve(f"{own}:{function}").preprocessing
        assert (found.mean, found.std) == ((mean,) * 3, (std,) * 3)
    with pytest.raises(UsageError, match="in other words: 'std 0'"):
        models.resolve(f"{own}:flat")
    with pytest.raises(UsageError, match="does not state its input_size, interpolation, mean, std, crop_pct; set it"):
        models.resolve(f"{own}:bare")
    with pytest.raises(UsageError, match=r"returns a int, not an nn\.Module"):
        models.resolve(f"{own}:nothing")


def test_what_own_code_lacks_is_no_missing_model(own: str) -> None:
    Path(own).write_text("open('nowhere.txt')")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        models.resolve(f"{own}:build")


def test_own_code_takes_a_checkpoint(own: str, tmp_path: Path) -> None:
    torch.save({"state_dict": timm.create_model("resnet18").state_dict()}, tmp_path / "w.pth")
    found = models.resolve(f"{own}:build", from_file(tmp_path / "w.pth")).provenance
    assert found.weights_sha256 != models.resolve(f"{own}:build").provenance.weights_sha256
    assert (found.source, found.file) == ("file", "w.pth")


FACTS = {"input_size": [3, 96, 96], "crop_pct": 0.9, "interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3}
BATCH = torch.export.Dim("batch", min=1, max=1024)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_efficientnet", num_classes=1000).eval()


def exported(network: torch.nn.Module, path: Path, facts: object = FACTS, batch: object = BATCH) -> str:
    """Export to a file of the suffix's kind, with its sidecar."""
    example = (torch.zeros(2 if batch else 1, 3, 96, 96),)
    program = torch.export.export(network, example, dynamic_shapes=({0: batch},) if batch else None)
    if path.suffix == ".pt2":
        torch.export.save(program, path)
    else:
        torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    if facts:
        path.with_name(path.name + ".json").write_text(json.dumps(facts))
    return str(path)


needs_onnx = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="needs onnxruntime",
)
every_export = pytest.mark.parametrize("suffix", [".pt2", pytest.param(".onnx", marks=needs_onnx)])


@every_export
@pytest.mark.filterwarnings("ignore")  # the exporters warn about themselves
def test_an_exported_network_answers_as_the_network(network: torch.nn.Module, tmp_path: Path, suffix: str) -> None:
    found = models.resolve(exported(network, tmp_path / f"net{suffix}"))
    images = torch.rand(5, 3, 96, 96)
    with torch.inference_mode():
        assert torch.allclose(found.classifier(images), network((images - 0.5) / 0.5), atol=1e-4)
    assert found.preprocessing == models.Preprocessing(96, 106, "bicubic", "center", (0.5,) * 3, (0.5,) * 3)
    assert found.differentiable == (suffix == ".pt2")
    assert len(found.provenance.weights_sha256) == 64
    findings = audit_classifier("m", found.classifier, images, torch.zeros(5, dtype=torch.int64), differentiable=False)
    assert "train-mode" not in [finding.name for finding in findings]
    with pytest.raises(UsageError, match="has its weights inside"):
        models.resolve(found.provenance.spec, RANDOM)


@every_export
@pytest.mark.filterwarnings("ignore")
def test_an_exported_network_that_cannot_be_used_says_why(
    network: torch.nn.Module, tmp_path: Path, suffix: str
) -> None:
    with pytest.raises(UsageError, match=rf"does not state its .*mean, std.*; write .* into silent{suffix}\.json"):
        models.resolve(exported(network, tmp_path / f"silent{suffix}", facts=None))
    with pytest.raises(RunError, match="cannot classify two pictures of 96×96 pixels at once"):
        models.resolve(exported(network, tmp_path / f"single{suffix}", batch=None))
    whole = (tmp_path / f"single{suffix}").read_bytes()
    for content in (b"", b"nothing of the kind", whole[: len(whole) // 2]):
        (tmp_path / f"bad{suffix}").write_bytes(content)
        with pytest.raises(RunError, match="cannot be loaded as"):
            models.resolve(str(tmp_path / f"bad{suffix}"))


@needs_onnx
@pytest.mark.filterwarnings("ignore")
def test_numbers_that_onnxruntime_cannot_convolve_are_told(tmp_path: Path) -> None:
    program = torch.export.export(torch.nn.Conv2d(3, 4, 3).double(), (torch.zeros(2, 3, 8, 8).double(),))
    torch.onnx.export(program, dynamo=True, verbose=False, optimize=False).save(tmp_path / "double.onnx")
    with pytest.raises(RunError, match=r"cannot be loaded as an ONNX network: .*Conv"):
        models.resolve(str(tmp_path / "double.onnx"))


def test_an_error_without_words_is_told_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: object) -> None:
        raise AssertionError

    monkeypatch.setattr("torch.export.load", refuse)
    with zipfile.ZipFile(tmp_path / "net.pt2", "w"):
        pass
    with pytest.raises(RunError, match=r"cannot be loaded as a torch\.export program: AssertionError$"):
        models.resolve(str(tmp_path / "net.pt2"))


def test_torchvision_states_the_preprocessing_of_its_weights() -> None:
    newest, first = (models.resolve(f"torchvision:resnet18{tag}", RANDOM) for tag in ("", ".IMAGENET1K_V1"))
    assert newest.preprocessing == first.preprocessing
    assert first.preprocessing.resize == 256
    assert models.resolve("torchvision:resnet50", RANDOM).preprocessing.resize == 232
    assert first.provenance.architecture == "resnet18"


def test_torchvision_without_a_network_is_three_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    with pytest.raises(RunError, match=r"no trained weights for torchvision:resnet18: https://.*no network") as error:
        models.resolve("torchvision:resnet18")
    assert len(str(error.value).splitlines()) == 3


@pytest.fixture
def torchs_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


def test_torchvisions_googlenet_sees_the_pixels_it_was_trained_with(torchs_cache: Path) -> None:
    trained = torchvision.models.get_model("googlenet", init_weights=False)
    file = torchs_cache / "googlenet-1378be20.pth"
    torch.save(trained.state_dict(), file)
    for weights in (models.Weights(), from_file(file)):
        found = models.resolve("torchvision:googlenet", weights)
        assert found.classifier.module.transform_input  # type: ignore[attr-defined]
        assert found.provenance.file.endswith(file.name)


def test_torchvisions_networks_are_those_of_their_weights() -> None:
    assert load_torchvision("torchvision:inception_v3", RANDOM).module.transform_input
    vit = load_torchvision("torchvision:vit_b_16.IMAGENET1K_SWAG_E2E_V1", RANDOM)
    assert vit.module.image_size == vit.preprocessing.input_size == 384


def test_torchvisions_densenet_has_old_names_in_its_file(torchs_cache: Path) -> None:
    trained = torchvision.models.get_model("densenet121")
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", key): value
        for key, value in trained.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    torch.save(old, torchs_cache / "densenet121-a639ec97.pth")
    found = models.resolve("torchvision:densenet121").provenance
    assert found.weights_sha256 == weights_hash(trained)
    assert found.source == "torchvision IMAGENET1K_V1"
    (torchs_cache / "densenet121-a639ec97.pth").write_bytes(b"damaged")
    with pytest.raises(RunError, match="no trained weights for torchvision:densenet121"):
        models.resolve("torchvision:densenet121")


def test_a_larger_imagenet_is_cut_down_to_the_1000_classes() -> None:
    whole = models.resolve("vit_tiny_patch16_224.augreg_in21k", RANDOM)
    assert (whole.provenance.classes, whole.provenance.label_space) == (21_843, "imagenet-21k-goog")
    assert len(whole.provenance.unanswered) == 1
    with torch.inference_mode():
        logits = whole.classifier(torch.rand(2, 3, 224, 224))
    assert logits.shape == (2, 1000)
    unknown = label_space.columns_of("imagenet-21k-goog").index(None)
    assert (logits[:, unknown] == NEVER).all()
    assert (logits > NEVER).sum() == 2 * 999


def test_every_label_space_names_the_same_classes() -> None:
    ours = label_space.columns_of("imagenet-1k")
    assert ours == tuple(range(1000))
    names = ImageNetInfo("imagenet-12k")
    tench = label_space.columns_of("imagenet-12k")[0]
    assert tench is not None
    assert names.index_to_label_name(tench) == "n01440764"


@pytest.mark.parametrize(("classes", "spec"), [(200, "resnet18"), (10, "resnet18")])
def test_a_label_space_without_imagenet_is_refused(classes: int, spec: str) -> None:
    with pytest.raises(UsageError, match=f"{spec} has {classes} outputs"):
        label_space.label_space_of(classes, spec)


def test_local_folders_are_what_the_hub_has(tmp_path: Path) -> None:
    theirs = timm.create_model("test_resnet", num_classes=1000).eval()
    timm.models.save_for_hf(theirs, tmp_path)
    ours = models.resolve(f"local-dir:{tmp_path}")
    assert ours.provenance.weights_sha256 == weights_hash(theirs)
    with pytest.raises(RunError, match=r"there is no config\.json"):
        models.resolve(f"local-dir:{tmp_path / 'elsewhere'}")
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(RunError, match="no trained weights for local-dir:"):
        models.resolve(f"local-dir:{tmp_path}")
