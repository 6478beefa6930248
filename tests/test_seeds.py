import torch

from robustness.seeds import generator, seed_of


def test_a_seed_is_the_same_everywhere() -> None:
    assert seed_of(0, "fog(severity=3)", "n01440764/a.JPEG") == 5745650185853543075


def test_every_part_of_the_key_counts() -> None:
    seeds = {seed_of(run, key, sample) for run in (0, 1) for key in ("a", "b") for sample in ("x", "y")}
    assert len(seeds) == 8
    assert seed_of(0, "a", "bc") != seed_of(0, "ab", "c")


def test_generators_repeat_and_leave_the_global_one_alone() -> None:
    before = torch.random.get_rng_state()
    first, again = (torch.rand(5, generator=generator(0, "a", "x")) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(before, torch.random.get_rng_state())
