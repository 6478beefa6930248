"""Adversarial attacks, each in one file that reads like its paper. Importing the package registers them."""

from . import apgd, autoattack, fab, fgsm, mifgsm, noise, patch, pgd, spatial, square  # noqa: F401 - importing registers
from .attack import ATTACKS, GRADIENT_FREE, Attack, Perturbed, attack_condition, build, defaults
from .eight_bits import rounded_to_8_bits
from .eps import as_pixels, canonical
from .goal import TARGET_RULES, Goal, target_rule
from .norms import NORMS
from .victim import Victim

__all__ = [
    "ATTACKS",
    "GRADIENT_FREE",
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
