"""Pictures: the same image clean, corrupted and attacked, and what was said of it."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .cells import number
from .details import EXAMPLES
from .results import Results


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture. source: as a data URI. what: was done to the image. said: the prediction and its confidence."""

    source: str
    what: str
    said: str


@dataclass(frozen=True, slots=True)
class Example:
    """What became of one image."""

    title: str
    pictures: tuple[Picture, ...]


def examples(results: Results) -> tuple[Example, ...]:
    """Gather the pictures of each image, in the order of the table `examples`."""
    table = results.details.table(EXAMPLES)
    return tuple(
        Example(
            f"{sample} ({own['label'].iloc[0]}), {model}" if own["label"].iloc[0] else f"{sample}, {model}",
            tuple(_picture(row, results.details.pictures[row.file]) for row in own.itertuples()),
        )
        for (sample, model), own in table.groupby(["sample_id", "model"], sort=False)
    )


def _picture(row: Any, content: bytes) -> Picture:
    source = f"data:image/png;base64,{b64encode(content).decode()}"
    if pd.isna(row.confidence):
        return Picture(source, row.what, "")
    return Picture(source, row.what, f"{row.prediction}, {number(row.confidence, 'fraction')}")
