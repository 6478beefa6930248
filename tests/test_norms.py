import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

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
def test_an_image_is_projected_alike_in_any_company(norm: str) -> None:
    origin, far = two_images(0)
    ball, images = NORMS[norm], origin + (far - origin) * torch.tensor([1e-4, 0.01, 1, 100]).view(4, 1, 1, 1)
    together = ball.project(images, origin, 0.2)
    assert torch.equal(together, torch.cat([ball.project(images[[i]], origin[[i]], 0.2) for i in range(4)]))


@everywhere
def test_a_value_without_a_slope_stays(norm: str) -> None:
    images, gradient = two_images(0)
    gradient[:, :, ::2] = 0
    moved = NORMS[norm].ascend(images, gradient, 0.25, 0.0)
    assert torch.equal(moved[:, :, ::2], images[:, :, ::2]) and not torch.equal(moved, images)


@everywhere
def test_the_steepest_step_has_length_one_and_the_largest_product(norm: str) -> None:
    ball = NORMS[norm]
    _, gradient = two_images(0)
    step = ball.steepest(gradient)
    assert torch.allclose(ball.distance(step), torch.ones(4))
    sizes = gradient.abs().flatten(1)
    dual = {"linf": sizes.sum(1), "l2": sizes.norm(dim=1), "l1": sizes.amax(1)}[norm]
    assert torch.allclose((gradient * step).flatten(1).sum(1), dual, rtol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_ascent_is_the_steepest_step_of_its_length(norm: str) -> None:
    ball = NORMS[norm]
    images, gradient = two_images(0)
    assert torch.equal(ball.ascend(images, gradient, 0.25, 0.0), images + 0.25 * ball.steepest(gradient))


@pytest.mark.parametrize(("norm", "distances"), [("linf", [4, 0]), ("l2", [5, 0]), ("l1", [7, 0])])
def test_each_image_has_its_own_distance(norm: str, distances: list[float]) -> None:
    assert NORMS[norm].distance(torch.tensor([[3.0, -4], [0, 0]]).view(2, 1, 1, 2)).tolist() == distances


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


@everywhere
def test_starts_fill_the_volume_of_the_ball(norm: str) -> None:
    origin = torch.zeros(4000, 2, 1, 1)  # in two dimensions half of the volume lies beyond radius sqrt(1/2)
    starts = NORMS[norm].uniform(origin, 0.2, [torch.Generator().manual_seed(seed) for seed in range(len(origin))])
    assert starts.shape == origin.shape
    assert (NORMS[norm].distance(starts) > 0.2 * 0.5**0.5).float().mean().item() == pytest.approx(0.5, abs=0.03)
    for signs in ([1, 1], [1, -1], [-1, 1], [-1, -1]):
        quarter = (starts.flatten(1).sign() == torch.tensor(signs)).all(1)
        assert quarter.float().mean().item() == pytest.approx(0.25, abs=0.03)


def box_and_l1_ball(seed: int, eps: float) -> np.ndarray:
    """Project far images with a general solver: shrink all changes until what the box leaves of them is eps long."""
    origin, far = (images.flatten(1).double().numpy() for images in two_images(seed))
    nearest = []
    for start, end in zip(origin, far, strict=True):
        sizes, room = np.abs(end - start), np.where(end > start, 1 - start, start)

        def moved(amount: float, sizes: np.ndarray = sizes, room: np.ndarray = room) -> np.ndarray:
            return np.clip(sizes - amount, 0, room)

        beyond = moved(0).sum() > eps
        amount = brentq(lambda amount: moved(amount).sum() - eps, 0, sizes.max()) if beyond else 0
        nearest.append(start + np.sign(end - start) * moved(amount))
    return np.stack(nearest)


@given(seed=SEEDS, eps=st.floats(1e-2, 40.0))
def test_the_l1_projection_is_the_nearest_point_of_ball_and_pixel_range(seed: int, eps: float) -> None:
    origin, far = two_images(seed)
    assert np.allclose(NORMS["l1"].project(far, origin, eps).flatten(1), box_and_l1_ball(seed, eps), atol=1e-5)


def test_l1_rounding_stays_in_a_small_ball_of_a_large_image() -> None:
    origin = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    far = origin + 1e-6 * torch.randn(origin.shape, generator=torch.Generator().manual_seed(1))
    ball = NORMS["l1"]
    distance = (ball.project(far, origin, 0.05).double() - origin.double()).abs().flatten(1).sum(1)
    assert (distance <= 0.05).all()
    assert (distance > 0.03).all()


@pytest.mark.parametrize("eps", [0.01, 0.05, 0.25, 0.5])
def test_l2_roundings_that_are_all_alike_stay_in_the_ball(eps: float) -> None:
    origin = torch.full((1, 3, 224, 224), 178 / 255)
    moved = NORMS["l2"].project(origin + 0.1, origin, eps)
    assert eps * (1 - 1e-3) < NORMS["l2"].distance(moved - origin) <= eps * (1 + 1e-6)


@given(seed=SEEDS, length=st.floats(1e-2, 80.0))
def test_no_l1_step_of_the_same_length_raises_a_linear_function_more(seed: int, length: float) -> None:
    origin, slopes = two_images(seed)
    best = NORMS["l1"].ascend(origin, slopes, length, 0)
    assert (NORMS["l1"].distance(best - origin) <= length + 1e-4).all()
    assert torch.allclose((slopes * (best - origin)).flatten(1).sum(1), knapsack(origin, slopes, length), atol=1e-4)
    assert best.min() >= -1e-6
    assert best.max() <= 1 + 1e-6


def knapsack(origin: torch.Tensor, slopes: torch.Tensor, length: float) -> torch.Tensor:
    """Spend the length on one value after the other, the steepest first."""
    rises = []
    for start, slope in zip(origin.flatten(1).tolist(), slopes.flatten(1).tolist(), strict=True):
        left, rise = length, 0.0
        for value, steepness in sorted(zip(start, slope, strict=True), key=lambda pair: -abs(pair[1])):
            spent = min(left, 1 - value if steepness > 0 else value)
            left, rise = left - spent, rise + spent * abs(steepness)
        rises.append(rise)
    return torch.tensor(rises)


def test_an_l1_step_goes_on_where_its_steepest_values_can_hardly_move() -> None:
    images = torch.tensor([0.99, 0.0]).view(2, 1, 1, 1).repeat(1, 3, 10, 10)  # the other image can spend all on two
    slopes = torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) + 0.1
    best = NORMS["l1"].ascend(images, slopes, 2.0, 0)
    assert torch.allclose((slopes * (best - images)).flatten(1).sum(1), knapsack(images, slopes, 2.0), atol=1e-4)


def test_a_spread_l1_step_is_shared_by_the_steepest_values_that_can_move() -> None:
    images = torch.tensor([0.5, 0.5, 1.0, 0.5, 0.5, 0.5]).view(1, 1, 1, 6)
    slopes = torch.tensor([1.0, -4.0, 9.0, 3.0, 0.0, 2.0]).view(1, 1, 1, 6)  # the steepest is white already
    step = NORMS["l1"].ascend(images, slopes, 0.3, 0.5) - images
    assert torch.allclose(step.flatten(), torch.tensor([0, -0.1, 0, 0.1, 0, 0.1]), atol=1e-6)
