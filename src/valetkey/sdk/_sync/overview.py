# Generated from src/valetkey/sdk/_async/overview.py by scripts/generate_sync.py: edit that file instead.
"""What an owner looks at first: sums over its sessions, and what one of them spent over time."""

from valetkey.sdk._sync.agent import Agent, segment
from valetkey.sdk.session_info import SessionInfo
from valetkey.wire.overview import OverviewView, SpendingView, SpentThenView


class Overview(Agent):
    """The part of an agent that looks at sums."""

    def overview(self, *, days: int = 7, soon: int = 86_400) -> OverviewView:
        """Sums over the owner's sessions: what is at risk, was spent and refused in `days`, is unknown, ends soon.

        Amounts are decimal strings. `soon`: seconds in which what ends ends soon. What was spent is seconds behind.
        """
        return self._client.get("/overview", OverviewView, {"days": days, "soon": soon})

    def spending(
        self, session: SessionInfo | str, *, bucket: int = 3_600, seconds: int = 86_400
    ) -> list[SpentThenView]:
        """What a session spent itself over time: buckets in which something was spent, oldest first. Raises NotFound.

        `bucket` is seconds, 300 or a multiple of it; `seconds`: how far back.
        """
        session_id = session.session_id if isinstance(session, SessionInfo) else session
        path, asked = (
            f"/agents/session/{segment(session_id)}/spending",
            {"bucket": bucket, "seconds": seconds},
        )
        return (self._client.get(path, SpendingView, asked)).spending
