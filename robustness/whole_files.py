"""Files that are there whole, on the disk, or not at all."""

import os
import uuid
from pathlib import Path

import pyarrow as pa

from .errors import RunError


def write_whole(path: Path, content: bytes | pa.Buffer) -> None:
    """Write a file under another name, sync and rename it. Raises OSError, and leaves nothing then."""
    temporary = unseen(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk its room is needed
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def unseen(path: Path) -> Path:
    """Name a file beside `path` that no other process writes, and that readers of the folder pass over by its dot."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")


def refused(path: Path, error: OSError) -> RunError:
    """Say that a file of a run could not be written."""
    return RunError(f"cannot write {path}: {error.strerror or error}; what was finished is kept")
