"""Pictures of what a run does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import Linear
from PIL import Image

from robustness.attacks import attack_condition
from robustness.condition import CLEAN, Condition, corruption
from robustness.corruptions import corrupt
from robustness.evaluation import Selection, Settings, Subject
from robustness.examples import MODELS, Picture, chosen, pictures, save
from robustness.plan import Group
from robustness.scoring import Scoring
from robustness.seeds import generator

SIZE = 32
TEN = Scoring(tuple(range(10)), tuple((i,) for i in range(10)), "1000-way")
SETTINGS = Settings(0, torch.device("cpu"), 8)
NAMES = ("gaussian_noise", "shot_noise", "contrast", "pixelate")
MADE = Group("imagenet-c", "d", "model", tuple(corruption(n, s) for n in NAMES for s in (1, 3)), scoring=TEN)
PGD = attack_condition("pgd", eps="8/255", steps=5)
ATTACKS = Group("adversarial", "d", "model", (attack_condition("fgsm", eps="1/255"), PGD), scoring=TEN)


class Thousand(Linear):
    """Ten classes of a thousand."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([super().__call__(images), torch.full((len(images), 990), -1e4)], 1)


def samples() -> Selection:
    images = torch.randint(0, 256, (3, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    labels = Linear(size=SIZE)(images / 255).argmax(1)
    labels[2] = (labels[2] + 1) % 10
    return Selection((images,), labels, ["a", "b", "c"])


def subjects(count: int) -> list[Subject]:
    return [Subject(f"m{i}", Thousand(size=SIZE, seed=i), {"model": 0}) for i in range(count)]


def test_corruptions_of_one_severity_far_apart_and_the_longest_attack_that_is_affordable() -> None:
    dear = Group("autoattack", "d", "model", (attack_condition("autoattack", eps="4/255"),))
    targeted = Group("t", "d", "model", (attack_condition("pgd", eps="8/255", targeted="random"),))
    ready = Group("imagenet-c", "d", "model", (corruption("fog", 3),), part="fog/3")
    shown = [condition for _, condition in chosen([MADE, dear, targeted, ATTACKS, ready])]
    assert shown == [corruption("gaussian_noise", 3), corruption("contrast", 3), PGD]
    assert chosen([Group("imagenet", "d", "model", (CLEAN,))]) == []


def test_each_image_comes_clean_corrupted_and_attacked() -> None:
    batch, shown = samples(), chosen([MADE, ATTACKS])
    made = list(pictures(batch, subjects(MODELS + 1), shown, SETTINGS))
    assert {picture.model for picture in made} == {f"m{i}" for i in range(MODELS)}
    own = [picture for picture in made if (picture.model, picture.sample_id) == ("m0", "a")]
    pgd = PGD.key
    assert [p.what for p in own] == ["clean", "gaussian_noise, severity 3", "contrast, severity 3", pgd, own[-1].what]
    assert own[-1].what.startswith("what pgd changed, ")
    clean, noisy, *_, adversarial, changed = own
    assert torch.equal(clean.pixels, batch.views[0][0])
    condition: Condition = corruption("gaussian_noise", 3)
    again = corrupt(batch.views[0][:1], condition.name, 3, [generator(0, condition.key, "a")])[0]
    assert torch.equal(noisy.pixels, again)
    assert clean.prediction == clean.label
    assert adversarial.prediction != adversarial.label
    assert (adversarial.pixels.int() - clean.pixels.int()).abs().max() <= 8
    assert (changed.prediction, changed.confidence) == (None, None)
    assert changed.pixels.unique().numel() > 1


def test_what_is_wrong_when_clean_is_not_attacked() -> None:
    made = pictures(samples(), subjects(1), chosen([MADE, ATTACKS]), SETTINGS)
    assert [p.what for p in made if p.sample_id == "c"][-1] == "contrast, severity 3"


def test_pictures_lie_in_the_runs_folder_with_their_table(tmp_path: Path) -> None:
    pixels = samples().views[0][0]
    save(tmp_path, [Picture("a", "m", "clean", pixels, 3, -1, 0.5), Picture("a", "m", "x", pixels, 3)], {3: "three"})
    table = pd.read_csv(tmp_path / "details" / "examples.csv", keep_default_na=False)
    assert table["label"].tolist() == ["three", "three"]
    assert table["prediction"].tolist() == ["none of the classes", ""]
    assert table["confidence"].tolist() == ["0.5", ""]
    with Image.open(tmp_path / table["file"][0]) as image:
        assert torch.equal(torch.from_numpy(np.array(image)).permute(2, 0, 1), pixels)


@pytest.mark.parametrize("groups", [[], [Group("imagenet", "d", "model", (CLEAN,))]])
def test_a_run_with_nothing_to_show_has_no_pictures(tmp_path: Path, groups: list[Group]) -> None:
    save(tmp_path, pictures(samples(), subjects(1), chosen(groups), SETTINGS), {})
    assert list(tmp_path.iterdir()) == []
