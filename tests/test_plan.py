import pytest

from robustness.corruptions import BAR, EXTRA, OCCLUSION, PATCH, STANDARD
from robustness.errors import UsageError
from robustness.plan import AttackFlags, Group, plan
from robustness.suites import SUITES

NO_FLAGS = AttackFlags()


def keys(groups: tuple[Group, ...]) -> dict[str, list[str]]:
    return {group.suite: [condition.key for condition in group.conditions] for group in groups}


@pytest.mark.parametrize(
    ("suite", "names", "quality"),
    [
        ("imagenet-c", STANDARD, 85),
        ("imagenet-c-extra", EXTRA, 85),
        ("imagenet-c-bar", BAR, 85),
        ("occlusion", OCCLUSION, None),
        ("patch", PATCH, None),
    ],
)
def test_corruption_suites_are_every_name_at_every_severity(
    suite: str, names: tuple[str, ...], quality: int | None
) -> None:
    clean, group = plan([suite], [], NO_FLAGS, jpeg=True)
    assert (clean.suite, [c.key for c in clean.conditions]) == ("imagenet", ["clean"])
    assert [(c.name, c.severity) for c in group.conditions] == [(n, s) for n in names for s in range(1, 6)]
    assert (group.view, group.jpeg_quality) == ("imagenet-c", quality)
    assert [name for name, _ in group.blocks()] == list(names)


def test_in_memory_means_no_jpeg_and_says_so_where_the_benchmark_has_it() -> None:
    _, *groups = plan(["imagenet-c", "occlusion"], [], NO_FLAGS, jpeg=False)
    assert [group.jpeg_quality for group in groups] == [None, None]
    assert [group.note for group in groups] == ["In memory, no JPEG.", ""]


def test_all_is_every_suite_once() -> None:
    assert [group.suite for group in plan(["all", "imagenet"], [], NO_FLAGS, jpeg=True)] == list(SUITES)


def test_attacks_without_a_suite_make_an_adversarial_run() -> None:
    flags = AttackFlags(eps=("1/255", "4/255", "0.00392156862745098"), steps=10)
    assert keys(plan([], ["pgd"], flags, jpeg=True)) == {
        "imagenet": ["clean"],
        "adversarial": ["pgd(norm=linf,eps=1/255,steps=10)", "pgd(norm=linf,eps=4/255,steps=10)"],
    }


def test_each_attack_takes_the_flags_that_it_knows() -> None:
    found = keys(plan(["imagenet"], ["fgsm", "pgd"], AttackFlags(eps=("2",), norm="l2", steps=3), jpeg=True))
    assert found["adversarial"] == ["fgsm(norm=l2,eps=2)", "pgd(norm=l2,eps=2,steps=3)"]


def test_flags_shape_the_adversarial_suite_too() -> None:
    assert len(keys(plan(["adversarial"], [], NO_FLAGS, jpeg=True))["adversarial"]) == 4
    found = keys(plan(["adversarial"], [], AttackFlags(eps=("8/255",), restarts=2), jpeg=True))["adversarial"]
    assert found == ["fgsm(norm=linf,eps=8/255)", "pgd(norm=linf,eps=8/255,steps=40,restarts=2)"]


@pytest.mark.parametrize(
    ("suites", "attacks", "flags", "sentence"),
    [
        (["imagenet-k"], [], NO_FLAGS, "unknown suite 'imagenet-k'; did you mean imagenet"),
        ([], ["pdg"], NO_FLAGS, "unknown attack 'pdg'; did you mean pgd"),
        (["imagenet"], [], AttackFlags(eps=("4/255",)), "--eps means nothing to a run without --attack"),
        ([], ["fgsm"], AttackFlags(steps=0), "--steps means nothing to attack fgsm"),
        ([], ["pgd"], AttackFlags(steps=0), "steps 0 of attack pgd is not at least 1"),
        ([], ["pgd"], AttackFlags(eps=("4",)), r"4 is no length for norm linf.*did you mean 4/255"),
        ([], ["pgd"], AttackFlags(eps=("x/255",)), "'x/255' is not a number"),
        ([], ["pgd"], AttackFlags(eps=("1/0",)), "'1/0' is not a number"),
        ([], ["pgd"], AttackFlags(norm="l2"), "--norm l2 needs --eps"),
    ],
)
def test_what_makes_no_sense_is_refused(
    suites: list[str], attacks: list[str], flags: AttackFlags, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        plan(suites, attacks, flags, jpeg=True)
