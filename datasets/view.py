"""From a photograph to the square a model sees: resize and crop as torchvision's evaluation transforms do it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

import torch
from PIL.Image import Image
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from .decode import MIN_SIDE

Picture = TypeVar("Picture", Tensor, Image)
Interpolation = Literal["bilinear", "bicubic"]
Mode = Literal["center", "squash"]

# What torch.nn.functional.interpolate calls; it takes a size or a scale, but both are needed to stop before the end.
_ANTIALIASED: Mapping[Interpolation, Callable[..., Tensor]] = {
    "bilinear": torch.ops.aten._upsample_bilinear2d_aa.default,
    "bicubic": torch.ops.aten._upsample_bicubic2d_aa.default,
}


@dataclass(frozen=True, slots=True)
class View:
    """How an image is brought to crop × crop pixels.

    resize: length in pixels to which the short side is resized, the long side in proportion and truncated to an
    integer; None leaves the size alone. crop: side of the centre crop in pixels, beyond the image padded with black.
    mode: "squash" resizes both sides to `resize` whatever the shape. border: pixels cut off each side before all else,
    fewer than half of the smallest picture's side. Raises ValueError for a view that makes no sense.

    A Pillow image is resized by Pillow, level for level as torchvision's first transforms do it. A tensor is resized
    in uint8 with antialiasing: at most two levels from that, as both resize rows before columns. (From version 13
    Pillow swaps the two when squashing some tall pictures; that can differ by 20 levels.)
    """

    resize: int | None
    crop: int
    interpolation: Interpolation
    mode: Mode = "center"
    border: int = 0

    def __post_init__(self) -> None:
        if self.crop < 1 or (self.resize is not None and self.resize < 1):
            raise ValueError(f"sides must be at least 1 pixel: resize {self.resize}, crop {self.crop}")
        for value, known in ((self.interpolation, get_args(Interpolation)), (self.mode, get_args(Mode))):
            if value not in known:
                raise ValueError(f"a view has no {value!r}; known: {', '.join(known)}")
        if self.mode == "squash" and self.resize is None:
            raise ValueError("a view that squashes needs a size to resize to")
        if not 0 <= 2 * self.border < MIN_SIDE:
            raise ValueError(f"a border of {self.border} pixels; pictures of {MIN_SIDE} pixels a side must survive it")

    def __call__(self, image: Picture) -> Picture:
        """Cut, resize and crop one image, at least MIN_SIDE pixels a side.

        image: uint8 [3,H,W], or a Pillow image of mode RGB. Returns one of its kind, crop × crop.
        """
        if self.border:
            height, width = F.get_size(image)
            image = F.crop(image, self.border, self.border, height - 2 * self.border, width - 2 * self.border)
        if self.resize is not None:
            old = F.get_size(image)
            size = [self.resize if self.mode == "squash" else self.resize * side // min(old) for side in old]
            if isinstance(image, Tensor) and all(self.crop <= new < side for side, new in zip(old, size, strict=True)):
                return _shrunk_and_cropped(image, size, self.crop, self.interpolation)
            image = F.resize(image, size, interpolation=InterpolationMode(self.interpolation), antialias=True)
        cropped: Picture = F.center_crop(image, [self.crop, self.crop])
        return cropped


def _shrunk_and_cropped(image: Tensor, size: Sequence[int], crop: int, interpolation: Interpolation) -> Tensor:
    """Resize to `size`, less than the image's on both sides, and crop, without what lies below or right of the crop.

    The pixels are those of resizing everything, in four fifths of the time. What lies above or left cannot be
    spared: torch counts from the first pixel, and the crop rarely begins where an old pixel does.
    """
    top, left = (round((side - crop) / 2) for side in size)
    scales = (new / old for new, old in zip(size, image.shape[1:], strict=True))
    batch = image.permute(1, 2, 0)[None].permute(0, 3, 1, 2)  # whose strides tell torch to keep the memory's order
    return _ANTIALIASED[interpolation](batch, [top + crop, left + crop], False, *scales)[0, :, top:, left:]


IMAGENET_C_VIEW = View(256, 224, "bilinear")  # what the published ImageNet-C was made from (make_imagenet_c.py)
STORED_VIEW = View(None, 224, "bilinear")  # of images that are published at 224 × 224: no resize (test.py, ImageNet-C)
OBJECTNET_VIEW = View(224, 224, "bilinear", border=2)  # without its red frame (objectnet-template-pytorch)

# From the view that a model states to the one that a benchmark is seen in, by the name that suites give it.
VIEWS: Mapping[str, Callable[[View], View]] = {
    "model": lambda own: own,
    "resize-256": lambda _own: IMAGENET_C_VIEW,
    "stored-224": lambda _own: STORED_VIEW,
    "objectnet": lambda _own: OBJECTNET_VIEW,
    "objectnet-model": lambda own: replace(own, border=OBJECTNET_VIEW.border),
}
