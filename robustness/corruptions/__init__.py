"""The corruptions of ImageNet-C, batched, on any device, from draws that can be repeated."""

from . import blur, digital, elastic, noise, pixelate, spatter, weather  # noqa: F401 - importing registers
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

__all__ = ["CORRUPTIONS", "EXTRA", "STANDARD", "Corruption", "apply_jpeg", "corrupt"]
