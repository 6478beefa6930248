"""One part of a run's records as a Parquet file, whose checksums tell when it was damaged."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import RunError
from .whole_files import refused, write_whole

SUFFIX = ".parquet"
ROWS = b"rows"  # a part says how many it has


def write(path: Path, table: pa.Table, notes: Sequence[str]) -> None:
    """Write a part at once, and the notes with it; raises RunError when the disk refuses."""
    sink = pa.BufferOutputStream()
    noted = table.replace_schema_metadata({"notes": "; ".join(notes), ROWS: str(table.num_rows)})
    pq.write_table(noted, sink, compression="zstd", write_page_checksum=True)
    try:
        path.parent.mkdir(exist_ok=True)
        write_whole(path, sink.getvalue())
    except OSError as error:
        raise refused(path, error) from error


def read(path: Path, schema: pa.Schema) -> pa.Table:
    """Read one part, with nulls in columns that an older version did not write; raises RunError when it is damaged."""
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
        _refuse_other_content(table, schema)
        bare = table.replace_schema_metadata(None)
        return pa.concat_tables([schema.empty_table(), bare], promote_options="default")  # adds what older parts lack
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())  # Arrow's words may be of several lines
        raise RunError(f"{path} is damaged ({reason}); the same command with --repair does this part again") from error


def _refuse_other_content(table: pa.Table, schema: pa.Schema) -> None:
    """Raise ValueError for a table that is not what was written, by what no page's checksum covers."""
    if not {*table.schema} <= {*schema}:
        raise ValueError("its columns are not those of a run's parts")
    rows = str(table.num_rows).encode()
    if (table.schema.metadata or {}).get(ROWS, rows) != rows:
        raise ValueError(f"it has {table.num_rows} rows, not as many as were written")


def count(path: Path) -> int:
    """Count the rows of a part; 0 for one that is damaged."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0
