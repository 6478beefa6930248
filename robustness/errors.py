"""The two ways a call can go wrong, as the command's exit codes tell them apart."""


class UsageError(ValueError):
    """The request makes no sense as given; the message says what would (exit code 2)."""


class RunError(RuntimeError):
    """The request is fine, but data, model or disk did not play along (exit code 1)."""
