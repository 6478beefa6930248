"""The Backgrounds Challenge against its definition, one foreground and one background at a time."""

import pytest
import torch
from conftest import Linear
from torch import Tensor

from robustness.challenge import worst_background

SIZE, CLASSES = 8, 10


@pytest.fixture(scope="module")
def scene() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images, backgrounds = (
        torch.randint(0, 256, (n, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8) for n in (12, 30)
    )
    masks = torch.zeros(12, 3, SIZE, SIZE, dtype=torch.uint8)
    for i in range(12):  # from nothing cut out to nothing left of the background
        masks[i, :, :, : i * SIZE // 11] = 255
    return images, masks, backgrounds


def classify(images: Tensor) -> Tensor:
    return Linear(CLASSES, SIZE)(images.float() / 255)


def one_by_one(images: Tensor, masks: Tensor, backgrounds: Tensor, labels: Tensor) -> list[int | None]:
    """Index of the first background that flips each foreground: combined = background * (1 - mask) + mask * image."""
    found: list[int | None] = []
    for image, mask, label in zip(images / 255, masks / 255, labels, strict=True):
        combined = [background / 255 * (1 - mask) + mask * image for background in backgrounds]
        flips = [Linear(CLASSES, SIZE)(picture[None]).argmax(1).item() != label for picture in combined]
        found.append(flips.index(True) if True in flips else None)
    return found


@pytest.mark.parametrize("batch_size", [1, 5, 12, 64, 1000])
def test_every_foreground_meets_the_backgrounds_in_order_until_it_flips(
    scene: tuple[Tensor, Tensor, Tensor], batch_size: int
) -> None:
    images, masks, backgrounds = scene
    labels = classify(images).argmax(1)
    expected = one_by_one(images, masks, backgrounds, labels)
    assert None in expected and any(index not in (0, None) for index in expected)
    logits, tried = worst_background(
        classify, lambda logits: logits.argmax(1), images, masks, labels, backgrounds, batch_size
    )
    assert tried.tolist() == [len(backgrounds) if index is None else index + 1 for index in expected]
    assert (logits.argmax(1) == labels).tolist() == [index is None for index in expected]


def test_flipped_foregrounds_make_room_for_the_others(scene: tuple[Tensor, Tensor, Tensor]) -> None:
    images, masks, backgrounds = scene
    sizes: list[int] = []

    def counted(some: Tensor) -> Tensor:
        sizes.append(len(some))
        return classify(some)

    labels = classify(images).argmax(1)
    _, tried = worst_background(counted, lambda logits: logits.argmax(1), images, masks, labels, backgrounds, 12)
    assert max(sizes) <= 12
    assert len(sizes) < len(backgrounds)  # one background at a time would take as many passes as there are
    assert tried.sum() <= sum(sizes) <= tried.sum() + 12 * len(sizes)
