import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustness.condition import CLEAN, Condition, corruption, parse

words = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1)
values = st.one_of(st.integers(), st.text("0123456789./-abc", min_size=1))


@given(words, st.dictionaries(words, values, max_size=4))
def test_a_key_can_be_taken_apart_again(name: str, params: dict[str, str | int]) -> None:
    key = Condition("attack", name, tuple(params.items())).key
    assert parse(key) == (name, {k: str(v) for k, v in params.items()})


def test_the_key_is_the_interface() -> None:
    pgd = Condition("attack", "pgd", (("norm", "linf"), ("eps", "4/255"), ("steps", 40)))
    assert pgd.key == pgd.label == "pgd(norm=linf,eps=4/255,steps=40)"
    fog = corruption("fog", 3)
    assert (fog.key, fog.label, fog.severity) == ("fog(severity=3)", "fog", 3)
    assert (CLEAN.key, CLEAN.label, CLEAN.severity) == ("clean", "clean", None)


def test_a_condition_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        CLEAN.name = "dirty"  # type: ignore[misc]
