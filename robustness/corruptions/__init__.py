"""The corruptions of ImageNet-C and ImageNet-C-bar, and occlusions: batched, on any device, from repeatable draws."""

from . import (  # noqa: F401 - importing registers
    bar,
    blur,
    caustics,
    digital,
    elastic,
    noise,
    occlusion,
    perlin,
    pixelate,
    sparkles,
    spatter,
    spectrum,
    weather,
)
from .corruption import CORRUPTIONS, Corruption, corrupt
from .jpeg import apply_jpeg

# The benchmark's fifteen, in its order, and the four it sets apart for validation.
STANDARD = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
)
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
# ImageNet-C-bar's ten, in its order.
BAR = (
    "caustic_refraction",
    "inverse_sparkles",
    "sparkles",
    "perlin_noise",
    "blue_noise_sample",
    "plasma_noise",
    "checkerboard_cutout",
    "cocentric_sine_waves",
    "single_frequency_greyscale",
    "brownish_noise",
)
OCCLUSION = ("center_occlusion", "boundary_occlusion")
PATCH = ("patch_drop", "patch_shuffle")

__all__ = ["BAR", "CORRUPTIONS", "EXTRA", "OCCLUSION", "PATCH", "STANDARD", "Corruption", "apply_jpeg", "corrupt"]
