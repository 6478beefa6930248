"""What an attack is: a pure function from pixels to pixels that says nothing of its success.

The engine judges: it checks range and distance and asks the classifier afresh.
"""

import inspect
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from torch import Generator, Tensor

from ..condition import Condition, Value
from ..errors import UsageError
from ..registry import Registry
from .eps import as_pixels, canonical
from .goal import Goal, target_rule
from .norms import NORMS
from .victim import Victim

log = logging.getLogger(__name__)


class Perturbed(NamedTuple):
    """images: float [B,3,H,W] in [0,1]; forward, backward: passes that each image took, int64 [B].

    An attack with a radius leaves every image within it. One that seeks the nearest adversarial image returns that, or
    the original where it found none.
    """

    images: Tensor
    forward: Tensor
    backward: Tensor


class Attack(Protocol):
    """Perturb images [B,3,H,W] in [0,1], none of which is at its goal yet, with one CPU generator an image.

    Whatever image reached its goal on the way counts, not the last one alone; where another network decides, the last
    one or the one of highest loss.
    """

    def __call__(self, victim: Victim, images: Tensor, goal: Goal, generators: Sequence[Generator], /) -> Perturbed:
        """Return the perturbed images and what they cost; never changes its arguments."""


# Each entry takes an Attack's four arguments and, by keyword only, parameters with defaults: `norm`, and `eps` unless
# it seeks the nearest adversarial image.
ATTACKS: Registry[Callable[..., Perturbed]] = Registry("attack")
GRADIENT_FREE: set[str] = set()  # the names of those that ask for no gradient; each adds its own
# The names of those that search for the first image at its goal, or the nearest; each adds its own. What they find lies
# at the boundary of the network that they see, and hardly transfers to another.
AT_THE_BOUNDARY: set[str] = set()
HAS_NORMS: dict[str, tuple[str, ...]] = {}  # the norms of those that lack some; each adds its own
ALWAYS_SHOWN = ("norm", "eps", "steps")
ABOUT_MODELS = ("targeted", "surrogate")  # parameters of a condition that are no attack's own
LENGTHS = ("eps", "step_size")  # parameters in pixel units


def defaults(name: str) -> dict[str, Any]:
    """Return the parameters of attack `name` with their default values; raises UsageError for an unknown name."""
    signature = inspect.signature(ATTACKS[name])
    return {key: p.default for key, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY}


def check_norm(name: str, norm: str) -> None:
    """Raise UsageError for a norm that attack `name` lacks, or that there is not."""
    NORMS[norm]
    own = HAS_NORMS.get(name, tuple(NORMS))
    if norm not in own:
        raise UsageError(f"attack {name} has no norm {norm}; it has {' and '.join(own)}; pgd has all")


def attack_condition(name: str, *, targeted: str = "", surrogate: str = "", **given: Value) -> Condition:
    """Describe attack `name` with the given parameters and defaults for the rest.

    targeted: the rule by which targets are chosen; surrogate: the model that the attack is made on. Parameters other
    than norm, eps and steps are written only where they differ from the default. Raises UsageError for a parameter that
    the attack does not have, a norm that it lacks, and a value that makes no sense.
    """
    known = defaults(name)
    if targeted:
        target_rule(targeted)
    if surrogate and name in AT_THE_BOUNDARY:
        log.warning("%s stops where the surrogate is fooled, which hardly transfers; mifgsm and pgd go on", name)
    strange = sorted(set(given) - set(known))
    if strange:
        raise UsageError(f"attack {name} has no parameter {', '.join(strange)}; it has {', '.join(known)}")
    values = {**known, **given}
    for count in {"steps", "restarts"} & set(values):
        if int(values[count]) < 1:
            raise UsageError(f"{count} {values[count]} of attack {name} is not at least 1")
    if surrogate and int(values.get("restarts", 1)) > 1:
        raise UsageError("--restarts is no use with --surrogate, which cannot tell the better one; leave it out")
    step, eps = values.get("step_size"), values.get("eps")
    if step and eps and as_pixels(str(step)) > as_pixels(str(eps)):
        log.warning("%s: the step %s is longer than eps %s", name, step, eps)
    norm = str(values.get("norm", "linf"))
    check_norm(name, norm)
    written = {key: canonical(str(value), norm) if key in LENGTHS and value else value for key, value in values.items()}
    shown = [(key, value) for key, value in written.items() if key in ALWAYS_SHOWN or values[key] != known[key]]
    about = [(key, value) for key, value in (("targeted", targeted), ("surrogate", surrogate)) if value]
    return Condition("attack", name, (*shown, *about))


def build(condition: Condition) -> Attack:
    """Make the attack that `condition` describes."""
    values: dict[str, Any] = {key: value for key, value in condition.params if key not in ABOUT_MODELS}
    return partial(ATTACKS[condition.name], **{k: as_pixels(v) if k in LENGTHS else v for k, v in values.items()})
