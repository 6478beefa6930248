"""Acceleration may change no logit beyond rounding, whatever the network does with its convolutions and norms."""

import logging
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torchvision import models as torchvision_models

import datasets
from robustness import models
from robustness.acceleration import Compiled, accelerate, cast_weights
from robustness.errors import RunError
from robustness.folding import FoldedBatchNorm2d, FoldedBatchNormAct2d, fold_batch_norms

CPU = torch.device("cpu")
FOLDED = (FoldedBatchNorm2d, FoldedBatchNormAct2d)


def trained(module: nn.Module) -> nn.Module:
    """Freeze a module after giving its norms the numbers of training, which are not 0 and 1."""
    generator = torch.Generator().manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.normal_(0, 0.3, generator=generator)
            norm.running_var.uniform_(0.3, 3, generator=generator)
            if norm.affine:
                nn.init.uniform_(norm.weight, 0.3, 1.2, generator)
                nn.init.normal_(norm.bias, 0, 0.3, generator)
    return module.eval().requires_grad_(False)


def answer(module: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Give logits and the gradient of a function of them."""
    images = images.detach().requires_grad_()
    logits = module(images)
    (gradient,) = torch.autograd.grad(logits.square().sum(), images)
    return logits.detach(), gradient


def images_like(size: int = 64, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=dtype)


@pytest.mark.parametrize(
    "build",
    [
        lambda: timm.create_model("resnet18"),  # norms and activations apart
        lambda: timm.create_model("mobilenetv3_small_100"),  # BatchNormAct2d, squeeze-and-excite
        lambda: timm.create_model("tf_efficientnet_lite0"),  # TensorFlow's padding, ReLU6
        lambda: timm.create_model("regnety_002"),
        lambda: torchvision_models.mobilenet_v3_small(),
    ],
)
def test_every_norm_of_common_networks_folds_and_nothing_else_changes(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    module, images = trained(build()), images_like()
    double = images_like(dtype=torch.float64)  # where a ReLU does not tip over by rounding, and gradients compare
    names, norms = list(dict(module.named_modules())), sum(isinstance(m, nn.BatchNorm2d) for m in module.modules())
    expected, gradient = answer(module.double(), double)
    rounded = module.float()(images)
    assert fold_batch_norms(module.double()) == norms
    found, found_gradient = answer(module, double)
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))
    assert torch.allclose(found_gradient, gradient, rtol=1e-9, atol=1e-9 * float(gradient.abs().max()))
    assert (module.float()(images) - rounded).abs().max() < 1e-5 * rounded.abs().max()
    assert list(dict(module.named_modules())) == names
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_the_bundled_network_keeps_its_logits(bundled: models.Model, photographs: datasets.Batch) -> None:
    network = models.bundled.load_bundled("", models.Weights()).module.eval()
    pixels = photographs.views[0].float() / 255
    with torch.inference_mode():
        plain = network((pixels - 0.5) / 0.5)
        ours = bundled.classifier(pixels)
        low = models.resolve(models.BUNDLED, precision="bf16").classifier(pixels)
    assert (ours - plain).abs().max() < 1e-4
    assert (low - plain).abs().max() < 1
    assert (low.argmax(1) == plain.argmax(1)).sum() >= 19
    assert bundled.classifier.accelerated.folded == 49  # type: ignore[attr-defined]


class Network(nn.Module):
    """A convolution and a norm, to be used as subclasses like."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.other = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class OutputUsedTwice(Network):
    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        return self.norm(out) + out


class TwoNorms(Network):
    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        return self.norm(out) + self.other(out)


class ConvolutionCalledTwice(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(self.conv(x)))


class NormCalledTwice(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.norm(self.conv(x)))


class NormFirst(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.norm(x).relu())


class SomethingBetween(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x).relu())


class WeightReadByItself(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) + F.conv2d(x, self.conv.weight, padding=1)


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias, padding=1)


def with_convolution(convolution: nn.Module) -> Network:
    network = Network()
    network.conv = convolution  # type: ignore[assignment]
    return network


def with_hook() -> Network:
    network = Network()
    network.conv.register_forward_hook(lambda _module, _inputs, output: output * 2)
    return network


def with_norm(**kwargs: bool) -> Network:
    network = Network()
    network.norm = nn.BatchNorm2d(3, **kwargs)
    return network


def old_weight_norm() -> nn.Module:
    with pytest.warns(FutureWarning):
        return torch.nn.utils.weight_norm(nn.Conv2d(3, 3, 3, padding=1))


@pytest.mark.parametrize(
    "build",
    [
        OutputUsedTwice,
        TwoNorms,
        ConvolutionCalledTwice,
        NormCalledTwice,
        NormFirst,
        SomethingBetween,
        WeightReadByItself,
        lambda: with_convolution(Standardised(3, 3, 3, padding=1)),
        lambda: with_convolution(parametrizations.weight_norm(nn.Conv2d(3, 3, 3, padding=1))),
        lambda: with_convolution(old_weight_norm()),
        lambda: with_convolution(nn.ConvTranspose2d(3, 3, 3, padding=1)),
        with_hook,
        lambda: with_norm(track_running_stats=False),
    ],
)
def test_what_cannot_be_folded_is_left_as_it_is(build: Callable[[], nn.Module]) -> None:
    module, images = trained(build()), images_like(8)
    expected, gradient = answer(module, images)
    assert fold_batch_norms(module) == 0
    found, found_gradient = answer(module, images)
    assert torch.equal(found, expected)
    assert torch.equal(found_gradient, gradient)


class KnownTwice(Network):
    """Holds its norm in a list too, and calls that."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = [self.norm]

    def forward(self, x: Tensor) -> Tensor:
        return self.norms[0](self.conv(x))


class Tied(Network):
    """Two convolutions with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Conv2d(3, 3, 3, padding=1)
        self.second.weight = self.conv.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.norm(self.conv(x)))


@pytest.mark.parametrize(
    ("build", "folded"),
    [(Network, 1), (KnownTwice, 1), (Tied, 1), (lambda: with_norm(affine=False), 1)],
)
def test_what_can_be_folded_is_folded_right(build: Callable[[], nn.Module], folded: int) -> None:
    module, images = trained(build()), images_like(8)
    expected = module(images)
    assert fold_batch_norms(module) == folded
    assert sum(isinstance(part, FOLDED) for part in module.modules()) == folded
    assert torch.allclose(module(images), expected, atol=1e-5)


class Remembering(Network):
    """Keeps what it computed for the first image size that it meets, and what it saw last."""

    scale: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.scale is None:
            self.scale = torch.ones_like(x[0, :1])
        return self.norm(self.conv(x)) * self.scale


def test_tracing_leaves_no_trace() -> None:
    module, images = trained(Remembering()), images_like(8)
    expected = trained(Network())
    expected.load_state_dict(module.state_dict())
    assert fold_batch_norms(module) == 1
    assert module.scale is None
    assert torch.allclose(module(images), expected(images), atol=1e-5)


class DataDependent(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) if x.sum() > 0 else self.conv(x)


def test_a_network_that_cannot_be_traced_is_left_alone_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    module, images = trained(DataDependent()), images_like(8)
    expected = module(images), module(-images)
    with caplog.at_level(logging.WARNING):
        assert fold_batch_norms(module) == 0
    assert "DataDependent are not folded, as it cannot be traced" in caplog.text
    assert torch.equal(module(images), expected[0])
    assert torch.equal(module(-images), expected[1])


class ExactHead(nn.Module):
    """Computes its last layer in float32 even under autocast."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.linear = nn.Conv2d(3, 4, 3), nn.LayerNorm(6), nn.Linear(144, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        features = self.linear(self.norm(self.conv(x)).flatten(1))
        with torch.autocast("cpu", enabled=False):
            return self.head(features.float())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_casting_once_gives_what_autocast_gives(dtype: torch.dtype) -> None:
    module, images = ExactHead().eval().requires_grad_(False), images_like(8)
    with torch.autocast("cpu", dtype):
        expected, gradient = answer(module, images)
    assert cast_weights(module, images, dtype) == 2
    with torch.autocast("cpu", dtype):
        found, found_gradient = answer(module, images)
    assert torch.equal(found, expected)
    assert torch.equal(found_gradient, gradient)
    kept = {name: parameter.dtype for name, parameter in module.named_parameters()}
    assert {kept[f"{name}.weight"] for name in ("conv", "linear")} == {dtype}
    assert {kept[f"{name}.weight"] for name in ("norm", "head")} == {torch.float32}
    assert not any(layer._forward_pre_hooks for layer in module.modules())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_made_in_inference_mode_meets_autograd_later(precision: str) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    with torch.inference_mode():
        accelerated = accelerate(module, 8, CPU, precision, False)  # type: ignore[arg-type]
    assert accelerated.folded == 1
    assert accelerated.cast == (2 if precision == "bf16" else 0)
    with torch.autocast("cpu", enabled=precision == "bf16"):
        _, gradient = answer(accelerated.module, images_like(8))
    assert gradient.abs().sum() > 0


def test_no_global_state_changes() -> None:
    def state() -> list[object]:
        threads, fp32 = torch.get_num_threads(), torch.get_float32_matmul_precision()
        modes = [torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")]
        return [torch.get_default_dtype(), threads, fp32, *modes, torch.get_rng_state().tolist(), logging.root.level]

    module = Network()
    before = state()
    accelerate(module, 8, CPU, "bf16", False)
    assert state() == before


def test_a_compiled_network_gives_the_same_logits_and_gradients() -> None:
    module, images = trained(timm.create_model("resnet10t", num_classes=5)), images_like(32)
    expected, gradient = answer(module, images)
    found, found_gradient = answer(Compiled(module, backend="aot_eager"), images)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(found_gradient, gradient, atol=1e-5 * float(gradient.abs().max()))
    accelerated = accelerate(module, 32, CPU, "fp32", True)
    assert isinstance(accelerated.module, Compiled)


def test_a_machine_that_cannot_compile_says_so() -> None:
    def backend(_graph: object, _inputs: object) -> Callable[[], None]:
        raise OSError("no compiler found")

    with pytest.raises(RunError, match=r"--compile: .*no compiler found.*leave it out"):
        Compiled(Network(), backend=backend)(images_like(8))  # type: ignore[arg-type]


def test_every_network_of_a_class_is_compiled_however_many_there_are() -> None:
    compiled: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _inputs: object) -> Callable[..., object]:
        compiled.append(graph)
        return graph.forward

    for depth in range(1, 11):  # torch stops at 8 translations of one forward
        network = nn.Sequential(*(nn.ReLU() for _ in range(depth)))
        Compiled(network, backend=backend)(images_like(8))  # type: ignore[arg-type]
        assert len(compiled) == depth
