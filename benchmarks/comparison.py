"""What every benchmark yields: what ours and a peer took for the same work, in turns; and the table of it.

Nothing is imported here that starts threads: the parts set their processes up first.
"""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "timm", "torchvision", "numpy", "scipy", "pandas", "pillow", "simplejpeg", "imagecorruptions")
PACKAGES += ("torchattacks", "foolbox", "adversarial-robustness-toolbox", "pyautoattack")
INCOMPLETE = 3  # exit code
DATA: Mapping[str, Any] = {"type": Path, "help": "class folders of JPEG files; else the 20 photographs of foolbox"}
HEADING = """\
| what | unit | ours | took | peer | took | rounds | peer / ours | note |
|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of the table.

    subject: the work. ours, peer: who did it. unit: of `cost` and `peer_cost`, where less is better; one number of each
    for every round, none if it could not be measured, and then `note` says why. lacks: what the peer cannot do. note:
    what else came out. Raises ValueError where one side has more rounds than the other.
    """

    subject: str
    ours: str
    peer: str
    unit: str
    cost: Sequence[float]
    peer_cost: Sequence[float]
    lacks: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.cost) != len(self.peer_cost):
            raise ValueError(f"{self.subject}: {len(self.cost)} rounds of ours, {len(self.peer_cost)} of {self.peer}")

    @property
    def measured(self) -> bool:
        """Whether there are numbers."""
        return bool(self.cost)

    @property
    def ratios(self) -> list[float]:
        """The peer's cost in ours, for every round: a neighbour that slows a round down slows both."""
        return [theirs / own for own, theirs in zip(self.cost, self.peer_cost, strict=True)]

    def row(self) -> str:
        """Write a row of the Markdown table."""
        costs = [spread(self.cost), spread(self.peer_cost)] if self.measured else ["", ""]
        cells = [self.subject, self.unit, self.ours, costs[0], self.peer, costs[1]]
        cells += [str(len(self.cost)), spread(self.ratios)] if self.measured else ["", "not measured"]
        return f"| {' | '.join(cell.replace('|', '/') for cell in (*cells, self.note))} |"


def missing(subject: str, peer: str, why: str) -> Comparison:
    """Make the row of what could not be measured."""
    return Comparison(subject, "", peer, "", (), (), note=why)


def spread(values: Sequence[float]) -> str:
    """Write a median with the extremes, three digits each."""
    low, middle, high = map(_digits, (min(values), statistics.median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} [{low}–{high}]"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}"


def machine() -> str:
    """Say what this is measured on, when, and with which versions."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # whose rows say so
            continue
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{', '.join(found)}."
    )


def processor() -> str:
    """Name the processor."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def lacking(rows: Iterable[Comparison]) -> list[str]:
    """List what the peers cannot do, each once, by the name before a comma."""
    found = dict.fromkeys((row.peer.partition(",")[0], row.lacks) for row in rows if row.lacks)
    return [f"- {peer}: {lacks}." for peer, lacks in found]


def script(
    purpose: str | None,
    measure: Callable[[argparse.Namespace], Iterator[Comparison]],
    flags: Mapping[str, Any],
    quick: Mapping[str, object],
) -> None:
    """Be a benchmark's command: print its rows as they come. Exits with `INCOMPLETE` if one could not be measured.

    flags: what `add_argument` is given. quick: values of flags that `--quick` takes where they are not given.
    """
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, given in flags.items():
        parser.add_argument(name, **given)
    parser.add_argument("--quick", action="store_true", help=", ".join(f"{name} {of}" for name, of in quick.items()))
    parser.add_argument("--json", type=Path, help="a file that the rows are written to, too, a line of JSON each")
    if parser.parse_args().quick:
        parser.set_defaults(**quick)
    options = parser.parse_args()
    print(f"{machine()}\n\n{HEADING}", flush=True)
    rows = []
    with Path(options.json or os.devnull).open("w") as file:
        for row in measure(options):
            rows.append(row)
            print(row.row(), flush=True)
            print(json.dumps(asdict(row)), file=file, flush=True)
    print("\n".join(["", *lacking(rows)]))
    if not all(row.measured for row in rows):
        raise SystemExit(INCOMPLETE)
