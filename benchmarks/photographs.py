"""The photographs that benchmarks work on: those that foolbox brings, or a folder's."""

import argparse
from itertools import cycle, islice
from pathlib import Path

import torch
from torch import Tensor

import datasets

from .containers import Files, write_folder


def pixels(view: datasets.View, count: int = 20, device: torch.device | None = None) -> Tensor:
    """Take the bundled photographs, repeated to `count` images, uint8 [N,3,crop,crop]."""
    found = next(datasets.load(datasets.open_sample(), [view])).views[0]
    return found.repeat(-(-count // len(found)), 1, 1, 1)[:count].contiguous().to(device or "cpu")


def files(options: argparse.Namespace, count: int = 0) -> Files:
    """Read `count` files of different classes, again from the start if there are too few; 0: each once.

    options.data: their folder. Returns contents by the names that they have below a root of class folders. Exits when
    the folder holds none.
    """
    if options.data is None:
        sample = datasets.open_sample()
        found = [(datasets.WNIDS[one.label], sample.source.read(one.sample_id)) for one in sample.samples]
    else:
        paths = sorted(options.data.glob("*/*.JPEG"), key=lambda path: (path.name, path.parent.name))
        found = [(path.parent.name, path.read_bytes()) for path in paths]
    if not found:
        raise SystemExit(f"there are no class folders of .JPEG files in {options.data}")
    return {
        f"{wnid}/{wnid}_{number:06d}.JPEG": content
        for number, (wnid, content) in enumerate(islice(cycle(found), count or len(found)))
    }


def class_folders(root: Path, options: argparse.Namespace, count: int) -> Path:
    """Write `files` into class folders."""
    return write_folder(root, files(options, count))


def origin(options: argparse.Namespace) -> str:
    """Say whose photographs these are."""
    return "bundled photographs" if options.data is None else "/".join(options.data.resolve().parts[-2:])
