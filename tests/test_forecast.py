"""What an attack costs at most, in forward passes, before it is made."""

from typing import Any

import pytest
import torch
from conftest import Linear

from robustness.attacks import ATTACKS, Goal, Victim, attack_condition, build, defaults
from robustness.challenge import BACKGROUNDS
from robustness.condition import CHALLENGE, CLEAN, corruption, stored
from robustness.evaluation import Settings, Subject
from robustness.forecast import BACKWARD, JUDGED, describe, passes_of
from robustness.plan import Found, Group
from robustness.seeds import generator


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


@pytest.mark.parametrize(
    ("limit", "found", "tried"),
    [(None, 30, 30), (5, 5, BACKGROUNDS), (40, 30, 30), (5_000, 5_000, 5_000)],  # a limit does not go for backgrounds
)
def test_a_foreground_is_tried_on_every_background(limit: int | None, found: int, tried: int) -> None:
    name = "background-challenge"
    data = Found({"only_bg_t": {0: found}, "challenge": {0: 4, 1: 3}})
    groups = [Group(name, name, "v", (condition,), condition.name) for condition in (stored("only_bg_t"), CHALLENGE)]
    header = {
        "notes": [],
        "identity": {"data": [], "models": [], "limit": limit},
        "environment": {"device": "cpu"},
        "records_expected": found + 7,
    }
    subject = Subject("m", Linear(size=224), {"v": 0})
    plan = describe(groups, [subject], {}, {name: data}, Settings(0, torch.device("cpu"), 1), header)
    assert f"2 conditions, {found + 7:,} records, at most {found + 7 * tried:,} forward passes a model" in plan


@pytest.mark.parametrize("surrogate", ["s", ""])
def test_an_attack_takes_the_time_of_what_it_sees(monkeypatch: pytest.MonkeyPatch, surrogate: str) -> None:
    fast, slow = Linear(size=224), Linear(size=224, seed=1)
    monkeypatch.setattr("robustness.forecast.seconds_per_image", lambda one, _settings: 3.0 if one is slow else 0.01)
    attack = attack_condition("pgd", eps="1/255", surrogate=surrogate)
    header = {
        "notes": [],
        "identity": {"data": [], "models": [], "limit": None},
        "environment": {"device": "cpu"},
        "records_expected": 10,
    }
    plan = describe(
        [Group("adversarial", "imagenet", "v", (attack,))],
        [Subject("m", fast, {"v": 0}, None if surrogate else slow)],
        {"s": slow} if surrogate else {},
        {"imagenet": Found({"": {0: 10}})},
        Settings(0, torch.device("cpu"), 1),
        header,
    )
    minutes = 60 if surrogate else 61  # 10 images × 40 steps × 3 passes × 3 s, and two passes to judge
    assert f"time: about {minutes} minutes at most" in plan
