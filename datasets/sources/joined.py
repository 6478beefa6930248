"""Several trees as one: ImageNet-C comes as five tars, whose folders belong side by side."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ..errors import DataError, some
from .tree import Entries, Tree, relative


@dataclass(frozen=True, slots=True)
class JoinedTree:
    """The union of trees at their roots. Make it by `joined_tree`, which checks that no image is in two of them."""

    place: Path
    parts: tuple[Tree, ...]

    def read(self, sample_id: str) -> bytes:
        """Return the file's bytes from the part that has it. Raises as the parts do."""
        return self._part(sample_id).read(sample_id)

    def size(self, sample_id: str) -> int:
        """Return the file's length in bytes. Raises as the parts do."""
        return self._part(sample_id).size(sample_id)

    def has(self, name: str) -> bool:
        """Say whether a part has the file `name`. Raises DataError for a name that leaves the root."""
        return any(part.has(name) for part in self.parts)

    def entries(self, folder: str = "") -> Entries:
        """List a folder of all parts that have it. Raises DataError if none has."""
        found = [part.entries(folder) for part in self._parts_with(folder)]
        names = ((one.folders, one.images, one.others) for one in found)
        return Entries(*map(_union, zip(*names, strict=True)))

    def below(self, folder: str) -> Tree:
        """Return the tree whose root is `folder`: that of the one part which has it, else joined again."""
        parts = self._parts_with(folder)
        if len(parts) == 1:
            return parts[0].below(folder)
        return JoinedTree(self.place / folder, tuple(part.below(folder) for part in parts))

    def _part(self, name: str) -> Tree:
        for part in self.parts:
            if part.has(name):
                return part
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.place / name))

    def _parts_with(self, folder: str) -> list[Tree]:
        parts = [part for part in self.parts if _has_folder(part, folder)] if folder else list(self.parts)
        if not parts:
            raise DataError(f"none of the archives in {self.place} has a folder {folder}")
        return parts


def joined_tree(place: Path, trees: Mapping[str, Tree]) -> Tree:
    """Join trees at their roots. place: what they have in common, for messages. trees: by the name of their archive.

    Files that are no images, such as a README, may be in several; the first by name is read. Raises DataError when an
    image is in two of them.
    """
    named = sorted(trees.items())
    for (first, one), (second, other) in combinations(named, 2):
        twice = list(_common(one, other))
        if twice:
            raise DataError(f"{place}: {first} and {second} have images of the same name: {some(twice)}; keep one")
    return named[0][1] if len(named) == 1 else JoinedTree(place, tuple(tree for _, tree in named))


def _common(one: Tree, other: Tree, folder: str = "") -> Iterator[str]:
    """Name the images below `folder` that are in both trees, which both have that folder."""
    here, there = one.entries(folder), other.entries(folder)
    prefix = f"{folder}/" if folder else ""
    yield from (prefix + image for image in sorted(set(here.images).intersection(there.images)))
    for name in sorted(set(here.folders).intersection(there.folders)):
        yield from _common(one, other, prefix + name)


def _has_folder(tree: Tree, folder: str) -> bool:
    path = relative(folder, tree)
    above = str(path.parent) if path.parent.parts else ""
    return (not above or _has_folder(tree, above)) and path.name in tree.entries(above).folders


def _union(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted(set().union(*names)))
