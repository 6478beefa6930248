"""The networks that are measured: ours, and timm's own with the same weights."""

import timm
import torch
from torch import Tensor, nn

import pit
from robustness.classifier import Preprocessing
from robustness.models import BUNDLED
from robustness.models.bundled import load_bundled
from robustness.models.model import Weights


class Normalised(nn.Module):
    """A network with its normalisation in front."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels in [0, 1] to logits."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def networks(name: str) -> tuple[nn.Module, nn.Module, Preprocessing]:
    """Make our network and timm's with the same weights: trained for the bundled model, else random from one seed."""
    if name == BUNDLED:
        ours, theirs = (load_bundled(BUNDLED, Weights()) for _ in range(2))
        return ours.module, theirs.module, ours.preprocessing
    torch.manual_seed(0)
    ours_module, theirs_module = (
        timm.create_model(name),
        timm.create_model(f"{name}_224" if name in pit.CONFIGS else name),
    )
    randomise_statistics(theirs_module)
    state = theirs_module.state_dict()
    ours_module.load_state_dict(pit.official_layout(state) if name in pit.CONFIGS else state)
    cfg = theirs_module.pretrained_cfg
    size = cfg["input_size"][-1]
    resize = round(size / cfg["crop_pct"])
    return ours_module, theirs_module, Preprocessing(size, resize, "bicubic", "center", cfg["mean"], cfg["std"])


def randomise_statistics(module: nn.Module) -> None:
    """Give batch norms statistics and factors that are not 0 and 1, else folding them would prove nothing."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            statistics_of = dict(norm.named_buffers())
            nn.init.normal_(statistics_of["running_mean"], 0, 0.1)
            nn.init.uniform_(statistics_of["running_var"], 0.5, 1.5)
            nn.init.uniform_(norm.weight, 0.4, 1.0)  # residual branches must not explode
            nn.init.normal_(norm.bias, 0, 0.1)
