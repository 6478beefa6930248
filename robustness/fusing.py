"""Activations of a frozen network on a CPU, applied by the convolutions in front of them while values are in cache.

oneDNN can end a convolution with a ReLU. torch offers that to its compiler alone, as an operator without a gradient, so
where one is wanted convolution and activation are two steps, as before. The values are the same either way.
"""

from typing import TypeGuard

import torch
from torch import Tensor, fx, nn

from .folding import UNTRACEABLE, FoldedBatchNorm2d, traced

# For each activation, what the operator calls it and the numbers that it wants. Exact types: subclasses may do more.
ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
}


class ActivatedConv2d(nn.Conv2d):
    """A convolution with the activation that follows it; made of a plain one and no other padding than zeros."""

    activation: nn.Module

    def forward(self, images: Tensor) -> Tensor:
        """Convolve and activate."""
        if images.dtype != torch.float32 or (torch.is_grad_enabled() and images.requires_grad):
            activated: Tensor = self.activation(super().forward(images))
            return activated
        name, numbers = ACTIVATIONS[type(self.activation)]
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
            images, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups, name, numbers, ""
        )
        return fused


def fuse_activations(module: nn.Module) -> int:
    """Have the convolutions of `module`, frozen and in eval mode, apply the ReLUs behind them; returns how many.

    `module` is changed: such convolutions get the class `ActivatedConv2d`, and an identity stands where their
    activation was. 0 where this torch has no such operator, or cannot trace the network.
    """
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (available and hasattr(torch.ops.mkldnn, "_convolution_pointwise")):
        return 0
    if not any(type(part) in ACTIVATIONS for part in module.modules()):
        return 0
    try:
        graph = traced(module)
    except UNTRACEABLE:
        return 0  # folding has said so
    found = _found(graph, dict(module.named_modules()))
    for convolution, owner, name in found:
        convolution.__class__ = ActivatedConv2d
        convolution.activation = getattr(owner, name)
        setattr(owner, name, nn.Identity().eval())
    return len(found)


def _found(graph: fx.Graph, modules: dict[str, nn.Module]) -> list[tuple[nn.Conv2d, nn.Module, str]]:
    """Find each convolution whose output goes to an activation alone, with that one's owner and name there."""
    calls = [node for node in graph.nodes if node.op == "call_module"]
    called = [node.target for node in calls]
    found = []
    for first in calls:
        names = [str(node.target) for node in _chain(first, modules)]
        parts = [modules[name] for name in names]
        convolution, activation = parts[0], parts[-1]
        alone = all(called.count(name) == 1 for name in names)
        hooked = any(part._forward_hooks or part._forward_pre_hooks for part in parts)
        if _plain(convolution) and type(activation) in ACTIVATIONS and alone and not hooked:
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
