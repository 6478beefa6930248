"""What an attack costs at most, in forward passes, before it is made."""

import pytest

from robustness.attacks import ATTACKS, attack_condition
from robustness.condition import CLEAN, corruption
from robustness.forecast import passes_of


@pytest.mark.parametrize(
    ("name", "params", "passes"),
    [
        ("fgsm", {}, 3),
        ("pgd", {"steps": 10, "restarts": 2}, 60),
        ("apgd-ce", {}, 300),
        ("apgd-t", {}, 2700),
        ("square", {}, 5000),
        ("spatial", {}, 31 * 5 * 5),
        ("autoattack", {}, 300 + 2700 + 2700 + 5000 + 3),
    ],
)
def test_known_costs(name: str, params: dict[str, int], passes: int) -> None:
    assert passes_of(attack_condition(name, **params)) == passes + 1


def test_what_is_no_attack_costs_one_pass_and_every_attack_more() -> None:
    assert passes_of(CLEAN) == passes_of(corruption("fog", 3)) == 1
    assert all(passes_of(attack_condition(name)) > 3 for name in ATTACKS)
