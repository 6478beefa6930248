"""A classifier is a function from pixels in [0, 1] to logits; all that is the model's own stays inside it.

Attacks and corruptions therefore never meet a normalised image, the mistake that makes `eps=4/255` mean four
different things in four repositories.
"""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pickle import PickleError
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .acceleration import AUTOCAST, Precision, accelerate
from .errors import RunError
from .folding import sharing

__all__ = ["Classifier", "ModuleClassifier", "Precision", "Preprocessing", "batches_of", "refuse_not_finite"]

Classifier = Callable[[Tensor], Tensor]  # float [B,3,H,W] in [0,1] → logits [B,K]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a model wants its pictures.

    resize: length in pixels that the short side (both sides in mode "squash") is resized to before the centre crop to
    input_size × input_size. mean, std: per channel, for pixels in [0, 1].
    """

    input_size: int
    resize: int
    interpolation: str
    mode: Literal["center", "squash"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class ModuleClassifier:
    """A torch module as a `Classifier`: frozen, in eval mode, with its normalisation and precision inside.

    The module is taken over and changed (see `accelerate`): take its weights' hash before. Parameters take no
    gradient; the input does, if the caller asks for one. Pictures of another size than the model's are resized to it
    (differentiably, antialiased): corrupted ImageNet comes at 224 px whatever the model wants.

    It may be called by several threads at once: as a module may keep what it sees, each then has a copy, which shares
    the weights. For a module that cannot be copied they take turns.

    accelerated: the network as it is called, and what was done to it.
    """

    def __init__(
        self,
        module: nn.Module,
        preprocessing: Preprocessing,
        device: torch.device,
        precision: Precision,
        compiled: bool = False,
    ) -> None:
        self.preprocessing = preprocessing
        self.device = device
        self.autocast = AUTOCAST.get(precision)
        self.accelerated = accelerate(module, preprocessing.input_size, device, precision, compiled)
        self.module = self.accelerated.module
        self._template = None if compiled else copied(self.module)  # never called, so that copies begin as it did
        self._idle, self._turn = [self.module], threading.Lock()
        with torch.inference_mode(False):  # the gradient of the pixels needs the deviation
            self.mean = torch.tensor(preprocessing.mean, device=device).view(1, 3, 1, 1)
            self.std = torch.tensor(preprocessing.std, device=device).view(1, 3, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 logits [B,K] for float images [B,3,H,W] in [0,1].

        Raises RunError when the module answers with anything but one tensor [B,K].
        """
        size = self.preprocessing.input_size
        if images.shape[-2:] != (size, size):
            mode = "bilinear" if self.preprocessing.interpolation == "bilinear" else "bicubic"
            images = F.interpolate(images, (size, size), mode=mode, antialias=True).clamp(0, 1)
        # in place where nothing is lost, and in the caller's memory format until the end: a third of the time
        images = (images - self.mean).div_(self.std).contiguous(memory_format=self.accelerated.memory_format)
        with (
            torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None),
            self._taken() as module,
        ):
            logits = module(images)
        return checked(logits, len(images))

    @contextmanager
    def _taken(self) -> Iterator[nn.Module]:
        """Lend a copy of the module that nobody else is using."""
        if self._template is None:
            with self._turn:
                yield self.module
            return
        try:
            module = self._idle.pop()
        except IndexError:
            with torch.inference_mode(False):  # or what the copy has of tensors could not be differentiated through
                module = sharing(self._template)
        try:
            yield module
        finally:
            self._idle.append(module)


def copied(module: nn.Module) -> nn.Module | None:
    """Copy a module but for its weights; None for one that has what Python cannot copy, as locks and open files."""
    try:
        with torch.inference_mode(False):
            return sharing(module)
    except (TypeError, NotImplementedError, RuntimeError, AttributeError, ValueError, copy.Error, PickleError):
        return None


def batches_of(images: Tensor, size: int) -> Iterator[Tensor]:
    """Cut images [B,...] into batches of `size`, the last one shorter."""
    return (images[start : start + size] for start in range(0, len(images), size))


def checked(logits: object, batch: int) -> Tensor:
    """Return `logits` as float32 [batch,K]; raise RunError when they are something else."""
    if not isinstance(logits, Tensor):
        raise RunError(f"the model returns a {type(logits).__name__}; a classifier returns one tensor of logits")
    if logits.ndim != 2 or len(logits) != batch:
        raise RunError(f"the model returns shape {tuple(logits.shape)} for {batch} images; logits are [{batch}, K]")
    return logits.float()


def refuse_not_finite(logits: Tensor) -> Tensor:
    """Return the logits; raises RunError when one is not finite. Waits for the device."""
    if not bool(torch.isfinite(logits).all()):
        raise RunError("the model returns logits that are not finite")
    return logits
