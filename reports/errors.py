"""The one way a report can fail."""


class ReportError(RuntimeError):
    """These results cannot be reported as asked; the message says why and what would do."""
