"""Data sets by name: where people keep them, and how they are opened."""

from pathlib import Path

from .adapters import ADAPTERS
from .adapters.adapter import Adapter, Data
from .class_folders import to_parts
from .dataset import Collection
from .errors import unknown
from .sources import ARCHIVES, open_tree
from .tables.hub_rows import is_hub, open_hub
from .tables.rows import Rows, open_rows


def adapter_of(name: str) -> Adapter:
    """Return the adapter of data set `name`; raises DataError with the nearest known names."""
    if name not in ADAPTERS:
        raise unknown(name, ADAPTERS)
    return ADAPTERS[name]


def open_dataset(name: str, place: str | Path) -> Collection:
    """Open the data set `name` that lies at `place`.

    place: a folder, an archive, a folder of archives, a folder of parquet files or shards, or `hf://org/name`. Raises
    DataError for data that is unusable and for an unknown name.
    """
    adapter = adapter_of(name)
    return adapter.read(open_data(place, adapter.no_training))


def open_data(place: str | Path, no_training: bool = False) -> Data:
    """Open whatever lies at `place`, not knowing yet what it means. Raises DataError when nothing readable is there.

    no_training: as of an `Adapter`.
    """
    if is_hub(str(place)):
        return open_hub(str(place), no_training)
    return open_rows(Path(place), no_training) or open_tree(Path(place), no_training)


def holds(name: str, place: str | Path) -> bool:
    """Say whether parts of the data set `name` lie at `place`, by the names of the folders. Raises DataError."""
    data = open_data(place)
    if isinstance(data, Rows):
        return False
    parts = {part.partition("/")[0] for part in adapter_of(name).images}
    return bool(parts.intersection(to_parts(data, parts).entries().folders))


def find(name: str, root: Path) -> Path | None:
    """Look below `root` for the data set `name` under its usual names; None when it is not there."""
    folders = (*adapter_of(name).folders, name)
    archives = (f"{folder}{suffix}" for folder in folders for suffix in ARCHIVES)
    return next((root / place for place in (*folders, *archives) if (root / place).exists()), None)
