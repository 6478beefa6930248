"""Convolutions that apply the activation behind them answer as before, with and without gradients."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn

from robustness.folding import fold_batch_norms
from robustness.fusing import FrozenConv2d, freeze_convolutions
from robustness.same_padding import pad_in_kernels

IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
pytestmark = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_convolution_pointwise"), reason="this torch has no such operator"
)


def fused(module: nn.Module) -> int:
    return sum(type(part) is FrozenConv2d and type(part.activation) is not nn.Identity for part in module.modules())


@pytest.mark.parametrize(
    ("name", "activations"), [("resnet18", 9), ("tf_efficientnet_lite0", 33), ("mobilenetv2_050", 35)]
)
def test_networks_keep_their_logits_and_gradients(name: str, activations: int) -> None:
    torch.manual_seed(0)
    plain = timm.create_model(name).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    fold_batch_norms(plain)
    pad_in_kernels(plain, IMAGES)
    ours = copy.deepcopy(plain)
    freeze_convolutions(ours, IMAGES)
    assert fused(ours) == activations
    assert not any(type(part) is nn.Conv2d for part in ours.modules())
    with torch.inference_mode():
        expected, found = plain(IMAGES), ours(IMAGES)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    slopes = []
    for network in (plain, ours):
        pixels = IMAGES.clone().requires_grad_()
        slopes.append(torch.autograd.grad(network(pixels).square().sum(), pixels)[0])
    assert (slopes[1] - slopes[0]).abs().max() <= 1e-5 * slopes[0].abs().max()
    assert torch.allclose(ours.double()(IMAGES.double()), plain.double()(IMAGES.double()))


def test_onednn_serves_a_thread_with_few_images_too() -> None:
    convolution = nn.Sequential(nn.Conv2d(32, 64, 1, stride=1, padding=0)).eval().requires_grad_(False)
    images = torch.rand(2, 32, 14, 14, requires_grad=True)
    expected = convolution(images)
    assert freeze_convolutions(convolution, images.detach()) == 1
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.profiler.profile() as profile:
            found = convolution(images)
            torch.autograd.grad(found.sum(), images)
    finally:
        torch.set_num_threads(threads)
    assert torch.allclose(found, expected, atol=1e-6)
    called = {event.key for event in profile.key_averages()}
    assert "aten::mkldnn_convolution" in called and not any("slow_conv" in name for name in called)


class Block(nn.Module):
    """A convolution and a ReLU, to be used as subclasses like."""

    def __init__(self, padding_mode: str = "zeros", padding: int | str = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=padding, padding_mode=padding_mode)  # type: ignore[arg-type]
        self.relu = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        return self.relu(self.conv(images))


class Twice(Block):
    def forward(self, images: Tensor) -> Tensor:
        return self.relu(self.conv(self.relu(self.conv(images))))


class SharedActivation(Block):
    def forward(self, images: Tensor) -> Tensor:
        return self.relu(self.conv(self.relu(images)))


class Residual(Block):
    def forward(self, images: Tensor) -> Tensor:
        convolved = self.conv(images)
        return convolved + self.relu(convolved.clone())


class Leaky(Block):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.LeakyReLU()  # type: ignore[assignment]


class Hooked(Block):
    def __init__(self) -> None:
        super().__init__()
        self.conv.register_forward_hook(lambda *_: None)


class Untraceable(Block):
    def forward(self, images: Tensor) -> Tensor:
        return self.relu(self.conv(images)) if images.sum() > 0 else images


@pytest.mark.parametrize(
    "build",
    [
        Twice,
        SharedActivation,
        Residual,
        Leaky,
        Hooked,
        Untraceable,
        lambda: Block("reflect"),
        lambda: Block(padding="same"),
    ],
)
def test_what_is_not_a_convolution_and_its_own_relu_stays(build: Callable[[], nn.Module]) -> None:
    module = build().eval().requires_grad_(False)
    expected = module(IMAGES)
    freeze_convolutions(module, IMAGES)
    assert fused(module) == 0
    assert torch.allclose(module(IMAGES), expected, atol=1e-6)


def test_the_plain_block_is_one() -> None:
    module = Block().eval().requires_grad_(False)
    expected = module(IMAGES)
    assert freeze_convolutions(module, IMAGES) == fused(module) == 1
    assert type(module.relu) is nn.Identity
    assert not any(part.training for part in module.modules())
    assert torch.allclose(module(IMAGES), expected, atol=1e-6)
    assert freeze_convolutions(module, IMAGES) == 0
    assert copy.deepcopy(module).conv.layout is module.conv.layout
