"""A network that a function of one's own hands out, as one that may be changed: to be made fast, it is."""

import copy
import io
import pickle
from typing import Any
from weakref import WeakSet

from torch import Tensor, nn

from ..errors import UsageError

TAKEN: WeakSet[nn.Module] = WeakSet()  # the parts with numbers of networks that could not be copied


class _WithoutTensors(pickle.Pickler):
    def persistent_id(self, part: Any) -> str | None:
        return "tensor" if isinstance(part, Tensor) else None


def taken_over(network: nn.Module, spec: str) -> nn.Module:
    """Return a copy of a network, as the function may hand the same one, or a part of it, out again.

    What cannot be pickled, such as a function within a function, may hold on to the network that it was made for: it
    cannot be copied, and is taken as it is. Raises UsageError when such a one is handed out again.
    """
    parts = {part for part in network.modules() if part.state_dict()}
    if not parts.isdisjoint(TAKEN):
        raise UsageError(
            f"{spec} returns a network that it, or another, returned before, and that has been changed since, as it "
            f"cannot be copied; have the function build a new one at each call"
        )
    try:
        _WithoutTensors(io.BytesIO()).dump(network)
        return copy.deepcopy(network)
    except (pickle.PickleError, AttributeError, LookupError, TypeError, ValueError, RuntimeError):
        TAKEN.update(parts)
        return network
