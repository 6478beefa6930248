"""The processes of a run: what they are told, where each begins, and which work comes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustness import shards
from robustness.attacks import attack_condition
from robustness.condition import CHALLENGE, CLEAN, corruption, stored
from robustness.engine import part_name
from robustness.errors import UsageError
from robustness.plan import Group
from robustness.shards import World

GROUPS = (
    Group("imagenet", "imagenet", "model", (CLEAN,)),
    Group("imagenet-c", "imagenet", "resize-256", (corruption("fog", 1), corruption("fog", 2), corruption("snow", 1))),
    Group(
        "adversarial",
        "imagenet",
        "model",
        (attack_condition("fgsm", eps="1/255"), attack_condition("pgd", eps="1/255"), attack_condition("square")),
    ),
    Group("autoattack", "imagenet", "model", (attack_condition("autoattack", eps="4/255"),)),
    Group("imagenet-a", "imagenet-a", "resize-256", (CLEAN,)),
)


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, World()),
        ({"RANK": "0"}, World()),
        ({"RANK": "2", "WORLD_SIZE": "3"}, World(2, 3, 0)),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, World(5, 8, 1)),
    ],
)
def test_the_environment_says_which_process_this_is(environ: dict[str, str], found: World) -> None:
    assert shards.world({"PATH": "/bin", **environ}) == found
    assert found.leads == (found.rank == 0)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"RANK": "1"}, "RANK 1 is not one of WORLD_SIZE 1 processes"),
        ({"RANK": "3", "WORLD_SIZE": "3"}, "RANK 3 is not one of WORLD_SIZE 3 processes, counted from 0"),
        ({"RANK": "-1", "WORLD_SIZE": "3"}, "RANK -1 is not one of"),
        ({"RANK": "0", "WORLD_SIZE": "0"}, "RANK 0 is not one of WORLD_SIZE 0"),
        ({"RANK": "0", "WORLD_SIZE": "-2"}, "is not one of WORLD_SIZE -2"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "-1"}, "is not one of"),
        ({"RANK": "one", "WORLD_SIZE": "2"}, "must be whole numbers.*'one'"),
        ({"RANK": "", "WORLD_SIZE": "2"}, "must be whole numbers"),
        ({"RANK": "0", "WORLD_SIZE": "2.0"}, "must be whole numbers.*'2.0'"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "x"}, "must be whole numbers.*'x'"),
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        shards.world(environ)


@given(st.integers(0, 300), st.integers(1, 40))
def test_every_process_goes_through_everything_from_a_place_of_its_own(count: int, size: int) -> None:
    orders = [list(World(rank, size).order(count)) for rank in range(size)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    if count >= size:
        assert len({order[0] for order in orders}) == size
    assert orders[0] == list(range(count))


def names(groups: list[Group]) -> list[str]:
    return [part_name(group, name, 3) for group in groups for name, _ in group.blocks()]


def test_one_process_does_all_in_one_stage() -> None:
    assert shards.stages(GROUPS, World()) == [list(GROUPS)]


def test_several_begin_with_what_costs_most() -> None:
    first, *between, last = map(names, shards.stages(GROUPS, World(1, 2)))
    assert first == ["autoattack.imagenet.autoattack.000003"]
    assert [len(stage) for stage in between] == [1, 1, 1]
    assert between[-1] == ["adversarial.imagenet.fgsm.000003"]
    assert last == [
        "imagenet.clean.000003",
        "imagenet-c.imagenet.fog.000003",
        "imagenet-c.imagenet.snow.000003",
        "imagenet-a.clean.000003",
    ]


def test_foregrounds_on_every_background_come_among_the_costly() -> None:
    name = "background-challenge"
    parts = [Group(name, name, "model", (condition,), condition.name) for condition in (stored("no_fg"), CHALLENGE)]
    found = list(map(names, shards.stages([*GROUPS, *parts], World(1, 2))))
    assert found[2] == [f"{name}.challenge.challenge.000003"]  # AutoAttack and Square take longer, PGD does not
    assert f"{name}.no_fg.no_fg.000003" in found[-1]


def test_stages_change_no_part_and_no_condition() -> None:
    cut = [group for stage in shards.stages(GROUPS, World(0, 2)) for group in stage]
    assert sorted(names(cut)) == sorted(names(list(GROUPS)))
    whole = {part_name(group, name, 3): (group.view, own) for group in GROUPS for name, own in group.blocks()}
    assert {part_name(group, name, 3): (group.view, own) for group in cut for name, own in group.blocks()} == whole


def test_no_groups_are_no_stages_of_work() -> None:
    assert shards.stages([], World(0, 2)) == []
