"""From a photograph to the square a model sees: resize and crop as torchvision's evaluation transforms do it."""

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

Interpolation = Literal["bilinear", "bicubic"]
Mode = Literal["center", "squash"]


@dataclass(frozen=True, slots=True)
class View:
    """How an image is brought to crop × crop pixels.

    resize: length in pixels to which the short side is resized, the long side in proportion and truncated to an
    integer; None leaves the size alone. crop: side of the centre crop in pixels, beyond the image padded with black.
    mode: "squash" resizes both sides to `resize` whatever the shape. Raises ValueError for a view that makes no sense.

    Resizing is antialiased and stays in uint8: at most two levels from Pillow's, which resizes rows before columns, as
    does this. (From version 13 Pillow swaps the two when squashing some tall pictures; that can differ by 20 levels.)
    """

    resize: int | None
    crop: int
    interpolation: Interpolation
    mode: Mode = "center"

    def __post_init__(self) -> None:
        if self.crop < 1 or (self.resize is not None and self.resize < 1):
            raise ValueError(f"sides must be at least 1 pixel: resize {self.resize}, crop {self.crop}")
        for value, known in ((self.interpolation, get_args(Interpolation)), (self.mode, get_args(Mode))):
            if value not in known:
                raise ValueError(f"a view has no {value!r}; known: {', '.join(known)}")
        if self.mode == "squash" and self.resize is None:
            raise ValueError("a view that squashes needs a size to resize to")

    def __call__(self, image: Tensor) -> Tensor:
        """Resize and crop one image: uint8 [3,H,W] → uint8 [3,crop,crop]."""
        if self.resize is not None:
            size = [self.resize, self.resize] if self.mode == "squash" else [self.resize]
            image = F.resize(image, size, interpolation=InterpolationMode(self.interpolation), antialias=True)
        cropped: Tensor = F.center_crop(image, [self.crop, self.crop])
        return cropped


IMAGENET_C_VIEW = View(256, 224, "bilinear")  # what the published ImageNet-C was made from (make_imagenet_c.py)
