"""Adversarial attacks, each in one file that reads like its paper. Importing the package registers them."""

from . import fgsm, pgd
from .attack import ATTACKS, Attack, Perturbed, attack_condition, build, defaults
from .eps import as_pixels, canonical
from .norms import NORMS

__all__ = [
    "ATTACKS",
    "NORMS",
    "Attack",
    "Perturbed",
    "as_pixels",
    "attack_condition",
    "build",
    "canonical",
    "defaults",
    "fgsm",
    "pgd",
]
