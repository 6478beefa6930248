"""JPEG round trips as Pillow makes them: baseline, standard tables, chroma halved both ways."""

import io

import numpy as np
import simplejpeg
import torch
from PIL import Image
from torch import Tensor


def apply_jpeg(images: Tensor, quality: int) -> Tensor:
    """Compress each image and decode it again.

    images: uint8 [B,3,H,W], any device; the work is done on the CPU. quality: 1-95, as Pillow counts it.
    Returns uint8 [B,3,H,W] on the images' device. The published ImageNet-C archives hold quality 85.
    """
    planes = images.cpu().numpy()
    decoded = np.empty((len(planes), *planes.shape[2:], 3), dtype=np.uint8)
    for (red, green, blue), target in zip(planes, decoded, strict=True):
        file = io.BytesIO()
        channels = [Image.fromarray(plane) for plane in (red, green, blue)]
        Image.merge("RGB", channels).save(file, "JPEG", quality=quality)
        # The same decoder library as Pillow's, with less around it. Its encoder takes another cosine transform.
        simplejpeg.decode_jpeg(file.getbuffer(), buffer=target)
    return torch.from_numpy(decoded).to(images.device).movedim(-1, 1).contiguous()
