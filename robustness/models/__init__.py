"""From a model spec to a classifier over ImageNet-1k, with the provenance of its weights.

Weights are trained ones (from the hub, from a file, or bundled) unless random ones are asked for by name.
"""

from collections.abc import Callable

import torch
from timm.data import ImageNetInfo

from ..checkpoints import weights_hash
from ..classifier import ModuleClassifier, Precision, Preprocessing
from ..errors import RunError, UsageError, first_line
from .bundled import BUNDLED, load_bundled
from .exported import ONNX, PROGRAM, load_onnx, load_program
from .label_space import IMAGENET_1K, Restricted, columns_of, label_space_of
from .model import Loaded, Model, Provenance, Weights
from .own_code import load_own_code
from .timm_models import HUB, LOCAL, load_timm
from .torchvision_models import SCHEME, load_torchvision

__all__ = ["BUNDLED", "Model", "Preprocessing", "Provenance", "Weights", "resolve"]

Loader = Callable[[str, Weights], Loaded]
PREFIXES: dict[str, Loader] = {HUB: load_timm, LOCAL: load_timm, SCHEME: load_torchvision}
SUFFIXES: dict[str, Loader] = {ONNX: load_onnx, PROGRAM: load_program}


def resolve(
    spec: str,
    weights: Weights = Weights(),  # noqa: B008 (frozen)
    device: torch.device | None = None,
    precision: Precision = "fp32",
    compiled: bool = False,
) -> Model:
    """Make the classifier that `spec` names.

    spec: `efficientnet_lite0` (bundled weights), a timm name with or without tag, `hf-hub:org/name[@revision]`,
    `local-dir:PATH`, `torchvision:name[.TAG]`, `file.py:function`, `package.module:function`, `file.onnx`, `file.pt2`.
    device: where it runs, the CPU by default. precision: of its arithmetic. compiled: by torch.compile.
    Raises UsageError for a spec that cannot be used and RunError for weights that cannot be had or do not fit.
    """
    if weights.checkpoint is not None and weights.random:
        raise UsageError("--checkpoint and --random-weights exclude each other")
    loaded = loader_of(spec)(spec, weights)
    outputs = _outputs(loaded, spec)
    label_space = label_space_of(outputs, spec)
    columns = columns_of(label_space)
    names = ImageNetInfo(IMAGENET_1K)
    provenance = Provenance(
        spec=spec,
        name=f"{spec} (random weights)" if weights.random else spec,
        architecture=loaded.architecture,
        source=loaded.source,
        file=loaded.file,
        revision=loaded.revision,
        weights_sha256=loaded.weights_sha256 or weights_hash(loaded.module),
        random_weights=weights.random,
        parameters=sum(parameter.numel() for parameter in loaded.module.parameters()),
        classes=outputs,
        label_space=label_space,
        unanswered=tuple(names.index_to_label_name(i) for i, column in enumerate(columns) if column is None),
    )
    network = loaded.module if label_space == IMAGENET_1K else Restricted(loaded.module, columns)
    classifier = ModuleClassifier(network, loaded.preprocessing, device or torch.device("cpu"), precision, compiled)
    return Model(classifier, loaded.preprocessing, provenance, loaded.differentiable)


def loader_of(spec: str) -> Loader:
    """Find who loads a spec of this form."""
    if spec == BUNDLED:
        return load_bundled
    for prefix, loader in PREFIXES.items():
        if spec.startswith(prefix):
            return loader
    for suffix, loader in SUFFIXES.items():
        if spec.endswith(suffix):
            return loader
    return load_own_code if ":" in spec else load_timm


def _outputs(loaded: Loaded, spec: str) -> int:
    """Count the outputs with two black pictures; a network that cannot take two at once is found here too."""
    size = loaded.preprocessing.input_size
    module = loaded.module.eval()
    try:
        with torch.no_grad():  # what a network caches at its first call meets autograd later
            logits = module(torch.zeros(2, 3, size, size))
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        reason = first_line(error)
        raise RunError(f"{spec} cannot classify two pictures of {size}×{size} pixels at once: {reason}") from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != 2:
        what = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise RunError(f"{spec} answers two pictures with {what}; a classifier answers with one tensor [2, K]")
    return int(logits.shape[1])
