"""Small runs on disk, as the command leaves them, made by arithmetic: the same on every machine."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from robustness.records import SCHEMA

PGD = "pgd(norm=linf,eps=4/255,steps=40)"
IMAGES = 40
PREPROCESSING = {"input_size": 224, "resize": 256, "interpolation": "bicubic", "mode": "center", "mean": [0.5] * 3}
CORRUPTIONS = ("fog", "snow")


def model(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "spec": name,
        "name": name,
        "architecture": "net",
        "source": "release",
        "weights_sha256": f"{name} weights",
        "random_weights": False,
        "parameters": 1000,
        "preprocessing": PREPROCESSING,
    } | changes


def header(name: str, models: Sequence[str], records: pd.DataFrame, **identity: Any) -> dict[str, Any]:
    suites = list(dict.fromkeys(records["suite"]))
    data = {"dataset": "imagenet", "layout": "folder", "count": IMAGES, "classes": 10, "sha256": "5ea1" * 16}
    own = {"version": "0.1.0", "seed": 0, "limit": None, "precision": "fp32", "decoder": "fast", "jpeg": True}
    return {
        "schema": 1,
        "name": name,
        "command": f"python evaluate_robustness.py --name {name}",
        "version": "0.1.0",
        "start": "2026-01-01T00:00:00+00:00",
        "end": "2026-01-01T01:00:00+00:00",
        "records_expected": len(records),
        "suite_records": {suite: int((records["suite"] == suite).sum()) for suite in suites},
        "suite_sources": {"imagenet-c": "Hendrycks and Dietterich 2019, arXiv:1903.12261"},
        "notes": ["This is a sample of 40 images."],
        "suite_notes": dict.fromkeys(suites, "This is a sample of 40 images.") | {"imagenet-c": "JPEG quality 85."},
        "identity": own
        | {"views": dict.fromkeys(suites, "model"), "models": [model(name) for name in models], "surrogates": []}
        | {"data": [data], "suites": suites, "conditions": {suite: [suite] for suite in suites}}
        | identity,
        "environment": {"device": "cpu", "versions": {"python": "3.11.0", "torch": "2.9.0"}},
        "findings": [],
        "records_done": len(records),
        "failures": 0,
    }


def records(
    models: Iterable[str], right: Callable[[str, int, int], bool], corruptions: Sequence[str] = CORRUPTIONS
) -> pd.DataFrame:
    """Clean images, corruptions and an attack. right: of a model, an image and a difficulty of 0 (clean) to 10."""
    rows: list[dict[str, Any]] = []
    for name in models:
        for image in range(IMAGES):
            own = {"model": name, "dataset": "imagenet", "sample_id": f"class/{image:03d}.jpg", "label": image % 10}
            cases = [("imagenet", "clean", None, 0)]
            cases += [("imagenet-c", c, s, s + k % 2) for k, c in enumerate(corruptions) for s in range(1, 6)]
            cases += [("adversarial", PGD, None, 8)]
            for suite, condition, severity, difficulty in cases:
                correct = right(name, image, difficulty)
                row = own | {"suite": suite, "condition": condition, "severity": severity, "correct": correct}
                row |= {"pred": image % 10 if correct else 11, "correct5": right(name, image, difficulty // 2)}
                row |= {"confidence": (1 + image % 8) / 8}
                if suite == "adversarial":
                    clean = right(name, image, 0)
                    row |= {"clean_correct": clean, "success": not correct if clean else None, "linf": 4 / 255}
                rows.append(row)
    return pd.DataFrame(rows)


def threshold(levels: dict[str, int]) -> Callable[[str, int, int], bool]:
    """Make models that are right where an image is easy enough: the higher the level, the better."""
    return lambda name, image, difficulty: (image * 7) % IMAGES < levels[name] - 2 * difficulty


def write(folder: Path, rows: pd.DataFrame, run_header: dict[str, Any], parts: int = 2) -> Path:
    """Write a run; its records are cut into parts."""
    (folder / "records").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run_header))
    columns = {name: pa.array(rows[name], from_pandas=True) if name in rows else None for name in SCHEMA.names}
    table = pa.table(
        [pa.nulls(len(rows), f.type) if columns[f.name] is None else columns[f.name].cast(f.type) for f in SCHEMA],
        schema=SCHEMA,
    )
    size = -(-len(rows) // parts) or 1
    for part in range(parts):
        pq.write_table(
            table.slice(part * size, size), folder / "records" / f"part.{part:06d}.parquet", write_page_checksum=True
        )
    return folder


def run(folder: Path, levels: dict[str, int], corruptions: Sequence[str] = CORRUPTIONS, **identity: Any) -> Path:
    """Write a run of models that are as good as their levels."""
    rows = records(levels, threshold(levels), corruptions)
    return write(folder, rows, header(folder.name, list(levels), rows, **identity))
