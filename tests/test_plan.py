import pytest

from robustness.attack_flags import AttackFlags, attack_conditions
from robustness.corruptions import BAR, EXTRA, OCCLUSION, PATCH, STANDARD
from robustness.errors import UsageError
from robustness.plan import Found, Group, asked_suites, plan
from robustness.records import NO_CLASS
from robustness.scoring import Scoring
from robustness.suites import SUITES

NO_FLAGS = AttackFlags()
HUNDRED = Scoring(tuple(range(100)), tuple((i,) for i in range(100)), "restricted")
IMAGENET = {"imagenet": Found({"": {0: 50, 500: 50}})}
SET_A = {"imagenet-a": Found({"": {0: 7}}, HUNDRED)}


def planned(
    suites: list[str],
    attacks: list[str] = [],  # noqa: B006
    flags: AttackFlags = NO_FLAGS,
    found: dict[str, Found] = IMAGENET,
    jpeg: bool = True,
    own_views: bool = False,
) -> tuple[Group, ...]:
    conditions = attack_conditions(suites, attacks, flags)
    return plan(asked_suites(suites), conditions, found, jpeg=jpeg, own_views=own_views)


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
    clean, group = planned([suite])
    assert (clean.suite, [c.key for c in clean.conditions]) == ("imagenet", ["clean"])
    assert [(c.name, c.severity) for c in group.conditions] == [(n, s) for n in names for s in range(1, 6)]
    assert (group.view, group.jpeg_quality) == ("resize-256", quality)
    assert [name for name, _ in group.blocks()] == list(names)


def test_in_memory_means_no_jpeg_and_says_so_where_the_benchmark_has_it() -> None:
    _, *groups = planned(["imagenet-c", "occlusion"], jpeg=False)
    assert [group.jpeg_quality for group in groups] == [None, None]
    assert [group.note for group in groups] == ["In memory, no JPEG.", ""]


def test_all_is_every_suite_whose_data_is_there_once() -> None:
    on_imagenet = [name for name, suite in SUITES.items() if suite.dataset == "imagenet"]
    assert [group.suite for group in planned(["all", "imagenet"])] == on_imagenet
    assert {g.suite for g in planned(["all"], found=IMAGENET | SET_A)} == {*on_imagenet, "imagenet-a"}


def test_a_set_of_some_classes_comes_with_imagenets_images_of_the_same() -> None:
    clean, beside, own = planned(["imagenet-a"], found=IMAGENET | SET_A)
    assert (clean.suite, beside.suite, own.suite) == ("imagenet", "imagenet-a", "imagenet-a")
    assert (beside.dataset, own.dataset) == ("imagenet", "imagenet-a")
    assert beside.scoring == own.scoring == HUNDRED
    assert clean.scoring.plain and not own.scoring.plain
    assert [group.size(IMAGENET | SET_A) for group in (clean, beside, own)] == [100, 50, 7]
    assert [group.view for group in planned(["imagenet-a"], found=IMAGENET | SET_A)] == ["model", *["resize-256"] * 2]
    views = [group.view for group in planned(["imagenet-a"], found=IMAGENET | SET_A, own_views=True)]
    assert views == ["model"] * 3
    assert [group.dataset for group in planned(["imagenet-a"], found=SET_A)] == ["imagenet-a"]


def test_what_is_stored_goes_before_making_it() -> None:
    parts = {f"{name}/{severity}": {0: 3} for name in ("fog", "saturate") for severity in range(1, 6)}
    archive = {"imagenet-c": Found(parts)}
    groups = planned(["imagenet-c"], found=archive)
    assert [(g.part, g.conditions[0].name, g.conditions[0].severity, g.view) for g in groups] == [
        (f"fog/{severity}", "fog", severity, "stored-224") for severity in range(1, 6)
    ]
    assert {group.note for group in groups} == {""}
    extra = planned(["imagenet-c-extra"], found=archive | IMAGENET)
    assert [group.dataset for group in extra] == ["imagenet", *["imagenet-c"] * 5]
    fog_alone = {"imagenet-c": Found({"fog/1": {0: 3}})}
    made = planned(["imagenet-c-extra"], found=fog_alone | IMAGENET)
    assert [group.dataset for group in made] == ["imagenet", "imagenet"]
    with pytest.raises(UsageError, match="holds nothing of suite imagenet-c-extra; it holds fog/1"):
        planned(["imagenet-c-extra"], found=fog_alone)


def test_a_data_set_in_parts_is_a_suite_of_its_parts() -> None:
    found = {"imagenet-v2": Found({"matched-frequency": {1: 2}, "top-images": {1: 2}})}
    assert [(g.part, g.conditions[0].label) for g in planned(["imagenet-v2"], found=found)] == [
        ("matched-frequency", "matched-frequency"),
        ("top-images", "top-images"),
    ]


def test_attacks_are_made_on_the_data_of_the_suites() -> None:
    everything = IMAGENET | SET_A | {"imagenet-o": Found({"": {NO_CLASS: 9}}, HUNDRED)}

    def attacked(suites: list[str], found: dict[str, Found] = everything) -> list[tuple[str, bool]]:
        groups = planned(suites, ["fgsm"], found=found)
        return [(group.dataset, group.scoring.plain) for group in groups if group.suite == "adversarial"]

    assert attacked([]) == attacked(["imagenet-c"]) == attacked(["imagenet-o"]) == [("imagenet", True)]
    assert attacked(["imagenet-a"]) == [("imagenet-a", False)]
    assert attacked(["imagenet", "imagenet-a"]) == [("imagenet", True), ("imagenet-a", False)]
    assert attacked(["adversarial", "imagenet-a"]) == attacked(["all"]) == [("imagenet", True)]
    with pytest.raises(UsageError, match="no clean images to attack"):
        attacked(["imagenet-v2"], {"imagenet-v2": Found({"top-images": {1: 2}})})


def test_attacks_without_a_suite_make_an_adversarial_run() -> None:
    flags = AttackFlags(eps=("1/255", "4/255", "0.00392156862745098"), steps=10)
    assert keys(planned([], ["pgd"], flags)) == {
        "imagenet": ["clean"],
        "adversarial": ["pgd(norm=linf,eps=1/255,steps=10)", "pgd(norm=linf,eps=4/255,steps=10)"],
    }


def test_each_attack_takes_the_flags_that_it_knows() -> None:
    found = keys(planned(["imagenet"], ["fgsm", "pgd"], AttackFlags(eps=("2",), norm="l2", steps=3)))
    assert found["adversarial"] == ["fgsm(norm=l2,eps=2)", "pgd(norm=l2,eps=2,steps=3)"]


def test_flags_shape_the_adversarial_suite_too() -> None:
    assert len(keys(planned(["adversarial"]))["adversarial"]) == 4
    found = keys(planned(["adversarial"], [], AttackFlags(eps=("8/255",), restarts=2)))["adversarial"]
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
        ([], ["pgd", "cw"], AttackFlags(norm="linf"), "attack cw has no norm linf; it has l2"),
        ([], ["apgd-t"], AttackFlags(norm="l1", eps=("9",)), "attack apgd-t has no norm l1; it has linf and l2; pgd"),
        (["autoattack"], [], AttackFlags(norm="l1", eps=("9",)), "attack autoattack has no norm l1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    suites: list[str], attacks: list[str], flags: AttackFlags, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        planned(suites, attacks, flags)


def test_a_step_longer_than_the_radius_is_remarked(caplog: pytest.LogCaptureFixture) -> None:
    attack_conditions([], ["pgd"], AttackFlags(eps=("1/255",), step_size="1/255"))
    assert not caplog.text
    attack_conditions([], ["pgd"], AttackFlags(eps=("1/255",), step_size="2/255"))
    assert "pgd: the step 2/255 is longer than eps 1/255" in caplog.text


def test_targets_and_surrogates_stand_in_the_key_and_mean_nothing_without_an_attack() -> None:
    flags = AttackFlags(eps=("1/255",), targeted="random", surrogate=("a", "b"))
    (conditions,) = attack_conditions([], ["fgsm"], flags).values()
    assert [condition.key for condition in conditions] == [
        f"fgsm(norm=linf,eps=1/255,targeted=random,surrogate={spec})" for spec in "ab"
    ]
    for lone, flag in ((AttackFlags(targeted="random"), "--targeted"), (AttackFlags(surrogate=("a",)), "--surrogate")):
        with pytest.raises(UsageError, match=f"{flag} means nothing to a run without --attack"):
            attack_conditions(["imagenet"], [], lone)
    with pytest.raises(UsageError, match="no rule for targets; known: least-likely"):
        attack_conditions([], ["pgd"], AttackFlags(targeted="hardest"))


def test_conditions_of_one_name_are_stored_together() -> None:
    flags = AttackFlags(eps=("1/255", "4/255"), surrogate=("a", "b"))
    (conditions,) = attack_conditions([], ["fgsm", "pgd"], flags).values()
    blocks = dict(Group("adversarial", "imagenet", "model", conditions).blocks())
    assert [*blocks] == ["fgsm", "pgd"] and all(len(block) == 4 for block in blocks.values())
    assert {*conditions} == {condition for block in blocks.values() for condition in block}
