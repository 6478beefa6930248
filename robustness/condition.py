"""What is measured, as data: a condition is one column of the results."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["clean", "stored", "challenge", "corruption", "attack"]
Value = str | int | float


@dataclass(frozen=True, slots=True)
class Condition:
    """One treatment of the images, fully described by plain values.

    kind: "clean" images are as their data set has them, and so are "stored" ones, which somebody treated before: a
    published corruption, a variation of the background. The others are made here; "challenge" is every foreground on
    the worst of all backgrounds.

    params: (name, value) pairs in the order in which they are written, e.g. (("severity", 3),) for a corruption or
    (("norm", "linf"), ("eps", "4/255"), ("steps", 40)) for an attack.
    """

    kind: Kind
    name: str
    params: tuple[tuple[str, Value], ...] = ()

    @property
    def key(self) -> str:
        """The canonical string that seeds and attack records use, e.g. `pgd(norm=linf,eps=4/255,steps=40)`."""
        inner = ",".join(f"{name}={value}" for name, value in self.params)
        return f"{self.name}({inner})" if inner else self.name

    @property
    def severity(self) -> int | None:
        """The severity 1-5 of a corruption, made here or stored; None for anything else."""
        value = dict(self.params).get("severity")
        return value if isinstance(value, int) else None

    @property
    def label(self) -> str:
        """What a record's `condition` column holds: a corruption's bare name, or the key of anything else."""
        return self.name if self.kind in ("corruption", "stored") else self.key


CLEAN = Condition("clean", "clean")
CHALLENGE = Condition("challenge", "challenge")


def corruption(name: str, severity: int) -> Condition:
    """Describe `name` at `severity` (1-5)."""
    return Condition("corruption", name, (("severity", severity),))


def stored(name: str, severity: int | None = None) -> Condition:
    """Describe images that lie ready under `name`, a corruption's at a severity of 1-5."""
    return Condition("stored", name, () if severity is None else (("severity", severity),))


def parse(key: str) -> tuple[str, dict[str, str]]:
    """Take a condition's key apart: `pgd(norm=linf,eps=4/255)` → ("pgd", {"norm": "linf", "eps": "4/255"}).

    Raises ValueError for a parameter without a value.
    """
    name, _, inner = key.removesuffix(")").partition("(")
    return name, dict(pair.split("=", 1) for pair in inner.split(",") if pair)
