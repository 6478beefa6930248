"""The Backgrounds Challenge against its definition, one foreground and one background at a time."""

import pytest
import torch
from conftest import Linear
from torch import Tensor

from robustness.challenge import worst_background
from robustness.condition import CHALLENGE
from robustness.errors import RunError
from robustness.evaluation import Evaluator, Selection, Settings, Subject
from robustness.plan import Group
from robustness.records import NO_CLASS
from robustness.scoring import Scoring

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


def challenge(scene: tuple[Tensor, Tensor, Tensor], batch_size: int, keep_going: bool) -> tuple[Evaluator, Group]:
    """Set out foregrounds on backgrounds, before a classifier that has no finite logits where it sees number 4's."""
    images, masks, backgrounds = scene
    images, masks = images.clone(), masks.clone()
    masks[4, :, 0, 0], images[4, :, 0, 0], images[[*range(4), *range(5, 12)], :, 0, 0] = 255, 7, 8

    def partly(pictures: Tensor) -> Tensor:
        logits = Linear(1000, SIZE)(pictures)
        return logits.masked_fill((pictures[:, :, 0, 0] * 255).round().eq(7).all(1)[:, None], torch.nan)

    labels = Linear(1000, SIZE)(images / 255).argmax(1)
    samples = Selection((images,), labels, [f"s{i}" for i in range(12)], None, (masks,), (backgrounds,))
    settings = Settings(0, torch.device("cpu"), batch_size, keep_going=keep_going)
    scoring = Scoring(tuple(range(1000)), tuple((index,) for index in range(1000)), "1000-way")
    group = Group("background-challenge", "background-challenge", "v", (CHALLENGE,), "challenge", scoring)
    return Evaluator(samples, [Subject("m", partly, {"v": 0})], settings), group


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_logits_that_are_not_finite_flip_where_that_is_wanted(
    scene: tuple[Tensor, Tensor, Tensor], batch_size: int
) -> None:
    evaluator, group = challenge(scene, batch_size, keep_going=True)
    ((verdict,),) = evaluator.verdicts(group, group.conditions)
    assert (verdict.pred[4], verdict.correct[4], verdict.queries is not None) == (NO_CLASS, False, True)
    assert verdict.confidence.isfinite().sum() == 11
    assert verdict.correct.any()  # the others go on
    reason = "counts as wrong: logits of m not finite in background-challenge, challenge"
    assert evaluator.spoilt == [("s4", reason)]


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_else_they_are_an_error_at_once_that_names_condition_and_sample(
    scene: tuple[Tensor, Tensor, Tensor], batch_size: int
) -> None:
    evaluator, group = challenge(scene, batch_size, keep_going=False)
    with pytest.raises(RunError, match=r"background-challenge, challenge, .*logits of m for s4 are not.*--keep-going"):
        list(evaluator.verdicts(group, group.conditions))


def test_a_search_that_is_not_patient_ends_with_the_first_logits_that_are_not_finite(
    scene: tuple[Tensor, Tensor, Tensor],
) -> None:
    images, masks, backgrounds = scene
    asked: list[int] = []

    def broken(some: Tensor) -> Tensor:
        asked.append(len(some))
        logits = classify(some)
        logits[0] = torch.inf
        return logits

    positions = classify(images).argmax(1)
    worst_background(broken, lambda logits: logits.argmax(1), images, masks, positions, backgrounds, 12, patient=False)
    assert asked == [12]
