"""What an attack costs at most, in forward passes, before it is made."""

from typing import Any

import pytest
import torch
from conftest import Linear

from robustness.attacks import ATTACKS, Goal, Victim, attack_condition, build, defaults
from robustness.condition import CLEAN, corruption
from robustness.forecast import BACKWARD, passes_of
from robustness.seeds import generator

JUDGED = 2  # as it is, and rounded to 8 bits


@pytest.mark.parametrize(
    ("name", "params", "passes"),
    [
        ("fgsm", {}, 3),
        ("pgd", {}, 120),
        ("pgd", {"steps": 10, "restarts": 2}, 62),
        ("apgd-ce", {}, 301),
        ("apgd-t", {}, 9 * 301 + 1),
        ("fab-t", {}, 9 * 600 + 1),
        ("square", {}, 5001),
        ("spatial", {}, 31 * 5 * 5),
        ("autoattack", {}, 301 + 2710 + 5401 + 5001),
    ],
)
def test_known_costs(name: str, params: dict[str, int], passes: int) -> None:
    assert passes_of(attack_condition(name, **params)) == passes + JUDGED


@pytest.mark.parametrize("name", sorted({*ATTACKS} - {"autoattack"}))
@pytest.mark.parametrize(
    "size", [{"eps": "0.0001"}, {"eps": "0.1"}, {"steps": 1, "restarts": 1}, {"restarts": 3}], ids=str
)
def test_no_image_costs_more(linear: Linear, name: str, size: dict[str, Any]) -> None:
    own = defaults(name)
    few = {"steps": 12, "queries": 30, "angles": 3, "binary_search_steps": 2} | size
    condition = attack_condition(name, **{what: value for what, value in few.items() if what in own})
    images = 0.3 + 0.4 * torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    draws = [generator(0, name, str(i)) for i in range(len(images))]
    found = build(condition)(Victim(linear), images, Goal(linear(images).argmax(1)), draws)
    passes = found.forward + BACKWARD * found.backward + JUDGED
    assert passes.max() <= passes_of(condition)
    if size.get("eps") == "0.0001" and name in ("pgd", "apgd-ce", "apgd-t", "square", "noise"):
        assert passes.max() == passes_of(condition)


def test_what_is_no_attack_costs_one_pass_and_every_attack_more() -> None:
    assert passes_of(CLEAN) == passes_of(corruption("fog", 3)) == 1
    assert all(passes_of(attack_condition(name)) > 3 for name in ATTACKS)
