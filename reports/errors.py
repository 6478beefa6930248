"""The one way a report can fail."""


class ReportError(RuntimeError):
    """These results cannot be reported as asked; the message says why and what would do.

    It is a line, whatever the names in it hold.
    """

    def __str__(self) -> str:
        return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in super().__str__())
