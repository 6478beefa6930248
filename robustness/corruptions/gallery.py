"""One picture under every corruption and severity, to look at."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps

from ..condition import corruption
from ..seeds import generator
from .corruption import corrupt

SEVERITIES = (1, 2, 3, 4, 5)
SIZE = 224  # pixels that are corrupted, from the middle 224/256 of the picture, as ImageNet-C has it
CELL = 128  # pixels a side that are shown
HEADING, LABELS = 20, 180  # height of the first row, width of the first column, in pixels


def gallery(picture: Image.Image, names: Sequence[str], seed: int = 0) -> Image.Image:
    """Draw a table: a row for each corruption in `names`, the clean picture and five severities as columns.

    Raises UsageError for an unknown name.
    """
    margin = (256 - SIZE) / 2 / 256
    clean = ImageOps.fit(picture.convert("RGB"), (SIZE, SIZE), Image.Resampling.BILINEAR, margin)
    sheet = Image.new("RGB", (LABELS + CELL * (1 + len(SEVERITIES)), HEADING + CELL * len(names)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, heading in enumerate(("clean", *(f"severity {severity}" for severity in SEVERITIES))):
        pen.text((LABELS + CELL * (column + 0.5), HEADING / 2), heading, fill="black", anchor="mm")
    for row, name in enumerate(names):
        top = HEADING + CELL * row
        pen.text((LABELS / 2, top + CELL / 2), name, fill="black", anchor="mm")
        cells = (clean, *(corrupted(clean, name, severity, seed) for severity in SEVERITIES))
        for column, cell in enumerate(cells):
            sheet.paste(cell.resize((CELL, CELL), Image.Resampling.BOX), (LABELS + CELL * column, top))
    return sheet


def corrupted(picture: Image.Image, name: str, severity: int, seed: int) -> Image.Image:
    """Corrupt an RGB picture; its draws are those of a sample without a name."""
    pixels = torch.from_numpy(np.array(picture)).movedim(-1, 0)[None]
    result = corrupt(pixels, name, severity, [generator(seed, corruption(name, severity).key, "")])
    return Image.fromarray(result[0].movedim(0, -1).numpy())
