"""Occlusion and patches: what is kept is kept to the bit, what is dropped is black, nothing is lost in a shuffle."""

import math
from collections import Counter

import pytest
import torch
from scipy import stats
from torch import Generator, Tensor

from robustness.corruptions import CORRUPTIONS

SHAPES = ((224, 224), (97, 150), (260, 225))
each_severity = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
each_shape = pytest.mark.parametrize("shape", SHAPES)


def numbered(shape: tuple[int, int]) -> Tensor:
    """An image without black in which every pixel is another one, uint8 [1,3,H,W]."""
    number = torch.arange(shape[0] * shape[1]).view(shape)
    digits = [number // 255**place % 255 + 1 for place in range(3)]
    return torch.stack(digits)[None].to(torch.uint8)


def treated(name: str, images: Tensor, severity: int, **draw: Tensor) -> Tensor:
    return CORRUPTIONS[name].apply(images, severity, {key: value[None] for key, value in draw.items()})


@each_severity
@each_shape
def test_squares(shape: tuple[int, int], severity: int) -> None:
    images = numbered(shape)
    hole, window = (round(sevenths / 7 * min(shape)) for sevenths in (severity, 7 - severity))
    without, only = (treated(name, images, severity) for name in ("center_occlusion", "boundary_occlusion"))
    for result, side, black in ((without, hole, hole**2), (only, window, math.prod(shape) - window**2)):
        dark = (result == 0).all(1)[0]
        assert dark.sum() == black
        assert torch.equal(result, images * ~dark)
        square = dark if result is without else ~dark
        rows, columns = (line.nonzero()[:, 0] for line in (square.any(1), square.any(0)))
        assert len(rows) == len(columns) == side
        assert abs(rows[0] - (shape[0] - 1 - rows[-1])) <= 1
        assert abs(columns[0] - (shape[1] - 1 - columns[-1])) <= 1


@each_severity
@each_shape
def test_patch_drop(shape: tuple[int, int], severity: int) -> None:
    images, order = numbered(shape), torch.randperm(196, generator=Generator().manual_seed(severity))
    result = treated("patch_drop", images, severity, order=order)
    dark = (result == 0).all(1)[0]
    assert torch.equal(result, images * ~dark)
    patch = [torch.arange(size) * 14 // size for size in shape]
    place = patch[0][:, None] * 14 + patch[1]
    shares = [dark[place == p].double().mean().item() for p in range(196)]
    count = (19, 49, 98, 147, 176)[severity - 1]
    assert {place for place, share in enumerate(shares) if share == 1} == set(order[:count].tolist())
    assert shares.count(0) == 196 - count


@each_severity
@each_shape
def test_patch_shuffle(shape: tuple[int, int], severity: int) -> None:
    grid = (2, 4, 7, 8, 14)[severity - 1]
    images, source = numbered(shape), torch.randperm(grid**2, generator=Generator().manual_seed(severity))
    result = treated("patch_shuffle", images, severity, source=source)
    height, width = (size // grid for size in shape)
    top, left = ((size - size // grid * grid) // 2 for size in shape)
    wanted = images.clone()
    for place, origin in enumerate(source.tolist()):
        to, of = ((top + p // grid * height, left + p % grid * width) for p in (place, origin))
        wanted[..., to[0] : to[0] + height, to[1] : to[1] + width] = images[
            ..., of[0] : of[0] + height, of[1] : of[1] + width
        ]
    assert torch.equal(result, wanted)
    pixels, before = (Counter(map(tuple, some.flatten(2)[0].T.tolist())) for some in (result, images))
    assert pixels == before


def test_a_shuffle_in_place_changes_nothing() -> None:
    images = numbered((97, 150))
    assert torch.equal(treated("patch_shuffle", images, 3, source=torch.arange(49)), images)


def test_all_orders_are_equally_likely() -> None:
    generator = Generator().manual_seed(0)
    shuffles = Counter(
        tuple(CORRUPTIONS["patch_shuffle"].draw(1, (224, 224), generator)["source"].tolist()) for _ in range(2400)
    )
    drops = torch.stack([CORRUPTIONS["patch_drop"].draw(1, (224, 224), generator)["order"] for _ in range(2000)])
    assert len(shuffles) == 24
    assert stats.chisquare(list(shuffles.values())).pvalue > 1e-4
    assert stats.chisquare(drops[:, :19].flatten().bincount(minlength=196)).pvalue > 1e-4
