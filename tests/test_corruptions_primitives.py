"""The building blocks of the corruptions against OpenCV, SciPy, scikit-image and Pillow, on harder input."""

import itertools
import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from skimage.color import hsv2rgb, rgb2hsv

import datasets
from robustness.corruptions import CORRUPTIONS
from robustness.corruptions.blur import disk
from robustness.corruptions.colour import hsv_to_rgb, rgb_to_hsv
from robustness.corruptions.edges import canny, chamfer_distance
from robustness.corruptions.elastic import inverse_affine
from robustness.corruptions.filters import blur_by_shifts, gaussian_blur, gaussian_kernel, mirrored_gaussian_matrix
from robustness.corruptions.glass import source_index
from robustness.corruptions.motion import motion_blur, motion_taps
from robustness.corruptions.noise import draw_bits
from robustness.corruptions.pixelate import PIXELATE, box_reads, by_rows
from robustness.corruptions.spatter import equalise
from robustness.corruptions.zoom import zoom_crop, zoom_turned


@pytest.fixture(scope="module")
def greys(photographs: datasets.Batch) -> np.ndarray:
    """Twenty photographs, a channel each, uint8 [20,224,224]."""
    return photographs.views[0][:, 1].numpy()


@pytest.mark.parametrize(("low", "high"), [(50, 150), (10, 30), (200, 220)])
def test_canny(greys: np.ndarray, low: int, high: int) -> None:
    for grey in greys:
        np.testing.assert_array_equal(canny(grey, low, high), cv2.Canny(grey, low, high) > 0)


@pytest.mark.parametrize("limit", [3, 20, 50])
def test_chamfer_distance(greys: np.ndarray, limit: int) -> None:
    for grey in greys:
        edges = cv2.Canny(grey, 200, 400)
        wanted = np.minimum(cv2.distanceTransform(255 - edges, cv2.DIST_L2, 5), limit)
        np.testing.assert_allclose(chamfer_distance(edges > 0, limit), wanted, atol=1e-4)


def test_chamfer_distance_without_edges() -> None:
    assert (chamfer_distance(np.zeros((32, 40), np.bool_), 20) == 20).all()


def test_equalise(greys: np.ndarray) -> None:
    for grey in [*greys, np.full((32, 32), 7, np.uint8)]:
        np.testing.assert_array_equal(equalise(grey), cv2.equalizeHist(grey))


@pytest.mark.parametrize("sigma", [0.7, 1.1, 6.0, 40.0])
def test_gaussian_blur(greys: np.ndarray, sigma: float) -> None:
    planes = greys[:2, :70, :33] / 255.0
    got = gaussian_blur(torch.from_numpy(planes)[None], sigma)[0].numpy()
    wanted = [ndimage.gaussian_filter(plane, sigma, mode="nearest", truncate=4) for plane in planes]
    np.testing.assert_array_equal(got, wanted)
    kernel = gaussian_kernel(sigma, 4.0).tolist()
    shifted = blur_by_shifts(torch.from_numpy(planes)[None], kernel)[0].numpy()
    np.testing.assert_allclose(shifted, wanted, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("sigma", [2.44, 19.52, 170.8])
def test_mirrored_gaussian_matrix(greys: np.ndarray, sigma: float) -> None:
    line = greys[0, 0, :57] / 255.0
    wanted = ndimage.gaussian_filter1d(line, sigma, mode="reflect", truncate=3)
    np.testing.assert_allclose(mirrored_gaussian_matrix(57, sigma, 3.0) @ line, wanted, atol=1e-13)


@pytest.mark.parametrize("factor", [1.01, 1.12, 1.3, 2, 2.5, 3, 4, 4.5])
@pytest.mark.parametrize("shape", [(224, 224), (60, 91), (33, 32)])
def test_zoom(greys: np.ndarray, factor: float, shape: tuple[int, int]) -> None:
    image = greys[3, : shape[0], : shape[1]] / 255.0
    crop = image[tuple(zoom_crop(size, factor) for size in shape)]
    grown = ndimage.zoom(crop, factor, order=1)
    top, left = ((big - size) // 2 for big, size in zip(grown.shape, shape, strict=True))
    got = zoom_turned(torch.from_numpy(crop)[None, None], factor, shape)[0, 0].T.numpy()
    np.testing.assert_allclose(got, grown[top : top + shape[0], left : left + shape[1]], atol=1e-12)


def test_disks_brighten_as_the_reference_does() -> None:
    sums = [disk(radius, 0.1 if radius == 3 else 0.5).sum().item() for radius in (3, 4, 6, 8, 10)]
    assert sums == pytest.approx([1, 1, 1, 1.012975, 1.010786], abs=1e-6)
    centres = [disk(radius, 0.1 if radius == 3 else 0.5).max().item() for radius in (3, 4, 6, 8, 10)]
    assert centres == pytest.approx([0.0344828, 0.0204082, 0.00884956, 0.00507614, 0.00315457], abs=1e-7)


@given(radius=st.integers(1, 20), sigma=st.floats(0.5, 20), angle=st.floats(-180, 180))
def test_motion_taps_follow_the_line(radius: int, sigma: float, angle: float) -> None:
    taps = motion_taps(radius, sigma, angle)
    assert sum(taps.values()) == pytest.approx(1)
    across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    for dx, dy in taps:
        assert abs(dx * down - dy * across) <= math.sqrt(0.5) + 1e-9
        assert -1 <= dx * across + dy * down <= 2 * radius + 1


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_motion_blur_keeps_flat_regions(level: int) -> None:
    flat = torch.full((2, 3, 32, 40), level, dtype=torch.uint8)
    assert torch.equal(motion_blur(flat, 20, 15, torch.tensor([-33.3, 45.0])), flat)


def test_glass_without_shift_and_with_one_shift_for_all() -> None:
    still = source_index(torch.zeros(3, 2, 28, 36, dtype=torch.int8), 2, (32, 40))
    assert torch.equal(still, torch.arange(32 * 40))
    right = torch.tensor([1, 0], dtype=torch.int8)[:, None, None].expand(2, 28, 36)[None]
    moved = source_index(right, 2, (32, 40)).view(32, 40)
    # Every pixel of a written row takes what its right neighbour has become: the value of column 39.
    assert (moved[3:31, 3:39] % 40 == 39).all()
    assert torch.equal(moved[:3], torch.arange(3 * 40).view(3, 40))


def test_hue_saturation_value() -> None:
    steps = [0, 1, 77, 128, 254, 255]
    colours = np.array(list(itertools.product(steps, repeat=3)), dtype=np.float64)[None] / 255
    planes = torch.from_numpy(np.moveaxis(colours, -1, 0).copy())[None]
    hsv = rgb_to_hsv(planes)
    np.testing.assert_array_equal(torch.cat(hsv, dim=1)[0].movedim(0, -1).numpy(), rgb2hsv(colours))
    np.testing.assert_array_equal(hsv_to_rgb(*hsv)[0].movedim(0, -1).numpy(), hsv2rgb(rgb2hsv(colours)))


@pytest.mark.parametrize("scale", [0.6, 0.5, 0.4, 0.3, 0.25])
def test_boxes_are_those_of_pillow(scale: float) -> None:
    """Every side from 32 to 160 pixels, and 224: the weights, found with single bright pixels."""
    for size in (*range(32, 160), 224):
        small = int(size * scale)
        reads, count = box_reads(size, small)
        weights = torch.zeros(size + 1, small, dtype=torch.float64).index_put_(
            (reads, torch.arange(small).expand_as(reads)), (1 / count.double()).expand_as(reads), accumulate=True
        )
        points = Image.fromarray(np.eye(size, dtype=np.float32))
        wanted = np.asarray(points.resize((small, size), Image.Resampling.BOX))
        np.testing.assert_allclose(weights[:size].numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("shape", [(224, 224), (120, 60), (97, 150), (33, 32)])
def test_pixelate_by_rows_is_that_of_pillow(photographs: datasets.Batch, shape: tuple[int, int]) -> None:
    images = photographs.views[0][:2, :, : shape[0], : shape[1]].contiguous()
    for severity, scale in enumerate(PIXELATE, start=1):
        assert torch.equal(by_rows(images, scale), CORRUPTIONS["pixelate"].apply(images, severity, {}))


def test_inverse_affine_undoes_the_shift() -> None:
    jitter = torch.tensor([[10.0, -20.0], [5.0, 7.0], [-30.0, 3.0]], dtype=torch.float64)
    points = torch.tensor([[186.0, 186.0], [186.0, 38.0], [38.0, 38.0]], dtype=torch.float64)
    matrix = inverse_affine(jitter, (224, 224))
    torch.testing.assert_close((points + jitter) @ matrix[:, :2].T + matrix[:, 2], points)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32])
def test_bits_are_uniform(dtype: torch.dtype) -> None:
    words = draw_bits(200_001, dtype, torch.Generator().manual_seed(0))
    assert words.shape == (200_001,)
    width = torch.iinfo(dtype).bits
    shares = [(words >> bit & 1).double().mean().item() for bit in range(width)]
    assert shares == pytest.approx([0.5] * width, abs=5 / math.sqrt(4 * len(words)))
