"""Records on disk, so that a run cannot lose what it has done.

A run's folder holds `run.json` and `records/*.parquet`. A part is written to a temporary name, synced and renamed:
it is whole or absent, and its presence is the resume state. Parquet's checksums tell a part that was damaged later.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from . import parts
from .errors import RunError, UsageError
from .records import SCHEMA
from .whole_files import refused, unseen, write_whole

SCHEMA_VERSION = 1
MOST_TOLD = 6  # differences to another run
KEPT = ("start", "end", "records_done", "failures", "findings")  # what a resumed run knows of its beginning
HEADER, RECORDS, FAILURES = "run.json", "records", "failures"
FAILURE_SCHEMA = pa.schema([("dataset", pa.string()), ("sample_id", pa.string()), ("reason", pa.string())])


class Store:
    """The parts of one run.

    header: everything that was in force, as JSON values. Its "identity" is all that a number depends on.
    """

    def __init__(
        self, folder: Path, header: Mapping[str, Any], *, leads: bool = True, shared: bool = False, fresh: bool = False
    ) -> None:
        """Open the run in `folder`, or begin it.

        leads: whether this process writes the header of a run that has begun. shared: whether others write parts of it
        at the same time. fresh: begin, whatever header is there; its parts must have been discarded. Raises UsageError
        when the folder holds a run of another identity, and RunError when it cannot be read or written.
        """
        self.folder, self.leads, self.shared = folder, leads, shared
        self.header: dict[str, Any] = {"schema": SCHEMA_VERSION, **header}
        try:
            (folder / RECORDS).mkdir(parents=True, exist_ok=True)
            for leftover in () if shared else (*folder.glob("*.tmp"), *folder.glob("*/*.tmp")):
                leftover.unlink()
            if (not fresh and (folder / HEADER).exists()) or not self._begin():
                earlier = read_header(folder)
                _refuse_differences(folder, earlier["identity"], self.header["identity"])
                self.header |= {key: earlier[key] for key in KEPT if key in earlier}
                self.header |= _environments(earlier, self.header)
                if leads:
                    self._write_header()
        except OSError as error:
            raise RunError(f"cannot write to {folder}: {error.strerror or error}") from error
        self._look()
        self._counted = {*self._present}

    def has(self, part: str) -> bool:
        """Say whether the records of `part` are complete, whoever made them."""
        if part not in self._present and self.shared and self._path(RECORDS, part).exists():
            self._present.add(part)
        return part in self._present

    def append(self, part: str, table: pa.Table) -> None:
        """Write the records of `part` at once; raises RunError when the disk refuses."""
        self._counted.add(part)
        self._write(RECORDS, part, table)
        self._present.add(part)

    def fail(self, part: str, table: pa.Table) -> None:
        """Write the samples of `part` that failed, before its records: a table of `FAILURE_SCHEMA`.

        They take the place of an earlier try's, whose records are not there: a sample may be readable by now.
        """
        path = self._path(FAILURES, part)
        if table.num_rows:
            self._write(FAILURES, part, table)
            return
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise refused(path, error) from error

    def records(self) -> pa.Table:
        """Read all records."""
        return self._read(RECORDS, SCHEMA)

    def frame(self) -> pd.DataFrame:
        """Read all records for pandas, names as categories: a third of the memory that strings take."""
        frame: pd.DataFrame = self.records().to_pandas(
            strings_to_categorical=True, split_blocks=True, self_destruct=True
        )
        return frame

    def failures(self) -> pa.Table:
        """Read all failures, each once."""
        names = FAILURE_SCHEMA.names
        return self._read(FAILURES, FAILURE_SCHEMA).group_by(names, use_threads=False).aggregate([])

    def count(self) -> int:
        """Count all records without reading them."""
        return sum(parts.count(path) for path in self._paths(RECORDS))

    def news(self) -> int:
        """Count the records that other processes have made since the last time this was asked."""
        new = [path for path in self._paths(RECORDS) if path.stem not in self._counted]
        self._counted |= {path.stem for path in new}
        return sum(map(parts.count, new))

    def repair(self) -> list[Path]:
        """Put damaged parts aside, so that they are done again; returns what they are called now.

        Records and their failures go together: the ones cannot be made without the others.
        """
        moved = []
        for kind, schema in ((RECORDS, SCHEMA), (FAILURES, FAILURE_SCHEMA)):
            for damaged in self._paths(kind):
                try:
                    parts.read(damaged, schema)
                except RunError:
                    self.unfinish()
                    for path in (self._path(RECORDS, damaged.stem), self._path(FAILURES, damaged.stem)):
                        with suppress(FileNotFoundError):  # nothing failed, or another process was faster
                            moved.append(path.rename(path.with_name(f".{path.name}.damaged")))
        self._look()
        return moved

    def unfinish(self) -> None:
        """Take back that nothing is left to do; raises RunError when the disk refuses."""
        if self.header["end"]:
            self.header["end"] = None
            self.header.pop("records_done", None)
            if self.leads:
                self._rewrite_header()

    def note(self, key: str, value: object) -> None:
        """Add to what the header says of how the run computes; raises RunError when the disk refuses."""
        self.header.setdefault("environment", {})[key] = value
        if self.leads:
            self._rewrite_header()

    def finish(self, end: str, findings: Sequence[Mapping[str, str]] = ()) -> None:
        """Write down that nothing is left to do, how much was done, and what an audit found."""
        counts = {"records_done": self.count(), "failures": self.failures().num_rows}
        self.header |= {"end": end, "findings": list(findings)} | counts
        self._rewrite_header()

    def _look(self) -> None:
        """See which parts are there."""
        self._present = {path.stem for path in self._paths(RECORDS)}

    def _begin(self) -> bool:
        """Write the header of a new run; False when another process was faster."""
        path = self.folder / HEADER
        if not self.shared:
            self._write_header()
            return True
        own = unseen(path)
        write_whole(own, self._header_text())
        try:
            os.link(own, path)
        except FileExistsError:
            return False
        finally:
            own.unlink()
        return True

    def _rewrite_header(self) -> None:
        try:
            self._write_header()
        except OSError as error:
            raise refused(self.folder / HEADER, error) from error

    def _write_header(self) -> None:
        write_whole(self.folder / HEADER, self._header_text())

    def _header_text(self) -> bytes:
        return (json.dumps(self.header, indent=2, ensure_ascii=False) + "\n").encode()

    def _path(self, kind: str, part: str) -> Path:
        return self.folder / kind / f"{part}{parts.SUFFIX}"

    def _paths(self, kind: str) -> list[Path]:
        return sorted((self.folder / kind).glob(f"*{parts.SUFFIX}"))

    def _write(self, kind: str, part: str, table: pa.Table) -> None:
        parts.write(self._path(kind, part), table, self.header.get("notes", ()))

    def _read(self, kind: str, schema: pa.Schema) -> pa.Table:
        tables = [parts.read(path, schema) for path in self._paths(kind)]
        return pa.concat_tables(tables) if tables else schema.empty_table()


def _environments(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """List what earlier calls of the run computed on, where it differs from now: each once."""
    before = [*earlier.get("earlier_environments", ()), earlier.get("environment")]
    different = [one for one in before if one and one != now.get("environment")]
    unique = [one for index, one in enumerate(different) if one not in different[:index]]
    return {"earlier_environments": unique} if unique else {}


def read_header(folder: Path) -> dict[str, Any]:
    """Read a run's `run.json`; raises RunError when it is not one of this version."""
    path = folder / HEADER
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read as a run's header: {error}") from error
    if not isinstance(header, dict) or header.get("schema") != SCHEMA_VERSION:
        raise RunError(f"{path} is not the header of a run of schema {SCHEMA_VERSION}")
    if not isinstance(header.get("identity"), dict) or not isinstance(header.get("start"), str):
        raise RunError(f"{path} is damaged: it does not tell what was run, and when")
    return header


def reopened(folder: Path) -> Store:
    """Open a run's folder to read it, whatever began it. Raises UsageError when it is none."""
    if not (folder / HEADER).exists():
        raise UsageError(f"{folder} is not a run: there is no {HEADER}; give its folder, as results/NAME")
    return Store(folder, read_header(folder), leads=False, shared=True)


def _refuse_differences(folder: Path, earlier: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    now = json.loads(json.dumps(now))
    different = sorted(key for key in {*earlier, *now} if earlier.get(key) != now.get(key))
    if different:
        told = [line for key in different for line in _changes(key, earlier.get(key), now.get(key))]
        more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        raise UsageError(
            f"{folder} holds a run with other settings: {', '.join(different)} ({'; '.join(told[:MOST_TOLD])}{more}); "
            "choose another --name, and `python -m reports compare` sets both side by side, or --fresh to start over"
        )


def _changes(name: str, then: Any, now: Any) -> Iterator[str]:
    """Say what differs between two values of JSON: of mappings which entries, of lists what came and what went."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            if then.get(key) != now.get(key):
                yield from _changes(f"{name}, {key}", then.get(key), now.get(key))
    elif isinstance(then, list) and isinstance(now, list):
        before, after = ({_called(entry): entry for entry in own} for own in (then, now))
        gone, new = ([key for key in one if key not in other] for one, other in ((before, after), (after, before)))
        if gone or new:
            yield f"{name}: " + ", ".join([*(f"{key} then" for key in gone), *(f"{key} now" for key in new)])
        for key in before.keys() & after.keys():
            yield from _changes(f"{name}, {key}", before[key], after[key])
    elif then != now:
        yield f"{name}: {then} then, {now} now"


def _called(entry: Any) -> str:
    """Name an entry of a list: a model by its spec, data by its data set."""
    return str(entry.get("spec", entry.get("dataset"))) if isinstance(entry, dict) else str(entry)
