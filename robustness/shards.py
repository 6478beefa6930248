"""The processes of one run, as torchrun or a SLURM array starts them, and the order in which each goes through it.

RANK and WORLD_SIZE are all that is read, and no process group is opened: who is slow holds nobody back, who dies is
missed by nobody, and a run may go on with more or fewer processes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .errors import UsageError
from .forecast import passes_of
from .plan import Group


@dataclass(frozen=True, slots=True)
class World:
    """This process among those of the run. local_rank: its place among those of its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes header and reports."""
        return self.rank == 0

    def order(self, count: int) -> Iterator[int]:
        """Yield 0 … count − 1, each process from its own place on, so that they meet as late as may be."""
        start = self.rank * count // self.size
        return ((start + i) % count for i in range(count))


def world(environ: Mapping[str, str]) -> World:
    """Read RANK, WORLD_SIZE and LOCAL_RANK. Raises UsageError when they are no numbers or contradict each other."""
    try:
        rank, size, local = (int(environ.get(name, start)) for name, start in _DEFAULTS.items())
    except ValueError as error:
        raise UsageError(f"RANK, WORLD_SIZE and LOCAL_RANK must be whole numbers: {error}") from error
    if not 0 <= rank < size or local < 0:
        raise UsageError(f"RANK {rank} is not one of WORLD_SIZE {size} processes, counted from 0")
    return World(rank, size, local)


def stages(groups: Sequence[Group], world: World) -> list[list[Group]]:
    """Cut the work into stages that are done one after the other: the costliest conditions first.

    A block that takes hours, as AutoAttack's, is then not what the last process is left with. One process that is alone
    does all at once, so that it decodes every image once.
    """
    if world.size == 1:
        return [list(groups)]
    costs: dict[float, list[Group]] = {}
    for group in groups:
        for _, conditions in group.blocks():
            cost = sum(map(passes_of, conditions)) if conditions[0].kind in ("attack", "challenge") else 0
            costs.setdefault(cost, []).append(replace(group, conditions=conditions))
    return [costs[cost] for cost in sorted(costs, reverse=True)]


_DEFAULTS = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
