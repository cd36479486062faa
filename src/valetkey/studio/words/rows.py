"""A session as a row of the inventory: texts and figures, which the browser puts into cells."""

from collections.abc import Mapping
from typing import Any

from valetkey.studio.words.amounts import grouped, share
from valetkey.studio.words.chains import chains_of
from valetkey.studio.words.times import seconds_of, span
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView

PAUSABLE = ("active", "pending", "exhausted")
ENDED = ("expired", "revoked")
NAMELESS = "without a label"


def row_of(view: SessionView, networks: Mapping[int, NetworkView], *, may_change: bool) -> dict[str, Any]:
    """A row. `unknown` is how many payments are unproven, and since when the oldest is (unix seconds)."""
    left, budget, health = view.remaining_usdc, view.budget_usdc, view.health
    return {
        "id": view.session_id,
        "name": name_of(view),
        "status": view.status,
        "agent": view.delegate or "",
        "chain": chains_of(view, networks),
        "left": "unlimited" if left is None else grouped(left),
        "budget": "USDC" if budget is None else f"of {grouped(budget)} USDC",
        "share": share(left, budget),
        "windows": [
            {
                "name": span(one.seconds),
                "left": f"{grouped(one.left_usdc)} of {grouped(one.limit_usdc)}",
                "share": share(one.left_usdc, one.limit_usdc),
            }
            for one in view.windows
        ],
        "ends": view.expiry,
        "parent": view.parent_id,
        "unknown": None
        if health is None or health.unknown_since is None
        else {"count": health.unknown, "since": seconds_of(health.unknown_since)},
        "refusals": 0 if health is None else health.refused_last_hour,
        "may": may(view, may_change=may_change),
    }


def may(view: SessionView, *, may_change: bool) -> dict[str, bool]:
    """What can be done with a session as it is, by somebody who may change sessions or not."""
    return {
        "pause": may_change and view.status in PAUSABLE,
        "resume": may_change and view.status == "paused",
        "revoke": may_change and view.status not in ENDED,
        "extend": may_change and view.status not in ENDED,
    }


def name_of(view: SessionView) -> str:
    """What people call a session."""
    return view.label or NAMELESS
