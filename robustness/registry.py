"""Named entries: corruptions, attacks, metrics and suites are found by name, and an unknown name gets an answer."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from .errors import UsageError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping that refuses duplicates and suggests the nearest names for an unknown one.

    noun: what an entry is called in messages, e.g. "corruption".
    """

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        """Register `entry`; raises ValueError when `name` is taken."""
        if name in self._entries:
            raise ValueError(f"{self.noun} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> T:
        """Return the entry; raises UsageError with the nearest known names."""
        if name not in self._entries:
            raise UsageError(f"unknown {self.noun} {name!r}; {suggest(name, list(self._entries))}")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def suggest(name: str, known: list[str]) -> str:
    """Say which of the `known` names `name` may have meant: a clause for an error message."""
    alike = {_plain(one): one for one in known}
    near = [alike[one] for one in difflib.get_close_matches(_plain(name), alike, n=3, cutoff=0.5)]
    if _plain(name) in alike:
        del near[1:]
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"


def _plain(name: str) -> str:
    """Write a name as one that is the same but for capitals, underscores and hyphens."""
    return name.lower().replace("_", "-")
