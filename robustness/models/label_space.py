"""From a network's outputs to the 1000 classes of ImageNet-1k, for networks trained on a larger ImageNet."""

import torch
from timm.data import ImageNetInfo, infer_imagenet_subset
from torch import Tensor, nn

from ..errors import UsageError
from ..scoring import CLASSES, NEVER

IMAGENET_1K = "imagenet-1k"


def label_space_of(outputs: int, spec: str) -> str:
    """Name the label space of a network by the number of its outputs, as timm knows them.

    Raises UsageError when it is none that contains ImageNet-1k.
    """
    subset = IMAGENET_1K if outputs == CLASSES else infer_imagenet_subset({"num_classes": outputs})
    if subset is None:
        raise UsageError(
            f"{spec} has {outputs} outputs, which are not known to contain the 1000 classes of ImageNet-1k"
        )
    return str(subset)


def columns_of(label_space: str) -> tuple[int | None, ...]:
    """For each of the 1000 classes: which output of `label_space` stands for it, None if there is none."""
    theirs = ImageNetInfo(label_space)
    position = {theirs.index_to_label_name(i): i for i in range(theirs.num_classes())}
    ours = ImageNetInfo(IMAGENET_1K)
    return tuple(position.get(ours.index_to_label_name(i)) for i in range(CLASSES))


class Restricted(nn.Module):
    """A network whose outputs are cut down to ImageNet-1k; classes that it does not know are never predicted."""

    columns: Tensor
    unknown: Tensor

    def __init__(self, network: nn.Module, columns: tuple[int | None, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("columns", torch.tensor([column or 0 for column in columns]))
        self.register_buffer("unknown", torch.tensor([column is None for column in columns]))

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised pixels [B,3,H,W] to logits [B,1000]."""
        logits: Tensor = self.network(images)[:, self.columns]
        return logits.masked_fill(self.unknown, NEVER)
