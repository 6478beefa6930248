"""Files of weights: PyTorch's of both formats and safetensors, damaged, repacked, or with code in them."""

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from robustness.checkpoints import load_strictly, read_state_dict, unwrap, weights_hash
from robustness.errors import RunError, UsageError
from robustness.models.exported import _loaded

from .damage import damaged, damaged_json
from .judging import OUTSIDE
from .parser import Parser

WEIGHTS = {"weight": torch.ones(3, 4), "bias": torch.zeros(3)}


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(OUTSIDE),)


def _saved(content: object, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


SEEDS = [
    *(_saved(WEIGHTS), _saved(WEIGHTS, legacy=True), _saved({"model": WEIGHTS, "epoch": 3}), _saved([1, 2])),
    *(_saved({"state_dict": {f"module.{key}": value for key, value in WEIGHTS.items()}}), _saved({1: torch.ones(1)})),
    *(_saved({"weight": torch.ones(2).to_sparse()}), _saved({"model": {"": torch.ones(1), 3: "x"}}), _saved({})),
]
CODE = [_saved(_Code()), _saved({"model": _Code()}, legacy=True), pickle.dumps(_Code()), pickle.dumps(WEIGHTS["bias"])]


def _pickled(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


def _repacked(pickled: bytes) -> bytes:
    """Put another pickle into a valid archive, checksums and all."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SEEDS[0])) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return file.getvalue()


PICKLES = [_pickled(seed) for seed in SEEDS if seed.startswith(b"PK")]
TORCH = damaged([*SEEDS, *CODE]) | damaged([*PICKLES, _pickled(CODE[0])], 3).map(_repacked)
_HEADER = {"weight": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}, "__metadata__": {"a": "b"}}
SAFE = damaged([save(WEIGHTS), save({"x": torch.ones(2, dtype=torch.bfloat16)})]) | damaged_json([_HEADER]).map(
    lambda header: len(header).to_bytes(8, "little") + header + bytes(48)
)


def _read(asked: tuple[str, bytes], folder: Path) -> str:
    suffix, content = asked
    path = folder / f"weights{suffix}"
    path.write_bytes(content)
    found = read_state_dict(path)
    model = nn.Linear(4, 3)
    load_strictly(model, found, "the checkpoint")
    weights_hash(model)
    return "loaded"


_names = st.sampled_from(["model", "state_dict", "weight", "module.weight", "", 1, None, ("a", "b")])
_leaves = st.sampled_from([None, 1, "x", torch.ones(1), torch.ones(3, 4)])
_whole = st.builds(
    lambda prefix, more: {prefix + key: value for key, value in WEIGHTS.items()} | more,
    st.sampled_from(["", "", "module."]),
    st.just({}) | st.dictionaries(_names, _leaves, max_size=1),
)
_contents = st.recursive(
    _leaves | _whole | _whole,
    lambda inner: st.dictionaries(_names, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=4,
)


def _unwrapped(content: object, folder: Path) -> str:
    load_strictly(nn.Linear(4, 3), unwrap(content, folder), "the checkpoint")
    return "loaded"


FACTS = {"input_size": [3, 224, 224], "crop_pct": 0.9, "interpolation": "bicubic", "mean": [0.5] * 3, "std": [1, 1, 1]}
OTHERS = {"input_size": 224, "resize": 256, "interpolation": "bilinear", "mean": [0, 0, 0], "std": [1, 1, 1]}


def _sidecar(content: bytes, folder: Path) -> str:
    path = folder / "net.onnx"
    path.write_bytes(b"net")
    path.with_name("net.onnx.json").write_bytes(content)
    _loaded(path, nn.Identity(), differentiable=False)
    return "loaded"


PARSERS = {
    "checkpoints .pth": Parser(st.tuples(st.just(".pth"), TORCH), _read, (RunError,)),
    "checkpoints .safetensors": Parser(st.tuples(st.just(".safetensors"), SAFE), _read, (RunError,)),
    "checkpoint contents": Parser(_contents, _unwrapped, (RunError,)),
    "sidecars of networks": Parser(damaged_json([FACTS, OTHERS | {"crop_mode": "squash"}]), _sidecar, (UsageError,)),
}
