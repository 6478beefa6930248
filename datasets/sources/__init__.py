"""Where image files lie. A source serves bytes by id; a tree can also be listed, which adapters read layouts from."""

import logging
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import DataError, some
from ..tables.splits import choose_split
from .folder_source import FolderSource
from .joined import JoinedTree, joined_tree
from .tar_source import open_tar
from .tree import IMAGE_EXTENSIONS, Entries, Tree
from .zip_source import open_zip

__all__ = [
    "ARCHIVES",
    "IMAGE_EXTENSIONS",
    "Entries",
    "FolderSource",
    "JoinedTree",
    "Tree",
    "joined_tree",
    "open_tree",
    "unwrapped",
]

log = logging.getLogger(__name__)

ARCHIVES: Mapping[str, Callable[[Path], Tree]] = {
    ".tar": open_tar,
    ".tar.gz": open_tar,
    ".tgz": open_tar,
    ".zip": open_zip,
}


def open_tree(path: Path, no_training: bool = False) -> Tree:
    """Open a place on disk for listing: a folder, an archive, or a folder of archives, which are joined at their roots.

    Of archives that are named by split, those of one are opened; of all if no_training, as there are no training images
    of the data set. In a folder that has folders or images of its own, archives count for nothing: people leave them
    lying beside what they unpacked. The log names what is left out. Raises DataError as `choose_split`, and when
    nothing is there, or nothing that can be listed.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}; check the path and its permissions") from error
    if not stat.S_ISDIR(mode):
        return _open_archive(path)
    folder = FolderSource(path)
    entries = folder.entries()
    archives = sorted(file.name for file in path.iterdir() if _opener(file) and file.is_file())
    if not archives:
        return folder
    if entries.folders or entries.images:
        log.warning("%s has folders or images, so the archives in it are left out: %s", path, some(archives))
        return folder
    chosen = archives if no_training else choose_split(archives, str(path))[1]
    if left_out := [name for name in archives if name not in chosen]:
        log.warning("%s: archives of another split are left out: %s", path, some(left_out))
    return joined_tree(path, {name: _open_archive(path / name) for name in chosen})


def unwrapped(tree: Tree, stop: Callable[[Entries], bool]) -> Tree:
    """Step down while a tree holds nothing but one folder, as archives often wrap what they hold in one of their name.

    stop: says of the entries of a tree that they are what is looked for, so that a lone class folder is not taken for
    a wrapper. Archives that are joined are unwrapped one by one.
    """
    if isinstance(tree, JoinedTree):
        return joined_tree(tree.place, {str(part.place): unwrapped(part, stop) for part in tree.parts})
    entries = tree.entries()
    while len(entries.folders) == 1 and not entries.images and not stop(entries):
        tree = tree.below(entries.folders[0])
        entries = tree.entries()
    return tree


def _open_archive(path: Path) -> Tree:
    opener = _opener(path)
    if opener is None:
        kinds = ", ".join(ARCHIVES)
        raise DataError(f"{path} is a file; give the folder that holds the images, or an archive of them ({kinds})")
    return opener(path)


def _opener(path: Path) -> Callable[[Path], Tree] | None:
    name = path.name.lower()
    return next((opener for ending, opener in ARCHIVES.items() if name.endswith(ending)), None)
