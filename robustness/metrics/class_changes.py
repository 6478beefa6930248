"""Which classes a shift takes most from: accuracy of each class on clean and on shifted images."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from .effective import SHIFTS
from .evaluation import CLEAN, EVALUATION, IMAGENET
from .statistics import CONFIDENCE, rate_difference

COLUMNS = [*EVALUATION, "label", "name", "clean", "shifted", "change", "low", "high", "n"]


def class_changes(plain: pd.DataFrame, names: Mapping[str, Mapping[int, str]]) -> pd.DataFrame:
    """Accuracy of each class, clean and shifted, and its change: fractions, a row a model, suite, data set and class.

    plain: typed records that are not of attacks. names: data set → label → what the class is called. Corruptions, over
    all of them, are held against the same images when clean (Student's interval of the images' means); natural shifts
    against ImageNet's images of their classes (Newcombe's). NA bounds where one image, or no scatter, leaves none. n:
    shifted images. Suites whose clean images were not recorded have no rows.
    """
    tables = [
        _paired(own, _clean(plain, str(model), str(suite), str(dataset)))
        if own["severity"].notna().any()
        else _unpaired(own, _clean(plain, str(model), str(suite), ""))
        for (model, suite, dataset), own in plain.groupby(EVALUATION, observed=True)
        if suite != IMAGENET and (own["severity"].notna().any() or dataset == suite)
    ]
    found = [table for table in tables if len(table)]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(found, ignore_index=True)
    pairs = zip(table["dataset"], table["label"], strict=True)
    return table.assign(name=[names.get(dataset, {}).get(label, str(label)) for dataset, label in pairs])[COLUMNS]


def _clean(plain: pd.DataFrame, model: str, suite: str, dataset: str) -> pd.DataFrame:
    """Find the clean images that a suite is held against: of its own data set, else ImageNet's of its classes."""
    clean = plain[(plain["model"] == model) & (plain["condition"] == CLEAN)]
    general = clean[clean["suite"] == IMAGENET]
    if dataset:
        same = general[general["dataset"] == dataset]
        return general[general["dataset"] == IMAGENET] if same.empty else same
    if any(name == suite and shift.clean == "val" for (name, _), shift in SHIFTS.items()):
        return general[general["dataset"] == IMAGENET]
    return clean[(clean["suite"] == suite) & (clean["dataset"] == IMAGENET)]


def _paired(shifted: pd.DataFrame, clean: pd.DataFrame) -> pd.DataFrame:
    """Compare images with themselves; each counts by the mean over its corruptions."""
    severe = shifted[shifted["severity"].notna()]
    images = severe.groupby("sample_id", observed=True)["correct"].mean().rename("shifted").to_frame()
    known = clean.drop_duplicates("sample_id").set_index("sample_id")
    images = images.join(known[["label", "correct"]], how="inner").astype({"correct": "float64"}).dropna()
    by_class = images.assign(change=images["shifted"] - images["correct"]).groupby("label", observed=True)
    table = by_class[["correct", "shifted", "change"]].mean().rename(columns={"correct": "clean"})
    n, spread = by_class.size(), by_class["change"].std(ddof=1)
    half = stdtrit(np.maximum(n - 1, 1), (1 + CONFIDENCE) / 2) * spread / np.sqrt(n)
    half = half.where((n > 1) & (spread > 0))
    return _named(table.assign(low=table["change"] - half, high=table["change"] + half, n=n), shifted)


def _unpaired(shifted: pd.DataFrame, clean: pd.DataFrame) -> pd.DataFrame:
    """Compare the rates of different images of a class."""
    sides = [side.groupby("label", observed=True)["correct"].agg(["sum", "size"]) for side in (shifted, clean)]
    both = pd.concat(sides, axis=1, join="inner")
    rows = []
    for label, right, n, clean_right, clean_n in both.itertuples():
        change = rate_difference((int(right), int(n)), (int(clean_right), int(clean_n)))
        rows.append((label, clean_right / clean_n, right / n, change.value, change.low, change.high, n))
    table = pd.DataFrame(rows, columns=["label", "clean", "shifted", "change", "low", "high", "n"])
    return _named(table.set_index("label"), shifted)


def _named(table: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    first = records.iloc[0]
    return table.reset_index().assign(**{name: str(first[name]) for name in EVALUATION})
