"""The files of an archive in compact form: a million names, where each begins and how long it is, in some 60 MB.

Base names lie one after another in one block of bytes, folder by folder and sorted, so that a folder is listed without
looking at the others and a file is found by bisection. The arrays are what an index on disk consists of.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .tree import Entries, entries_of, is_content

Arrays = Mapping[str, NDArray[np.int64] | NDArray[np.uint8]]
_CODING = ("utf-8", "surrogateescape")  # as file systems: names that are not UTF-8 survive


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: where its content begins, counted as the kind of archive does, and its length."""

    offset: int
    size: int


class MemberList:
    """Gathers an archive's files and folders, in the archive's order."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, tuple[int, int]]] = {"": {}}

    def add(self, path: str, offset: int, size: int) -> None:
        """Add a file, `path` being normalised. Of two of the same path the last counts, as it does when unpacked."""
        folder, _, name = path.rpartition("/")
        self.add_folder(folder)
        self._folders[folder][name] = (offset, size)

    def add_folder(self, path: str) -> None:
        """Add a folder and those above it."""
        while path not in self._folders:
            self._folders[path] = {}
            path = path.rpartition("/")[0]

    def members(self) -> "Members":
        """Return what was gathered."""
        folders = dict(sorted(self._folders.items()))
        files = [(name.encode(*_CODING), *where) for folder in folders.values() for name, where in _sorted(folder)]
        return Members(
            {
                "folders": _bytes("\0".join(folders).encode(*_CODING)),
                "firsts": _running_total(len(folder) for folder in folders.values()),
                "names": _bytes(b"".join(name for name, _, _ in files)),
                "starts": _running_total(len(name) for name, _, _ in files),
                "offsets": np.array([offset for _, offset, _ in files], dtype=np.int64),
                "sizes": np.array([size for _, _, size in files], dtype=np.int64),
            }
        )


class Members:
    """The files of an archive: found by path, listed by folder.

    arrays: `folders` (uint8, their paths, sorted, NUL between them), `firsts` (int64 [folders + 1], the number of a
    folder's first file), `names` (uint8, base names, sorted within a folder), `starts` (int64 [files + 1], where each
    begins), `offsets` and `sizes` (int64 [files]). Raises ValueError for arrays that do not fit each other, KeyError
    for one that is missing.
    """

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        paths = arrays["folders"].tobytes().decode(*_CODING).split("\0")
        _check(arrays, len(paths))
        self._number = {path: number for number, path in enumerate(paths)}
        self._firsts = arrays["firsts"].data  # its items are plain integers, thrice as fast as NumPy's
        self._names = arrays["names"].tobytes()
        self._starts, self._offsets, self._sizes = (arrays[key].data for key in ("starts", "offsets", "sizes"))
        self._children: dict[str, list[str]] = {path: [] for path in paths}
        for path in paths[1:]:
            parent, _, name = path.rpartition("/")
            self._children[parent].append(name)

    def __len__(self) -> int:
        return len(self._sizes)

    def find(self, path: str) -> Member | None:
        """Return the file at `path`, None if there is none."""
        folder, _, name = path.rpartition("/")
        wanted, files = name.encode(*_CODING), self._files(folder)
        place = bisect_left(files, wanted, key=self._name)
        if place == len(files) or self._name(files[place]) != wanted:
            return None
        return Member(self._offsets[files[place]], self._sizes[files[place]])

    def entries(self, folder: str) -> Entries | None:
        """List `folder` ("" is the root) as `Tree.entries` does; None if there is none."""
        if folder not in self._number:
            return None
        names = (self._name(file).decode(*_CODING) for file in self._files(folder))
        folders = sorted(name for name in self._children[folder] if is_content(name))
        return entries_of(folders, filter(is_content, names))

    def _files(self, folder: str) -> range:
        number = self._number.get(folder)
        return range(0) if number is None else range(self._firsts[number], self._firsts[number + 1])

    def _name(self, file: int) -> bytes:
        return self._names[self._starts[file] : self._starts[file + 1]]


def _check(arrays: Arrays, folders: int) -> None:
    kinds = {"folders": np.uint8, "names": np.uint8}
    for name in ("folders", "firsts", "names", "starts", "offsets", "sizes"):
        if arrays[name].dtype != kinds.get(name, np.int64) or arrays[name].ndim != 1:
            raise ValueError(f"the array {name} of an archive's members is of another kind")
    firsts, starts, count = arrays["firsts"], arrays["starts"], len(arrays["sizes"])
    fits = len(firsts) == folders + 1 and len(starts) == count + 1 and len(arrays["offsets"]) == count
    if not (fits and firsts[0] == 0 and firsts[-1] == count and starts[0] == 0 and starts[-1] == len(arrays["names"])):
        raise ValueError("the arrays of an archive's members do not fit each other")
    if any((np.diff(bounds) < 0).any() for bounds in (firsts, starts)) or (arrays["sizes"] < 0).any():
        raise ValueError("an archive's members overlap")


def _sorted(folder: dict[str, tuple[int, int]]) -> list[tuple[str, tuple[int, int]]]:
    return sorted(folder.items(), key=lambda file: file[0].encode(*_CODING))


def _running_total(lengths: Iterable[int]) -> NDArray[np.int64]:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _bytes(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, dtype=np.uint8)
