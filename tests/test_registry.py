import re

import pytest

from robustness.errors import UsageError
from robustness.registry import Registry


@pytest.fixture
def fruit() -> Registry[int]:
    registry: Registry[int] = Registry("fruit")
    registry.add("banana", 1)
    registry.add("kiwi", 2)
    return registry


def test_entries_are_found_in_their_order(fruit: Registry[int]) -> None:
    assert dict(fruit) == {"banana": 1, "kiwi": 2}
    assert "banana" in fruit
    assert "plum" not in fruit


def test_a_duplicate_is_refused(fruit: Registry[int]) -> None:
    with pytest.raises(ValueError, match="fruit 'kiwi' is registered twice"):
        fruit.add("kiwi", 3)
    assert fruit["kiwi"] == 2


@pytest.mark.parametrize(("asked", "answer"), [("bananna", "did you mean banana?"), ("zzz", "known: banana, kiwi")])
def test_an_unknown_name_gets_an_answer(fruit: Registry[int], asked: str, answer: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"unknown fruit {asked!r}; {answer}")):
        fruit[asked]
