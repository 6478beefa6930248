"""What goes wrong with data, said so that a person can act on it."""

from collections.abc import Sequence


class DataError(RuntimeError):
    """The data cannot be used; the message says what was found, where, and what to do."""


def some(names: Sequence[str], limit: int = 5) -> str:
    """List the first `limit` names for a message and count the rest."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
