"""Batch normalisation of a frozen network, folded into the convolutions in front of it.

In eval mode a batch norm is one factor and one summand per channel, which a convolution can carry in its weights
(Jacob et al., CVPR 2018, arXiv:1712.05877, section 3.2). Logits and gradients stay, up to rounding.
"""

import copy
import logging

from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

log = logging.getLogger(__name__)

# Exact types: a subclass may do anything with its weights (standardise them, say).
CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
# What code of any origin may raise that meets a placeholder where it expects a tensor; fx.TraceError is a ValueError.
UNTRACEABLE = (ValueError, TypeError, AttributeError, RuntimeError, LookupError, NameError, AssertionError)


class FoldedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm whose arithmetic is done by the convolution in front of it."""

    def forward(self, images: Tensor) -> Tensor:
        """Hand the images on."""
        return images


class FoldedBatchNormAct2d(BatchNormAct2d):  # type: ignore[misc]
    """timm's batch norm with activation, of which the activation is left."""

    def forward(self, images: Tensor) -> Tensor:
        """Apply what comes after the norm."""
        activated: Tensor = self.act(self.drop(images))
        return activated


FOLDED: dict[type[nn.BatchNorm2d], type[nn.BatchNorm2d]] = {
    nn.BatchNorm2d: FoldedBatchNorm2d,
    BatchNormAct2d: FoldedBatchNormAct2d,
}


def fold_batch_norms(module: nn.Module) -> int:
    """Fold the batch norms of `module`, in eval mode, into the convolutions in front of them; returns how many.

    `module` is changed: such convolutions get new weights and a bias, such norms the class `FoldedBatchNorm2d` or
    `FoldedBatchNormAct2d`. It keeps its other modules, and its names. A network that torch.fx cannot trace is left
    as it is, with a warning in the log: it gives the same answers, more slowly.
    """
    if not any(type(part) in FOLDED for part in module.modules()):
        return 0
    try:
        graph = traced(module)
    except UNTRACEABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        log.warning("the batch norms of %s are not folded, as it cannot be traced: %s", type(module).__name__, reason)
        return 0
    pairs = _pairs(graph, dict(module.named_modules()))
    for convolution, norm in pairs:
        _fold(convolution, norm)
    return len(pairs)


class _Tracer(fx.Tracer):
    """Looks into modules that have modules inside; what the others do is their own business."""

    def is_leaf_module(self, part: nn.Module, qualified_name: str) -> bool:
        """Stop at modules without children, at norms that have an activation inside, and at all of torch's own."""
        return type(part) in FOLDED or not any(part.children()) or super().is_leaf_module(part, qualified_name)


def traced(module: nn.Module) -> fx.Graph:
    """Trace a copy, as a network may keep what it sees."""
    return _Tracer().trace(sharing(module))


def sharing(module: nn.Module) -> nn.Module:
    """Copy a module, but for its parameters and buffers, which the copy shares."""
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, shared)


def _pairs(graph: fx.Graph, modules: dict[str, nn.Module]) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Find each norm that alone reads a convolution's output, where neither is used in any other way."""
    calls = [node for node in graph.nodes if node.op == "call_module"]
    called = [node.target for node in calls]
    # a parameter that is read by itself must keep its value
    read = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    pairs = []
    for node in calls:
        source = node.args[0] if node.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module" or list(source.users) != [node]:
            continue
        names = (str(source.target), str(node.target))
        convolution, norm = (modules[name] for name in names)
        alone = all(called.count(name) == 1 and name not in read for name in names)
        if alone and isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            pairs.append((convolution, norm))
    return [pair for pair in pairs if _foldable(*pair)]


def _foldable(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> bool:
    """Whether these are a plain convolution and a plain norm with fixed statistics, without hooks."""
    return (
        type(convolution) in CONVOLUTIONS
        and type(norm) in FOLDED
        and "weight" in dict(convolution.named_parameters(recurse=False))  # torch's old weight_norm computes it
        and "running_mean" in dict(norm.named_buffers(recurse=False))
        and not norm.training
        and not any(part._forward_hooks or part._forward_pre_hooks for part in (convolution, norm))
    )


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    statistics = dict(norm.named_buffers(recurse=False))
    mean, variance = statistics["running_mean"], statistics["running_var"]
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
    norm.__class__ = FOLDED[type(norm)]
