"""Convolutions of a frozen network on a CPU: laid out once as oneDNN wants them, with the activation behind them.

By itself torch has oneDNN lay out the weights at every call, and goes through what a convolution gives once more for
the activation, which oneDNN can apply while values are in cache. torch offers both to its compiler alone, as operators
without a gradient; where one is wanted, convolution and activation are two steps, as before. The values are the same
either way.

With a gradient torch keeps 1 × 1 kernels from oneDNN where a thread has less than 16 images, unless they are dilated,
which changes nothing of a single point. So they are: passes of 8 images take a third less time (AMD EPYC, one thread).
"""

from dataclasses import dataclass
from typing import TypeGuard, cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from .folding import UNTRACEABLE, FoldedBatchNorm2d, traced
from .input_shapes import input_shapes

# For each activation, what the operator calls it and the numbers that it wants. Exact types: subclasses may do more.
ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.Identity: ("none", []),
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Weights as oneDNN wants them; all copies of a network have them in common."""

    weight: Tensor

    def __deepcopy__(self, _memo: object) -> "Layout":
        """Return itself."""
        return self


class FrozenConv2d(nn.Conv2d):
    """A convolution with the activation that follows it; made of a plain one and no other padding than zeros."""

    activation: nn.Module
    layout: Layout

    def forward(self, images: Tensor) -> Tensor:
        """Convolve and activate."""
        if images.dtype != torch.float32 or (torch.is_grad_enabled() and images.requires_grad):
            dilation = (2, 2) if self.kernel_size == (1, 1) else self.dilation
            convolved = F.conv2d(images, self.weight, self.bias, self.stride, self.padding, dilation, self.groups)
            activated: Tensor = self.activation(convolved)
            return activated
        name, numbers = ACTIVATIONS[type(self.activation)]
        steps = self.padding, self.stride, self.dilation, self.groups
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
            images, self.layout.weight, self.bias, *steps, name, numbers, ""
        )
        return fused


def freeze_convolutions(module: nn.Module, images: Tensor) -> int:
    """Lay out the weights of plain convolutions, and have them apply the ReLUs behind; returns how many.

    module: frozen, in float32 and eval mode; such convolutions get the class `FrozenConv2d`, and an identity stands
    where their activation was. It is called once with `images` [B,3,H,W], of the size that it will be called with. 0
    where this torch has no such operators.
    """
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (available and hasattr(torch.ops.mkldnn, "_convolution_pointwise")):
        return 0
    plain = [part for part in module.modules() if _plain(part)]
    if not plain:
        return 0
    try:
        found = _found(traced(module), dict(module.named_modules()))
    except UNTRACEABLE:
        found = []  # folding has said so
    shapes = input_shapes(module, plain, images)
    for convolution, (shape, *_) in shapes.items():
        _freeze(convolution, shape)
    for convolution, owner, name in found:
        if convolution in shapes:
            convolution.activation = getattr(owner, name)
            setattr(owner, name, nn.Identity().eval())
    return len(shapes)


def _freeze(convolution: nn.Conv2d, shape: torch.Size) -> None:
    """Lay out the weights for images of that shape; for batches of other sizes the layout does as well."""
    convolution.__class__ = FrozenConv2d
    frozen = cast(FrozenConv2d, convolution)
    steps = frozen.padding, frozen.stride, frozen.dilation, frozen.groups
    frozen.layout = Layout(torch.ops.mkldnn._reorder_convolution_weight(frozen.weight, *steps, list(shape)))
    frozen.activation = nn.Identity().eval()


def _found(graph: fx.Graph, modules: dict[str, nn.Module]) -> list[tuple[nn.Conv2d, nn.Module, str]]:
    """Find each convolution whose output goes to a ReLU alone, with that one's owner and name there."""
    calls = [node for node in graph.nodes if node.op == "call_module"]
    called = [node.target for node in calls]
    found = []
    for first in calls:
        names = [str(node.target) for node in _chain(first, modules)]
        parts = [modules[name] for name in names]
        convolution, activation = parts[0], parts[-1]
        alone = all(called.count(name) == 1 for name in names)
        hooked = any(part._forward_hooks or part._forward_pre_hooks for part in parts)
        if _plain(convolution) and type(activation) in (nn.ReLU, nn.ReLU6) and alone and not hooked:
            owner, _, name = names[-1].rpartition(".")
            found.append((convolution, modules[owner], name))
    return found


def _chain(node: fx.Node, modules: dict[str, nn.Module]) -> list[fx.Node]:
    """Follow what a module gives through those that hand it on, to one that does not, or to where it is used twice."""
    chain = [node]
    while len(chain) == 1 or type(modules[str(node.target)]) in (nn.Identity, FoldedBatchNorm2d):
        if len(node.users) != 1 or (node := next(iter(node.users))).op != "call_module":
            break
        chain.append(node)
    return chain


def _plain(convolution: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether this is torch's own convolution, padded by a number of zeros."""
    return (
        type(convolution) is nn.Conv2d
        and convolution.padding_mode == "zeros"
        and not isinstance(convolution.padding, str)
        and "weight" in dict(convolution.named_parameters(recurse=False))  # torch's old weight_norm computes it
    )
