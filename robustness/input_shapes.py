"""What the layers of a network are called with."""

from collections.abc import Iterable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

Layer = TypeVar("Layer", bound=nn.Module)


def input_shapes(module: nn.Module, layers: Iterable[Layer], images: Tensor) -> dict[Layer, list[torch.Size]]:
    """Call `module` with `images` once; returns the shape of each layer's first input at each of its calls.

    Layers that are not called are left out, as are inputs that are given by name.
    """
    shapes: dict[Layer, list[torch.Size]] = {}

    def note(layer: Layer, _module: nn.Module, inputs: tuple[object, ...]) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            shapes.setdefault(layer, []).append(inputs[0].shape)

    hooks = [layer.register_forward_pre_hook(partial(note, layer)) for layer in layers]
    try:
        with torch.no_grad():
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes
