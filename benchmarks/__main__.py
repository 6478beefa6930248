"""All side-by-side measurements in one table, each part in a process of its own.

    python -m benchmarks [--quick] [--data FOLDER] [--out FILE] [PART ...]

A PART is a name with flags of its own, if any: `python -m benchmarks forward "attacks --rounds 1"`; without, all are
run. `--out benchmarks/README.md` replaces the table there and keeps the prose around it. A part that fails, or whose
peer is not installed, is a row that says so, and the exit code is 1. Whole runs, decoding and containers take their
photographs from FOLDER, if given; else, and in all other parts, they are the 20 that foolbox brings. `--quick` takes
some ten minutes on two cores, all of it some hours.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .comparison import DATA, HEADING, INCOMPLETE, Comparison, lacking, machine, missing

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- the table: python -m benchmarks --out benchmarks/README.md -->", "<!-- the end of the table -->"
PARTS = {
    "forward": "Forward pass",
    "corruptions": "Corruptions, one thread",
    "attacks": "Attacks",
    "end_to_end": "Whole runs",
    "decoding": "Decoding, one thread",
    "metrics": "Figures",
    "sources": "Containers",
    "memory": "Memory by the number of samples",
}
TAKE_DATA = ("end_to_end", "decoding", "sources")


def run(part: str, flags: Sequence[str]) -> list[Comparison]:
    """Run a part; returns its rows, and one more if it fails, which says how. What it wrote goes to standard error."""
    start = time.monotonic()
    with tempfile.NamedTemporaryFile("r") as file:
        command = [sys.executable, "-m", f"benchmarks.{part}", "--json", file.name, *flags]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)  # noqa: S603
        rows = [Comparison(**json.loads(line)) for line in file]
    print(f"{part}: {len(rows)} rows, {time.monotonic() - start:.0f} s", file=sys.stderr)
    if done.returncode not in (0, INCOMPLETE):
        print(done.stderr, file=sys.stderr)
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        rows.append(missing(part, "", f"ended with {done.returncode}: {last}"))
    return rows


def table(found: Mapping[str, Sequence[Comparison]], how: str) -> str:
    """Write the table of all parts, with what it was measured on before it and what the peers cannot do after it."""
    rows = [row for own in found.values() for row in own]
    lines = [f"`{how}`: {machine()}", "", HEADING]
    for part, own in found.items():
        lines += [
            f"| **{PARTS[part]}** |{' |' * (HEADING.splitlines()[1].count('|') - 2)}",
            *(row.row() for row in own),
        ]
    return "\n".join([*lines, "", "What the peers cannot do, or leave to their user:", "", *lacking(rows)])


def parsed(words: Sequence[str], parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Read PARTs: their flags by name. Exits for one that does not exist."""
    parts = {name: flags for name, *flags in map(shlex.split, words or PARTS)}
    if unknown := parts.keys() - PARTS:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return parts


def around(file: Path | None, parser: argparse.ArgumentParser) -> tuple[str, str]:
    """Read what stands before and behind the table in a file; nothing in a new one. Exits if it has no such place."""
    if file is None or not file.exists():
        return "", "\n"
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, behind = rest.partition(END)
    if not end:
        parser.error(f"{file} exists and has no lines {BEGIN} and {END}, between which the table would go")
    return f"{before}{begin}\n\n", f"\n\n{end}{behind}"


def main() -> int:
    """Measure, print the table, and write it; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="fewer models, images and rounds")
    parser.add_argument("--data", **DATA)
    parser.add_argument("--out", type=Path, help="a file to write the table to, or to replace it in")
    options = parser.parse_args()
    parts, (before, behind) = parsed(options.parts, parser), around(options.out, parser)
    found = {}
    for part, flags in parts.items():
        data = ["--data", str(options.data.resolve())] if options.data and part in TAKE_DATA else []
        found[part] = run(part, [*(["--quick"] if options.quick else []), *data, *flags])
    shared = ["--quick"] if options.quick else []
    if options.data and found.keys() & set(TAKE_DATA):
        shared += ["--data", "/".join(options.data.resolve().parts[-2:])]  # as its rows say; the rest is this machine's
    how = shlex.join(["python", "-m", "benchmarks", *shared, *options.parts])
    text = table(found, how)
    print(text)
    if options.out:
        options.out.write_text(f"{before}{text}{behind}")
    return 0 if all(row.measured for rows in found.values() for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
