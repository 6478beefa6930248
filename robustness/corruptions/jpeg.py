"""JPEG round trips as Pillow makes them: baseline, standard tables, chroma halved both ways."""

import os
import tempfile
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from PIL import Image
from torch import Tensor

from .threads import each


def apply_jpeg(images: Tensor, quality: int) -> Tensor:
    """Compress each image and decode it again.

    images: uint8 [B,3,H,W], any device; the work is done on the CPU. quality: 1-95, as Pillow counts it.
    Returns uint8 [B,3,H,W] on the images' device. The published ImageNet-C archives hold quality 85.
    """
    planes = images.cpu().contiguous().numpy()
    decoded = np.empty_like(planes)

    def round_trip(row: int) -> None:
        with _file() as file:
            picture_of(planes[row]).save(file, "JPEG", quality=quality)
            file.seek(0)
            # The same decoder library as Pillow's, with less around it. Its encoder takes another cosine transform.
            decoded[row] = np.moveaxis(simplejpeg.decode_jpeg(file.read()), -1, 0)

    each(round_trip, range(len(planes)))
    return torch.from_numpy(decoded).to(images.device)


def _file() -> BinaryIO:
    """Open a file that vanishes, in memory where the system has such: Pillow encodes to it without Python's lock.

    To an object of Python's it encodes with the lock, so that one thread does at a time.
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("jpeg"), "w+b", buffering=0)
    return cast(BinaryIO, tempfile.TemporaryFile(buffering=0))


def picture_of(planes: npt.NDArray[np.uint8]) -> Image.Image:
    """Make a picture of its red, green and blue planes, [3,H,W]."""
    return Image.merge("RGB", [Image.fromarray(plane) for plane in planes])
