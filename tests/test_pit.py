"""PiT against timm's own PiT with the same random weights, and what those who load or train it rely on."""

import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.pit import checkpoint_filter_fn as timm_layout
from torch import Tensor, nn

import pit

PUBLISHED = {  # name: parameters, official file
    "pit_ti": (4_847_272, "pit_ti_730.pth"),
    "pit_xs": (10_618_888, "pit_xs_781.pth"),
    "pit_s": (23_461_912, "pit_s_809.pth"),
    "pit_b": (73_764_840, "pit_b_820.pth"),
    "pit_ti_distilled": (5_104_336, "pit_ti_distill_746.pth"),
    "pit_xs_distilled": (11_003_984, "pit_xs_distill_791.pth"),
    "pit_s_distilled": (24_039_056, "pit_s_distill_819.pth"),
    "pit_b_distilled": (74_790_096, "pit_b_distill_840.pth"),
}
SIZE = (64, 80)  # not square, so that rows and columns cannot be swapped unseen
RESIDUAL = ("pos_embed", "cls_token", "patch_embed.", "attn.proj.", "mlp.fc2.", "conv.bias", "fc.bias")


def random_state(model: nn.Module, residual: float = 1.0) -> dict[str, Tensor]:
    """Give every entry random values; `residual` scales whatever is added to the residual stream."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, old in model.state_dict().items():
        value = torch.randn(old.shape, generator=generator)
        if "norm" in key:
            value = 0.2 * value + float(key.endswith("weight"))
        elif key.endswith("weight"):
            value /= old[0].numel() ** 0.5
        state[key] = value * residual if any(part in key for part in RESIDUAL) else value
    return state


def small(name: str = "pit_ti", **kwargs: float) -> pit.PoolingTransformer:
    """Make a model for small images and 10 classes, with random weights, in evaluation mode."""
    model = getattr(pit, name)(img_size=SIZE, num_classes=10, **kwargs)
    model.load_state_dict(random_state(model))
    return model.eval()


def images(batch: int = 2, size: tuple[int, int] = SIZE) -> Tensor:
    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(1))


def logits_and_gradient(model: nn.Module) -> tuple[Tensor, Tensor]:
    x = images().requires_grad_()
    logits = model(x)
    weights = torch.linspace(-1, 1, logits.numel()).reshape(logits.shape)
    gradient = torch.autograd.grad((logits * weights).sum(), x)[0]
    return logits.detach(), gradient / gradient.abs().max()


def assert_close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=2e-5)


# The same function as timm's.


@pytest.mark.parametrize("name", PUBLISHED)
def test_equals_timm(name: str) -> None:
    ours = getattr(pit, name)(img_size=SIZE).eval().requires_grad_(False)
    theirs = timm.create_model(f"{name}_224", img_size=SIZE).eval().requires_grad_(False)
    for residual in (1.0, 1e-3):  # the second makes LayerNorm's epsilon matter
        state = random_state(ours, residual)
        ours.load_state_dict(state)
        theirs.load_state_dict(timm_layout(state, theirs))
        for actual, expected in zip(logits_and_gradient(ours), logits_and_gradient(theirs), strict=True):
            assert_close(actual, expected)


def test_epsilon_of_every_norm_shows() -> None:
    """The comparison above would find a single LayerNorm with PyTorch's default epsilon."""
    model = small("pit_ti_distilled")
    model.load_state_dict(random_state(model, residual=1e-3))
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
    assert len(norms) == 2 * sum(pit.CONFIGS["pit_ti_distilled"].depths) + 1
    with torch.inference_mode():
        expected = model(images())
        for norm in norms:
            norm.eps = 1e-5
            assert (model(images()) - expected).abs().max() > 2e-4
            norm.eps = 1e-6


@pytest.mark.parametrize("name", PUBLISHED)
def test_has_the_published_size(name: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(name)
    assert sum(parameter.numel() for parameter in model.parameters()) == PUBLISHED[name][0]
    assert model.no_weight_decay() <= {key for key, _ in model.named_parameters()}


def test_a_sample_does_not_depend_on_its_batch_mates() -> None:
    model = small()
    assert_close(model(images(3))[1:2], model(images(3)[1:2]))


def test_another_image_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"img_size=\(64, 80\), not \(80, 64\)"):
        small()(images(size=(80, 64)))


# timm's registry.


def test_import_warns_of_nothing_and_leaves_timm_alone() -> None:
    code = """
import warnings
from timm.models._registry import _model_entrypoints as entries
before = dict(entries)
warnings.simplefilter("error")
import pit
assert all(entries[name] is before[name] for name in before)
print(*set(entries) - set(before))
"""
    root = Path(pit.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_weights_and_preprocessing_are_those_that_timm_names(name: str) -> None:
    ours, theirs = (timm.get_pretrained_cfg(known).to_dict() for known in (name, f"{name}_224"))
    assert ours["url"].endswith(f"/{PUBLISHED[name][1]}")
    differs = {"architecture", "url"}  # `theirs` says nothing of the paper, so only what it says is compared
    assert {key: ours[key] for key in theirs if key not in differs} == {
        key: value for key, value in theirs.items() if key not in differs
    }


def test_create_model_and_the_function_make_the_same() -> None:
    direct, named = pit.pit_ti(img_size=SIZE), timm.create_model("pit_ti", img_size=SIZE)
    assert type(direct) is type(named) is pit.PoolingTransformer
    assert direct.pretrained_cfg == named.pretrained_cfg
    named.load_state_dict(direct.state_dict())
    assert_close(direct.eval()(images()), named.eval()(images()))
    assert (pit.pit_ti.__name__, pit.pit_ti.__module__) == ("pit_ti", pit.pit_ti_distilled.__module__)


# Weights.


def test_layouts_translate() -> None:
    model = small("pit_ti_distilled")
    official = model.state_dict()
    theirs = timm_layout(official, model)
    before = list(theirs)
    translated = pit.official_layout(theirs)
    assert list(theirs) == before != list(official) == list(translated) == list(pit.official_layout(official))
    assert all(translated[key] is official[key] for key in official)
    filter_fn = sys.modules[type(model).__module__].checkpoint_filter_fn  # where timm's tools look for it
    model.load_state_dict(filter_fn(theirs, model))


@pytest.mark.parametrize(("source", "changed"), [("timm", {}), ("official", {}), ("timm", {"num_classes": 10})])
def test_pretrained_weights_load_from_either_layout(source: str, changed: dict[str, int], tmp_path: Path) -> None:
    theirs = timm.create_model("pit_ti_224").eval()
    theirs.load_state_dict(random_state(theirs))
    path = tmp_path / ("model.safetensors" if source == "timm" else "pit_ti_730.pth")
    if source == "timm":
        save_file(theirs.state_dict(), path)
    else:
        torch.save(pit.official_layout(theirs.state_dict()), path)
    ours = timm.create_model("pit_ti", pretrained=True, pretrained_cfg_overlay={"file": str(path)}, **changed).eval()
    x = images(1, (224, 224))
    with torch.inference_mode():
        assert_close(ours.forward_features(x), theirs.forward_features(x))
        if changed:
            assert ours(x).shape == (1, 10)
        else:
            assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"head_dist.weight": torch.zeros(10, 256)}, r"Unexpected key.*head_dist\.weight"),
        ({"pools.1.fc.bias": None}, r"Missing key.*pools\.1\.fc\.bias"),
        ({"pos_embed": torch.zeros(1, 64, 27, 27)}, r"size mismatch for pos_embed.*27, 27.*7, 9"),
    ],
)
def test_a_wrong_checkpoint_is_refused_by_key(wrong: dict[str, Tensor | None], message: str) -> None:
    model = small()
    state = {key: value for key, value in (model.state_dict() | wrong).items() if value is not None}
    with pytest.raises(RuntimeError, match=f"(?s){message}"):
        model.load_state_dict(pit.checkpoint_filter_fn(state, model))


def test_position_embedding_resizes_linearly() -> None:
    """Bicubic interpolation keeps a ramp a ramp, away from the borders, and each axis to itself."""
    ramp = torch.arange(12.0).reshape(1, 1, 12, 1).expand(1, 2, 12, 9)
    assert_close(pit.resize_pos_embed(ramp, (12, 9)), ramp)
    resized = pit.resize_pos_embed(ramp.half(), (24, 5))
    assert (resized.shape, resized.dtype) == ((1, 2, 24, 5), torch.float16)
    expected = ((torch.arange(24.0) + 0.5) / 2 - 0.5).reshape(24, 1).expand(24, 5)
    torch.testing.assert_close(resized[0, 1, 5:-5].float(), expected[5:-5], rtol=0, atol=1e-2)


# Training.


def test_two_heads_give_a_pair_in_training_and_their_mean_otherwise() -> None:
    model = small("pit_ti_distilled")
    mean = model(images())
    class_token, distillation_token = model.forward_features(images()).unbind(1)
    first, second = model.train()(images())
    assert_close(first, model.head(class_token))
    assert_close(second, model.head_dist(distillation_token))
    assert_close(mean, (first + second) / 2)
    model.set_distilled_training(False)
    assert_close(model(images()), mean)


@pytest.mark.parametrize("name", ["pit_ti", "pit_ti_distilled"])
def test_heads_can_be_replaced(name: str) -> None:
    model = small(name)
    features = model.forward_features(images()).mean(1)
    assert_close(model.forward_head(model.forward_features(images()), pre_logits=True), features)
    model.reset_classifier(5)
    assert model(images()).shape == (2, 5)
    heads = model.get_classifier() if "distilled" in name else [model.get_classifier()]
    assert [head.out_features for head in heads] == [5] * pit.CONFIGS[name].class_tokens
    model.reset_classifier(0, "token")  # as timm calls it
    assert_close(model(images()), features)
    with pytest.raises(ValueError, match="class tokens"):
        model.reset_classifier(5, "avg")


@pytest.mark.parametrize("kind", ["drop_rate", "pos_drop_rate", "proj_drop_rate", "attn_drop_rate", "drop_path_rate"])
def test_every_dropout_acts_in_training_only(kind: str) -> None:
    model = small(**{kind: 0.5})
    assert_close(model(images()), small()(images()))
    model.train()
    torch.manual_seed(0)
    assert (model(images()) - model(images())).abs().max() > 1e-2


def test_stochastic_depth_grows_linearly() -> None:
    model = small("pit_ti", drop_path_rate=0.11)
    rates = [block.drop_path.drop_prob for stage in model.transformers for block in stage.blocks]
    assert rates == pytest.approx([0.01 * i for i in range(12)])


def test_gradient_checkpointing_computes_again_and_changes_nothing() -> None:
    model = small()
    calls: list[int] = []
    model.transformers[1].blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
    results = []
    for enable in (False, True):
        model.set_grad_checkpointing(enable)
        model.zero_grad()
        logits = model(images())
        logits.square().sum().backward()
        results.append([logits.detach()] + [parameter.grad.clone() for parameter in model.parameters()])
    assert len(calls) == 1 + 2
    for plain, checkpointed in zip(*results, strict=True):
        torch.testing.assert_close(checkpointed, plain)


def test_exports_with_a_free_batch_size() -> None:
    model = small()
    program = torch.export.export(model, (images(2),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    assert_close(program.module()(images(3)), model(images(3)))
