"""Records on disk, so that a run cannot lose what it has done.

A run's folder holds `run.json` and `records/*.parquet`. A part is written to a temporary name, synced and renamed:
it is whole or absent, and its presence is the resume state.
"""

import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import RunError, UsageError
from .records import SCHEMA

SCHEMA_VERSION = 1
KEPT = ("start", "end", "records_done", "failures", "findings")  # what a resumed run knows of its beginning
HEADER, RECORDS, FAILURES, SUFFIX = "run.json", "records", "failures", ".parquet"
FAILURE_SCHEMA = pa.schema([("dataset", pa.string()), ("sample_id", pa.string()), ("reason", pa.string())])


class Store:
    """The parts of one run.

    header: everything that was in force, as JSON values. Its "identity" is all that a number depends on.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        """Open the run in `folder`, or begin it.

        Raises UsageError when the folder holds a run of another identity, and RunError when it cannot be read or
        written.
        """
        self.folder = folder
        self.header: dict[str, Any] = {"schema": SCHEMA_VERSION, **header}
        try:
            (folder / RECORDS).mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob("*/*.tmp"):
                leftover.unlink()
            if (folder / HEADER).exists():
                earlier = read_header(folder)
                _refuse_differences(folder, earlier["identity"], self.header["identity"])
                self.header |= {key: earlier[key] for key in KEPT if key in earlier}
            self._write_header()
        except OSError as error:
            raise RunError(f"cannot write to {folder}: {error.strerror or error}") from error
        self._present = {(path.parent.name, path.stem) for path in folder.glob(f"*/*{SUFFIX}")}

    def has(self, part: str) -> bool:
        """Say whether the records of `part` are complete."""
        return (RECORDS, part) in self._present

    def append(self, part: str, table: pa.Table) -> None:
        """Write the records of `part` at once; raises RunError when the disk refuses."""
        self._write(RECORDS, part, table)

    def fail(self, part: str, table: pa.Table) -> None:
        """Write the unreadable samples of `part`: a table of `FAILURE_SCHEMA`."""
        if table.num_rows and (FAILURES, part) not in self._present:
            self._write(FAILURES, part, table)

    def records(self) -> pa.Table:
        """Read all records."""
        return self._read(RECORDS, SCHEMA)

    def failures(self) -> pa.Table:
        """Read all failures."""
        return self._read(FAILURES, FAILURE_SCHEMA)

    def finish(self, end: str, findings: Sequence[Mapping[str, str]] = ()) -> None:
        """Write down that nothing is left to do, how much was done, and what an audit found."""
        counts = {"records_done": self.records().num_rows, "failures": self.failures().num_rows}
        self.header |= {"end": end, "findings": list(findings)} | counts
        self._write_header()

    def _write_header(self) -> None:
        text = json.dumps(self.header, indent=2, ensure_ascii=False) + "\n"
        write_whole(self.folder / HEADER, text.encode())

    def _write(self, kind: str, part: str, table: pa.Table) -> None:
        notes = "; ".join(self.header.get("notes", ()))
        sink = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata({"notes": notes}), sink, compression="zstd")
        path = self.folder / kind / f"{part}{SUFFIX}"
        try:
            path.parent.mkdir(exist_ok=True)
            write_whole(path, sink.getvalue())
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror or error}; what was finished is kept") from error
        self._present.add((kind, part))

    def _read(self, kind: str, schema: pa.Schema) -> pa.Table:
        tables = []
        for path in sorted((self.folder / kind).glob(f"*{SUFFIX}")):
            try:
                tables.append(pq.read_table(path, partitioning=None).replace_schema_metadata(None).cast(schema))
            except (pa.ArrowInvalid, OSError, ValueError) as error:
                raise RunError(f"{path} is damaged ({error}); delete it and run again to redo this part") from error
        return pa.concat_tables(tables) if tables else schema.empty_table()


def read_header(folder: Path) -> dict[str, Any]:
    """Read a run's `run.json`; raises RunError when it is not one of this version."""
    path = folder / HEADER
    try:
        header = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read as a run's header: {error}") from error
    if not isinstance(header, dict) or header.get("schema") != SCHEMA_VERSION:
        raise RunError(f"{path} is not the header of a run of schema {SCHEMA_VERSION}")
    return header


def find_run(out: Path, identity: Mapping[str, Any]) -> Path | None:
    """Find the newest run below `out` with the same identity: the one that the same command started."""
    wanted = json.loads(json.dumps(identity))
    same = []
    for path in out.glob(f"*/{HEADER}"):
        try:
            header = read_header(path.parent)
        except RunError as error:  # somebody else's damaged run is no reason not to run
            logging.getLogger(__name__).warning("%s", error)
            continue
        if header["identity"] == wanted:
            same.append((header["start"], path.parent))
    return max(same)[1] if same else None


def discard(folder: Path) -> None:
    """Remove the records of the run in `folder`; raises UsageError when it is a folder of something else."""
    if not folder.exists():
        return
    if not (folder / HEADER).exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not a run; --fresh leaves it alone, choose another --name")
    for part_folder in (RECORDS, FAILURES):
        shutil.rmtree(folder / part_folder, ignore_errors=True)
    (folder / HEADER).unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | pa.Buffer) -> None:
    """Write a file so that it is there whole, on the disk, or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse_differences(folder: Path, earlier: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    now = json.loads(json.dumps(now))
    different = sorted(key for key in {*earlier, *now} if earlier.get(key) != now.get(key))
    if different:
        raise UsageError(
            f"{folder} holds a run with other settings: {', '.join(different)} "
            f"({'; '.join(f'{key}: {earlier.get(key)} then, {now.get(key)} now' for key in different)[:400]}); "
            "choose another --name, or --fresh to start over"
        )
