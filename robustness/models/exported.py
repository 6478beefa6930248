"""Networks that come as one file: ONNX (`model.onnx`, no gradients) and torch.export programs (`model.pt2`).

A sidecar `model.onnx.json` or `model.pt2.json` says, in timm's words, how the network wants its pictures.
"""

import hashlib
import importlib.util
import json
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import RunError, UsageError, first_line
from .model import Loaded, Weights, stated_preprocessing

ONNX, PROGRAM = ".onnx", ".pt2"
STATE_IT = (
    'write {"input_size": 224, "crop_pct": 0.875, "interpolation": "bicubic", "mean": […], "std": […]} into %s, '
    "with mean 0 and std 1 for a network that normalises by itself"
)


class OnnxModule(nn.Module):
    """An ONNX network as a module, on the CPU or on CUDA where onnxruntime can; it gives no gradients.

    Raises RuntimeError for a file that is no network with one input, and for pictures that it does not take.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        import onnxruntime  # an optional requirement
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        self.errors = (
            *(state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile),
            *(state.NotImplemented, state.RuntimeException),  # an operator that it lacks for such numbers
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=onnxruntime.get_available_providers())
        except self.errors as error:
            raise RuntimeError(str(error)) from error
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            raise RuntimeError(f"it has {len(inputs)} inputs, a classifier has one")
        self.input_name = inputs[0].name

    def forward(self, images: Tensor) -> Tensor:
        """Run the network: float32 [B,3,H,W] → its first output, on the images' device."""
        pixels = images.detach().float().contiguous().cpu().numpy()
        try:
            outputs = self.session.run(None, {self.input_name: pixels})
        except self.errors as error:
            raise RuntimeError(str(error)) from error
        return torch.from_numpy(outputs[0]).to(images.device)


def load_onnx(spec: str, weights: Weights) -> Loaded:
    """Load an ONNX file; raises UsageError for flags that it cannot take and RunError for a file that is none."""
    path = _checked(spec, weights)
    if importlib.util.find_spec("onnxruntime") is None:
        raise RunError(f"{spec} needs onnxruntime: pip install onnxruntime")
    try:
        module = OnnxModule(path)
    except RuntimeError as error:
        raise _unreadable(spec, "an ONNX network", error) from error
    return _loaded(path, module, differentiable=False)


def load_program(spec: str, weights: Weights) -> Loaded:
    """Load a program that torch.export saved; as its format may hold code, it must come from somebody you trust."""
    path = _checked(spec, weights)
    try:
        with zipfile.ZipFile(path):  # torch would log a page before it raised the same
            module = torch.export.load(path).module()
    except (RuntimeError, ValueError, KeyError, AssertionError, OSError, zipfile.BadZipFile) as error:
        raise _unreadable(spec, "a torch.export program", error) from error
    return _loaded(path, _Program(module), differentiable=True)


def _unreadable(spec: str, what: str, error: Exception) -> RunError:
    return RunError(f"{spec} cannot be loaded as {what}: {first_line(error)}")


class _Program(nn.Module):
    """A program behind the face of a module: it is in eval mode for good, and must not be told so again."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program
        for part in self.modules():
            part.training = False

    def train(self, mode: bool = True) -> "_Program":  # noqa: ARG002
        return self

    def forward(self, images: Tensor) -> Any:
        return self.program(images)


def _checked(spec: str, weights: Weights) -> Path:
    path = Path(spec)
    if not path.is_file():
        raise UsageError(f"{spec}: there is no such file")
    if not weights.pretrained:
        raise UsageError(f"{spec} has its weights inside; --checkpoint and --random-weights do not apply to it")
    return path


def _loaded(path: Path, module: nn.Module, *, differentiable: bool) -> Loaded:
    sidecar = path.with_name(path.name + ".json")
    try:
        facts = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.is_file() else {}
        if not isinstance(facts, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{sidecar} cannot be read as JSON: {error}") from error
    preprocessing = stated_preprocessing(facts, str(path), STATE_IT % sidecar.name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Loaded(module, preprocessing, path.stem, "file", path.name, "", digest, differentiable)
