"""How many requests one process works on at a time: more are told to come back, before anything was done for them.

Whoever waits here would only be late: behind the event loop are one writer, or the few connections of a pool. What
reports a payment and what stops a session have places of their own, which no flood of purchases takes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

from valetkey.platform.refusing import OverCapacity


class Lane(StrEnum):
    """Kinds of requests that do not wait for each other.

    WORK asks for something new, and reads. REPORT tells what was signed or moved: money is out already. PROOF waits for
    what the chain shows, sometimes for many seconds. STOP takes authority away. BODY is a request of any kind whose
    body is still on its way, and which nothing is done for.
    """

    WORK = "work"
    REPORT = "report"
    PROOF = "proof"
    STOP = "stop"
    BODY = "body"


REPORTS = 2
"""One of so many places of WORK has another one beside it for REPORT; the same for BODY."""

STOPS = 4
"""As REPORTS, for STOP."""


def sizes(requests_max: int) -> Mapping[Lane, int]:
    """The places of each lane, for so many requests that ask for something new."""
    reports, stops = max(1, requests_max // REPORTS), max(1, requests_max // STOPS)
    return {
        Lane.WORK: requests_max,
        Lane.REPORT: reports,
        Lane.PROOF: requests_max,
        Lane.STOP: stops,
        Lane.BODY: reports,
    }


class Room:
    """Counts the requests of one process, by lane."""

    def __init__(
        self, places: Mapping[Lane, int], sent_away: Callable[[Lane], None] = lambda _: None
    ) -> None:
        """`sent_away` is told of each request that finds its lane full."""
        self._places = places
        self._taken = dict.fromkeys(Lane, 0)
        self._sent_away = sent_away

    def taken(self, lane: Lane) -> int:
        """How many are worked on now."""
        return self._taken[lane]

    @contextmanager
    def admit(self, lane: Lane) -> Iterator[None]:
        """Work on one more. Raises OverCapacity when its lane is full."""
        self._take(lane)
        try:
            yield
        finally:
            self._taken[lane] -= 1

    @contextmanager
    def aside(self, lane: Lane) -> Iterator[None]:
        """Let others in while the body of a request that has a place arrives; then have a place again.

        Raises OverCapacity when either lane is full: whoever sends slowly must not keep out whoever does not.
        """
        self._taken[lane] -= 1
        try:
            with self.admit(Lane.BODY):
                yield
        except BaseException:
            self._taken[lane] += 1
            raise
        self._taken[lane] += 1
        if self._taken[lane] > self._places[lane]:
            self._refuse(lane)

    def _take(self, lane: Lane) -> None:
        if self._taken[lane] >= self._places[lane]:
            self._refuse(lane)
        self._taken[lane] += 1

    def _refuse(self, lane: Lane) -> None:
        self._sent_away(lane)
        raise OverCapacity("the platform works on as much as it can; nothing was done, ask again in a moment")
