"""What an attack is: a pure function from pixels to pixels that says nothing of its success.

The engine judges: it checks range and distance and asks the classifier afresh.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from torch import Generator, Tensor

from ..classifier import Classifier
from ..condition import Condition, Value
from ..errors import UsageError
from ..registry import Registry
from .eps import as_pixels, canonical


class Perturbed(NamedTuple):
    """images: float [B,3,H,W] in [0,1], within eps of the originals. queries: forward passes per image, int64 [B]."""

    images: Tensor
    queries: Tensor


class Attack(Protocol):
    """Perturb images [B,3,H,W] in [0,1], all classified right as labels [B], with one CPU generator an image."""

    def __call__(
        self, classifier: Classifier, images: Tensor, labels: Tensor, generators: Sequence[Generator], /
    ) -> Perturbed:
        """Return the perturbed images and what they cost; never changes its arguments."""


# Each entry takes an Attack's four arguments and, by keyword only, parameters with defaults, `norm` and `eps` among
# them.
ATTACKS: Registry[Callable[..., Perturbed]] = Registry("attack")
ALWAYS_SHOWN = ("norm", "eps", "steps")
LENGTHS = ("eps", "step_size")  # parameters in pixel units


def defaults(name: str) -> dict[str, Any]:
    """Return the parameters of attack `name` with their default values; raises UsageError for an unknown name."""
    signature = inspect.signature(ATTACKS[name])
    return {key: p.default for key, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY}


def attack_condition(name: str, **given: Value) -> Condition:
    """Describe attack `name` with the given parameters and defaults for the rest.

    Parameters other than norm, eps and steps are written only where they differ from the default. Raises UsageError
    for a parameter that the attack does not have, and for a value that makes no sense.
    """
    known = defaults(name)
    strange = sorted(set(given) - set(known))
    if strange:
        raise UsageError(f"attack {name} has no parameter {', '.join(strange)}; it has {', '.join(known)}")
    values = {**known, **given}
    for count in {"steps", "restarts"} & set(values):
        if int(values[count]) < 1:
            raise UsageError(f"{count} {values[count]} of attack {name} is not at least 1")
    norm = str(values["norm"])
    written = {key: canonical(str(value), norm) if key in LENGTHS and value else value for key, value in values.items()}
    shown = [(key, value) for key, value in written.items() if key in ALWAYS_SHOWN or values[key] != known[key]]
    return Condition("attack", name, tuple(shown))


def build(condition: Condition) -> Attack:
    """Make the attack that `condition` describes."""
    values: dict[str, Any] = dict(condition.params)
    return partial(ATTACKS[condition.name], **{k: as_pixels(v) if k in LENGTHS else v for k, v in values.items()})
