"""What the command can list: models, suites, attacks, corruptions."""

from collections.abc import Callable

import timm

from .attacks import ATTACKS, defaults
from .corruptions import CORRUPTIONS
from .models import BUNDLED
from .options import Options
from .suites import SUITES

LISTINGS: dict[str, Callable[[], list[str]]] = {
    "list_models": lambda: [BUNDLED, *timm.list_models()],
    "list_suites": lambda: [f"{name}: {suite.about} ({suite.source})" for name, suite in SUITES.items()],
    "list_attacks": lambda: [f"{name}: {', '.join(defaults(name))}" for name in ATTACKS],
    "list_corruptions": lambda: list(CORRUPTIONS),
}


def asked_for(options: Options) -> list[str]:
    """Return the lines of all lists that were asked for; none if none was."""
    return [line for flag, lines in LISTINGS.items() if getattr(options, flag) for line in lines()]
