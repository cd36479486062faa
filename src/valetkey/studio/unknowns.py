"""Payments of an owner whose outcome is not proven: how many each session has, and since when."""

from valetkey.core.audit import Kind
from valetkey.core.errors import ValetkeyError
from valetkey.core.spend import HoldState
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk.errors import Refused
from valetkey.studio.words.times import seconds_of
from valetkey.wire.audit import Event

LIMIT = 100
CHANGING = {
    kind.value for kind in (Kind.MARKED_UNKNOWN, Kind.CAPTURED, Kind.VOIDED, Kind.EXPIRED, Kind.OBSERVED)
}


class Unknowns:
    """Asked for again when something was marked or settled; the newest hundred are counted."""

    def __init__(self, agent: AsyncBuyerAgent) -> None:
        self._agent = agent
        self._known: dict[str, tuple[int, int]] = {}
        self._stale = True

    def hear(self, event: Event | None) -> None:
        """A listener of the feed."""
        self._stale = self._stale or event is None or event.kind in CHANGING

    async def by_session(self) -> dict[str, tuple[int, int]]:
        """How many, and unix seconds of the oldest. What could not be asked is as it was."""
        if not self._stale:
            return self._known
        self._stale = False
        try:
            page = await self._agent.list_spends(state=str(HoldState.UNKNOWN), limit=LIMIT)
        except Refused:
            # A key without spends:read; asking again would not help before the next news either.
            return self._known
        except ValetkeyError:
            self._stale = True
            return self._known
        found: dict[str, tuple[int, int]] = {}
        for one in page.spends:
            count, since = found.get(one.session_id, (0, 2**53))
            found[one.session_id] = (count + 1, min(since, seconds_of(one.placed_at)))
        self._known = found
        return found
