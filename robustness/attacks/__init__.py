"""Adversarial attacks, each in one file that reads like its paper. Importing the package registers them."""

from . import (  # noqa: F401 - importing registers
    apgd,
    autoattack,
    cw,
    deepfool,
    fab,
    fgsm,
    fmn,
    mifgsm,
    noise,
    patch,
    pgd,
    spatial,
    square,
)
from .attack import (
    ABOUT_MODELS,
    AT_THE_BOUNDARY,
    ATTACKS,
    GRADIENT_FREE,
    Attack,
    Perturbed,
    attack_condition,
    build,
    defaults,
)
from .eight_bits import rounded_to_8_bits
from .eps import as_pixels, canonical
from .goal import TARGET_RULES, Goal, target_rule
from .norms import NORMS
from .victim import Victim
from .worst_case import MOST_TARGETS

__all__ = [
    "ABOUT_MODELS",
    "ATTACKS",
    "AT_THE_BOUNDARY",
    "GRADIENT_FREE",
    "MOST_TARGETS",
    "NORMS",
    "TARGET_RULES",
    "Attack",
    "Goal",
    "Perturbed",
    "Victim",
    "as_pixels",
    "attack_condition",
    "build",
    "canonical",
    "defaults",
    "rounded_to_8_bits",
    "target_rule",
]
