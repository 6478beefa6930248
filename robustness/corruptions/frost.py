"""The five photographs of frosted windows that ImageNet-C uses, read from the installed `imagecorruptions` package.

They are read as files; the package's code is never run.
"""

import functools
import importlib.util
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import RunError

PHOTOGRAPHS = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")


@functools.cache
def frost_photograph(index: int, height: int, width: int) -> Tensor:
    """Read a photograph for cropping a window of height×width pixels.

    Returns uint8 [3,H,W], larger than the window on both sides: 224×224 and all that fits is cut from the photograph
    as it is, as the reference does; for larger windows it is enlarged just enough. Raises RunError when the package
    or a file is missing.
    """
    path = _folder() / PHOTOGRAPHS[index]
    if not path.is_file():
        raise RunError(f"frost: {path} is missing; reinstall it with `pip install --force-reinstall imagecorruptions`")
    with Image.open(path) as file:
        photograph = file.convert("RGB")
    scale = max((width + 1) / photograph.width, (height + 1) / photograph.height)
    if scale > 1:
        grown = round(photograph.width * scale), round(photograph.height * scale)
        photograph = photograph.resize(grown, Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(photograph)).permute(2, 0, 1).contiguous()


def _folder() -> Path:
    spec = importlib.util.find_spec("imagecorruptions")
    if spec is None or not spec.submodule_search_locations:
        raise RunError("frost needs the photographs in the package imagecorruptions: `pip install imagecorruptions`")
    return Path(spec.submodule_search_locations[0]) / "frost"
