"""Sessions as people and programs read them."""

from typing import TYPE_CHECKING, Any

from valetkey.cli.told import NOTHING, Facts, Raw, Rows, Told, facts, local, plain, rows
from valetkey.wire.timestamps import iso_timestamp

if TYPE_CHECKING:
    from pathlib import Path

    from valetkey.cli.destination import Destination
    from valetkey.wire.sessions import SessionView

COLUMNS = ("SESSION", "LABEL", "STATUS", "BUDGET", "SPENT", "HELD", "LEFT", "ENDS")


def data_of(view: "SessionView") -> dict[str, Any]:
    """A session for programs: times are ISO-8601."""
    told: dict[str, Any] = plain(view)
    del told["expiry"]
    told["not_before"] = iso_timestamp(view.not_before) if view.not_before else None
    return told


def row_of(view: "SessionView") -> tuple[object, ...]:
    """A session as a line of a table."""
    return (
        *(
            view.session_id,
            view.label,
            view.status,
            amount(view.budget_usdc),
            view.spent_usdc,
            view.held_usdc,
        ),
        *(amount(view.remaining_usdc), local(view.expires_at)),
    )


def table_of(found: "list[SessionView]") -> Rows:
    """Sessions as a table."""
    return rows(COLUMNS, map(row_of, found), "no sessions")


def amount(usdc: str | None) -> str:
    """USDC, or that there is no limit."""
    return "unlimited" if usdc is None else usdc


def facts_of(view: "SessionView") -> Facts:
    """Everything about a session that says something."""
    told: dict[str, object] = {
        "session": view.session_id,
        "label": view.label,
        "status": view.status,
        "role": view.role,
        "delegate": view.delegate,
        "network": f"{view.network.network} (chain {view.network.chain_id})",
        "pays with": view.funding_mode,
        "budget": f"{amount(view.budget_usdc)} USDC",
        "spent": f"{view.spent_usdc} USDC in {view.spends} spends",
        "held": f"{view.held_usdc} USDC",
        "left": f"{amount(view.remaining_usdc)} USDC",
        "could still cost": f"{amount(view.worst_case_loss_usdc)} USDC",
        "ends": local(view.expires_at),
        "wallet": view.session_wallet,
        "key hash": view.session_key_hash,
    }
    if view.per_spend_usdc is not None:
        told["each spend"] = f"{view.per_spend_usdc} USDC at most"
    if view.spends_max is not None:
        told["spends"] = f"{view.spends_max} at most"
    if view.approval_above_usdc is not None:
        told["asks above"] = f"{view.approval_above_usdc} USDC"
    for window in view.windows:
        told[f"in any {span(window.seconds)}"] = f"{window.limit_usdc} USDC, {window.left_usdc} left"
    for limit in view.limits:
        told[limit.currency] = f"{amount(limit.budget)}, {amount(limit.remaining)} left"
    if view.not_before:
        told["begins"] = local(view.not_before)
    if view.allowed_service_ids:
        told["services"] = " ".join(view.allowed_service_ids)
    for name in ("assets", "chains", "payees", "operations"):
        found = getattr(view, f"allowed_{name}")
        if found is not None:
            told[name] = " ".join(map(str, found)) or "none"
    if view.parent_id is not None:
        told["made out of"] = view.parent_id
    if view.successor_id is not None:
        told["replaced by"] = view.successor_id
    return facts({name: value for name, value in told.items() if value not in (None, NOTHING)})


def span(seconds: int) -> str:
    """A length of time, in the largest unit that it is a multiple of."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            count = seconds // size
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"


def handed_over(
    view: "SessionView", kept: "Destination", out: "Path | None", *, is_recoverable: bool
) -> Told:
    """A new session: where its bundle is, and what it may."""
    data = {"session": data_of(view), **kept.data("bundle")}
    notes = (
        ()
        if is_recoverable
        else ("No recovery copy: the owner's wallet was not at hand. Who loses the bundle loses the wallet.",)
    )
    if kept.text is not None:
        return Told(data, Raw(kept.text), (f"session {view.session_id}", *notes))
    return Told(data, Facts((*facts_of(view).facts, ("bundle in", str(out)))), notes)
