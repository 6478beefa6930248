"""Opens images that come as a table rather than a tree: parquet files and webdataset shards."""

from pathlib import Path

from .parquet_rows import open_parquet
from .shard_rows import open_shards
from .table import LabelledRow, Rows

__all__ = ["LabelledRow", "Rows", "open_rows"]


def open_rows(path: Path, no_training: bool = False) -> Rows | None:
    """Open a folder of parquet files or webdataset shards, or one such file; None if `path` is neither.

    Of several splits the validation images are taken, else the test images, never the training images; no_training: as
    of `choose_split`. Raises DataError for tables that are damaged, lack parts, or do not say which column is what.
    """
    return open_parquet(path, no_training) or open_shards(path, no_training)
