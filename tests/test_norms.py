import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robustness.attacks import NORMS

EPS = st.floats(1e-3, 1.0)
SEEDS = st.integers(0, 2**32)
everywhere = pytest.mark.parametrize("norm", NORMS)


def two_images(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(4, 3, 5, 5, generator=generator), 3 * torch.randn(4, 3, 5, 5, generator=generator)


@everywhere
@given(seed=SEEDS, eps=EPS)
def test_a_projection_lands_in_the_ball_and_in_range_and_stays_there(norm: str, seed: int, eps: float) -> None:
    origin, far = two_images(seed)
    ball = NORMS[norm]
    once = ball.project(far, origin, eps)
    assert ball.distance(once - origin).max() <= eps + 1e-6
    assert once.min() >= 0
    assert once.max() <= 1
    assert torch.allclose(ball.project(once, origin, eps), once, atol=1e-6)


@everywhere
def test_a_projection_leaves_what_is_inside(norm: str) -> None:
    origin = torch.full((2, 3, 5, 5), 0.5)
    near = origin + 0.001
    assert torch.allclose(NORMS[norm].project(near, origin, 0.3), near, atol=1e-7)


@everywhere
def test_the_steepest_step_has_length_one_and_the_largest_product(norm: str) -> None:
    ball = NORMS[norm]
    _, gradient = two_images(0)
    step = ball.steepest(gradient)
    assert torch.allclose(ball.distance(step), torch.ones(4))
    dual = {"linf": gradient.abs().flatten(1).sum(1), "l2": gradient.flatten(1).norm(dim=1)}[norm]
    assert torch.allclose((gradient * step).flatten(1).sum(1), dual, rtol=1e-5)


@everywhere
def test_no_gradient_gives_no_step(norm: str) -> None:
    assert torch.equal(NORMS[norm].steepest(torch.zeros(1, 3, 2, 2)), torch.zeros(1, 3, 2, 2))


@everywhere
def test_starts_are_in_the_ball_and_belong_to_the_image(norm: str) -> None:
    ball, origin = NORMS[norm], torch.zeros(3, 3, 4, 4)

    def draw(seeds: list[int]) -> torch.Tensor:
        return ball.uniform(origin[: len(seeds)], 0.2, [torch.Generator().manual_seed(seed) for seed in seeds])

    together = draw([1, 2, 3])
    assert ball.distance(together).max() <= 0.2
    assert torch.equal(together[1:2], draw([2]))
    assert not torch.equal(together[0], together[1])


def test_l2_starts_fill_the_volume() -> None:
    origin = torch.zeros(4000, 1, 1, 2)  # in two dimensions half of the volume lies beyond radius sqrt(1/2)
    generators = [torch.Generator().manual_seed(seed) for seed in range(len(origin))]
    lengths = NORMS["l2"].distance(NORMS["l2"].uniform(origin, 1.0, generators))
    assert (lengths > 0.5**0.5).float().mean().item() == pytest.approx(0.5, abs=0.03)
