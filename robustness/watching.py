"""The report of a run that goes on, refreshed now and then, within a share of the run's time."""

import logging
import time
from collections.abc import Callable

from .errors import RunError

INTERVAL = 300.0  # seconds between two refreshes at least
SHARE = 0.01  # of the run's time that refreshes may take
SECONDS_A_RECORD = 1e-5  # what one takes, as far as none has shown it yet
RESAMPLES = 200  # of bootstraps in a report that is soon replaced

log = logging.getLogger(__name__)


class Watched:
    """Hands on how many records were made, and calls `refresh` when it is due and can be afforded.

    A refresh reads all records that there are. What one takes is told by the last one, and it waits until it and those
    before it are less than `SHARE` of the time that has passed. One that fails is no reason to end a run: it is logged.
    """

    def __init__(
        self,
        refresh: Callable[[], object],
        advance: Callable[[int], object],
        records: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to wait. advance: what is told of new records. records: those that are there already."""
        self._refresh, self._advance, self._clock = refresh, advance, clock
        self._begun = self._last = clock()
        self._records, self._spent, self._cost = records, 0.0, SECONDS_A_RECORD

    def __call__(self, count: int) -> None:
        """Hand on that `count` records were made."""
        self._advance(count)
        self._records += count
        now = self._clock()
        affordable = SHARE * (now - self._begun) - self._spent
        if now - self._last < INTERVAL or self._cost * self._records > affordable:
            return
        try:
            self._refresh()
        except (RunError, OSError) as error:
            log.warning("the report could not be refreshed: %s", error)
        self._last = self._clock()
        self._spent += self._last - now
        self._cost = (self._last - now) / max(self._records, 1)
