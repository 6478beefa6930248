"""Motion blur and snow against ImageMagick itself, which the benchmark's authors ran; through Wand, where installed."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import datasets
from benchmarks import reference_corruptions as reference
from robustness.corruptions import CORRUPTIONS
from robustness.corruptions.weather import snow_layer
from robustness.corruptions.zoom import zoom_crop

# Wand raises ImportError, too, when it does not find ImageMagick.
wand = pytest.importorskip("wand.image", exc_type=ImportError)
from wand.version import MAGICK_HDRI, MAGICK_VERSION  # noqa: E402

if "ImageMagick 6" in MAGICK_VERSION and MAGICK_HDRI:
    pytest.skip("this build of ImageMagick 6 computes in floating point and rounds otherwise", allow_module_level=True)
# The version in which rounding was pinned down; later ones compute in floating point.
exactly = "ImageMagick 6" in MAGICK_VERSION and "Q16 " in MAGICK_VERSION
each_severity = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


def imagemagick(x: np.ndarray, radius: int, sigma: float, angle: float) -> np.ndarray:
    """Send a picture, grey or coloured, through ImageMagick as PNG."""
    file = io.BytesIO()
    Image.fromarray(x).save(file, "PNG")
    with wand.Image(blob=file.getvalue()) as picture:
        picture.motion_blur(radius=radius, sigma=sigma, angle=angle)
        blurred = Image.open(io.BytesIO(picture.make_blob("png")))
    return np.asarray(blurred.convert("RGB" if x.ndim == 3 else "L"))


def assert_same(got: np.ndarray, wanted: np.ndarray) -> None:
    apart = np.abs(got.astype(int) - wanted)
    assert apart.max() <= 1
    assert apart.mean() <= (1e-4 if exactly else 5e-3)


@each_severity
@pytest.mark.parametrize("angle", [-45.0, -17.3, 0.0, 31.7])
def test_motion_blur(photographs: datasets.Batch, severity: int, angle: float) -> None:
    images = photographs.views[0][3:5]
    pictures = images.permute(0, 2, 3, 1).numpy()
    wanted = np.stack([imagemagick(x, *reference.motion_parameters(severity), angle) for x in pictures])
    angles = torch.full((len(images),), angle, dtype=torch.float64)
    got = CORRUPTIONS["motion_blur"].apply(images, severity, {"angle": angles})
    assert_same(got.permute(0, 2, 3, 1).numpy(), wanted)
    assert_same(np.stack([reference.motion_blur(x, severity, angle) for x in pictures]), wanted)


@each_severity
@pytest.mark.parametrize("angle", [-134.9, -90.0, -51.3])
def test_snow(severity: int, angle: float) -> None:
    noise = np.random.default_rng(severity).normal(size=(224, 224))
    wanted = reference.snow_flakes(severity, noise, angle, blur=imagemagick)
    centre = zoom_crop(224, [3, 2, 4, 4.5, 2.5][severity - 1])
    part = torch.from_numpy(noise[centre, centre].copy())
    got = snow_layer(part, torch.tensor(angle, dtype=torch.float64), severity, (224, 224))
    assert_same(got.numpy(), wanted)
