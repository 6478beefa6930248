"""Convolutions that pad for themselves answer as timm's do that pad before."""

import copy

import pytest
import timm
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from robustness.same_padding import pad_in_kernels


def answer(module: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Give outputs and the gradient of a function of them."""
    images = images.clone().requires_grad_()
    outputs = module(images)
    return outputs, torch.autograd.grad(outputs.square().sum(), images)[0]


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5, (3, 6)])
@pytest.mark.parametrize("size", [(8, 8), (9, 12), (7, 10)])
def test_outputs_and_gradients_stay(size: tuple[int, int], kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 4, *size, dtype=torch.float64)
    layers = [Conv2dSame(4, 4, kernel, stride, groups=groups).double() for groups in (1, 4)]
    for layer in layers:
        module = nn.Sequential(layer).eval().requires_grad_(False).to(memory_format=torch.channels_last)
        expected = answer(copy.deepcopy(module), images)
        assert pad_in_kernels(module, images) == 1
        assert type(module[0]) is nn.Conv2d
        for found, wanted in zip(answer(module, images), expected, strict=True):
            assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_a_network_keeps_its_logits_and_its_memory_format() -> None:
    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0").eval().requires_grad_(False)
    network = network.to(memory_format=torch.channels_last)
    images = torch.rand(2, 3, 64, 64)
    expected = network(images)
    assert pad_in_kernels(network, images) == 5
    assert (network(images) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert network.blocks[1][0].conv_dw.weight.is_contiguous(memory_format=torch.channels_last)


class Pyramid(nn.Module):
    """One convolution for pictures of two sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = Conv2dSame(3, 3, 3, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.shared(self.shared(images))


def test_what_cannot_be_told_beforehand_is_left_alone() -> None:
    dilated, pyramid = nn.Sequential(Conv2dSame(3, 3, 3, 2, dilation=2)), Pyramid()
    for module in (dilated, pyramid):
        assert pad_in_kernels(module.requires_grad_(False), torch.rand(1, 3, 8, 8)) == 0
        assert [type(part) for part in module.modules() if isinstance(part, nn.Conv2d)] == [Conv2dSame]
