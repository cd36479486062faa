"""What was refused lately: for each session the refusals of the last hour, as far as the feed was heard."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from valetkey.core.audit import Kind
from valetkey.wire.audit import Event

HOUR_SECONDS = 3_600
SESSIONS_MAX = 20_000
COUNTED_MAX = 999
REFUSED = {kind.value for kind in Kind if kind.value.endswith("_refused")}


class Recent:
    """Bounded: of very many sessions those are forgotten that were refused longest ago."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def hear(self, event: Event | None) -> None:
        """A listener of the feed."""
        if event is None or event.session is None or event.kind not in REFUSED:
            return
        times = self._times.pop(event.session, None) or deque(maxlen=COUNTED_MAX)
        times.append(self._clock())
        self._times[event.session] = times
        while len(self._times) > SESSIONS_MAX:
            self._times.popitem(last=False)

    def refusals(self, session_id: str) -> int:
        """How many there were within an hour."""
        times = self._times.get(session_id)
        if times is None:
            return 0
        while times and times[0] <= self._clock() - HOUR_SECONDS:
            times.popleft()
        if not times:
            del self._times[session_id]
        return len(times)
