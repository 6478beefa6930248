"""The two ways a call can go wrong, as the command's exit codes tell them apart.

Each argument of an error is a line of its message, whatever the names in it hold.
"""


class _LinesError(Exception):
    def __str__(self) -> str:
        return "\n".join(
            "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line) for line in self.args
        )


class UsageError(_LinesError, ValueError):
    """The request makes no sense as given; the message says what would (exit code 2)."""


class RunError(_LinesError, RuntimeError):
    """The request is fine, but data, model or disk did not play along (exit code 1)."""


def first_line(error: BaseException) -> str:
    """Return the first line of what another library's error says, its kind where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
