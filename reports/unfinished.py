"""A run that is still going on, or was stopped: how far it is, and which of its figures will change."""

from collections.abc import Iterator, Mapping
from typing import Any

UNFINISHED = "unfinished: "  # what the notes of figures that will change say


def so_far(header: Mapping[str, Any], done: Mapping[str, int]) -> dict[str, Any]:
    """Say in a run's header how far it is, and in its suites' notes which of them are not complete.

    done: the records that are there, by suite. Older headers do not know how many a suite is to have: then the whole
    run alone is known to be unfinished.
    """
    notes = dict(header.get("suite_notes", {}))
    for suite, note in _notes(header, done):
        notes[suite] = f"{notes.get(suite, '')} {note}".lstrip()
    return {**header, "records_done": sum(done.values()), "suite_notes": notes}


def will_grow(header: Mapping[str, Any]) -> bool:
    """Tell whether records that a run lacks may still come: what a finished run could not read will not."""
    return not (header.get("end") and header.get("failures"))


def _notes(header: Mapping[str, Any], done: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    if not will_grow(header):
        return
    for suite, expected in header.get("suite_records", {}).items():
        found = done.get(suite, 0)
        if found < expected:
            yield suite, f"{UNFINISHED}{found:,} of {expected:,} records are done."
