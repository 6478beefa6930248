"""Blocks that take a few images at a time answer as before."""

import copy

import pytest
import timm
import torch
from timm.models._efficientnet_blocks import InvertedResidual
from torch import Tensor, nn

from robustness import slicing
from robustness.slicing import SlicedInvertedResidual, slice_blocks

IMAGES = torch.rand(7, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_b0", "mobilenetv3_small_050"])
def test_networks_keep_their_logits_and_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicing, "SLICE", 100_000)
    torch.manual_seed(0)
    plain = timm.create_model(name).eval().requires_grad_(False)
    ours = copy.deepcopy(plain)
    blocks = sum(type(part) is InvertedResidual for part in plain.modules())
    assert 0 < slice_blocks(ours, IMAGES[:2]) <= blocks
    with torch.inference_mode():
        for count in (0, 1, 2, 7):
            assert torch.allclose(ours(IMAGES[:count]), plain(IMAGES[:count]), rtol=1e-5, atol=1e-5)
    slopes = []
    for network in (plain, ours):
        pixels = IMAGES.clone().requires_grad_()
        slopes.append(torch.autograd.grad(network(pixels).square().sum(), pixels)[0])
    assert torch.equal(*slopes)
    assert slice_blocks(nn.Flatten(), IMAGES) == 0


def test_slices_are_even_and_as_large_as_the_cache_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicing, "SLICE", 4 * 3 * 24 * 16 * 16)  # three images, four bytes, six times four channels
    block = InvertedResidual(4, 4, exp_ratio=6.0).eval().requires_grad_(False)
    module, seen = nn.Sequential(block), []
    images = torch.rand(7, 4, 16, 16)
    expected = module(images)

    def note(_module: nn.Module, inputs: tuple[Tensor]) -> None:
        seen.append(len(inputs[0]))

    assert slice_blocks(module, images[:2]) == 1
    assert type(module[0]) is SlicedInvertedResidual and module[0].images_at_once == 3
    block.conv_pw.register_forward_pre_hook(note)
    with torch.no_grad():
        assert torch.allclose(module(images), expected, atol=1e-6)
    module(images.clone().requires_grad_())
    assert seen == [3, 3, 1, 7]
