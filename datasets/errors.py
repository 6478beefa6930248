"""What goes wrong with data, said so that a person can act on it."""

import difflib
from collections.abc import Collection, Sequence


class DataError(RuntimeError):
    """The data cannot be used; the message says what was found, where, and what to do.

    Each argument is a line of it, whatever the names of files in it hold.
    """

    def __str__(self) -> str:
        return "\n".join(map(printable, self.args))


def printable(text: str) -> str:
    """Escape what would break a line of a terminal, be obeyed there, or be no text at all."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def unknown(name: str, known: Collection[str]) -> DataError:
    """Say that there is no data set `name`, and which of the known ones may be meant."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
    return DataError(f"unknown data set {name!r}; {hint}")


def some(names: Sequence[str], limit: int = 5) -> str:
    """List the first `limit` names for a message and count the rest."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
