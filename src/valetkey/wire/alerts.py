"""JSON shapes of alerts: as a list, and as the webhook that tells of one."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from valetkey.core.alerts import Alert, AlertKind
from valetkey.wire.http import encode
from valetkey.wire.shape import Id, View
from valetkey.wire.timestamps import iso_timestamp

ALERT_RAISED = "alert.raised"


class AlertView(View, kw_only=True):
    """An alert. `kind` is budget, expiry, pace, claim_intercepted or unasked; `message` says it to a person.

    Times are ISO-8601, amounts decimal strings of `currency`. budget: `percent` of `budget` is reached by what is
    `spent` and `held`. expiry: the session ends at `expires_at`. pace: `last_hour` and `mean_hour`. claim_intercepted:
    `claim_id`. unasked: `amount` moved, told as the spend `spend_id`.
    """

    alert_id: str
    session_id: str
    kind: str
    message: str
    raised_at: str
    label: str | None = None
    delegate: str | None = None
    currency: str | None = None
    percent: int | None = None
    budget: str | None = None
    spent: str | None = None
    held: str | None = None
    expires_at: str | None = None
    last_hour: str | None = None
    mean_hour: str | None = None
    claim_id: str | None = None
    spend_id: str | None = None
    amount: str | None = None
    acknowledged_at: str | None = None
    acknowledged_by: str | None = None


class AlertRaised(AlertView, kw_only=True):
    """The webhook `alert.raised`, to the owner's URL."""

    event: str


class AlertPage(View):
    """GET /alerts: one page, newest first."""

    alerts: list[AlertView]
    total: int
    limit: int
    offset: int


class AlertListQuery(msgspec.Struct, kw_only=True):
    """Query of GET /alerts. `open`: those that nobody acknowledged, or the others. More than 100 are read as 100."""

    session: Id | None = None
    kind: AlertKind | None = None
    open: Literal["true", "false"] | None = None
    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


def alert_view(alert: Alert) -> AlertView:
    """An alert as its owner sees it."""
    return AlertView(**_members(alert))


def alert_raised(alert: Alert) -> bytes:
    """The body of the webhook that tells of an alert."""
    return encode(AlertRaised(event=ALERT_RAISED, **_members(alert)))


def _members(alert: Alert) -> dict[str, Any]:
    members: dict[str, Any] = dict(alert.facts)
    if "percent" in members:
        members["percent"] = int(members["percent"])
    if "expires_at" in members:
        members["expires_at"] = iso_timestamp(int(members["expires_at"]))
    if alert.acknowledged_at is not None:
        members["acknowledged_at"] = iso_timestamp(alert.acknowledged_at)
        members["acknowledged_by"] = alert.acknowledged_by
    return {
        "alert_id": alert.id,
        "session_id": alert.session_id,
        "kind": str(alert.kind),
        "raised_at": iso_timestamp(alert.raised_at),
        **members,
        "message": _message(alert.kind, members),
    }


def _message(kind: AlertKind, facts: dict[str, Any]) -> str:
    label = facts.get("label")
    who = "The session" if label is None else f'The session "{label}"'
    match kind:
        case AlertKind.BUDGET:
            return (
                f"{who} has reached {facts['percent']} % of its budget of {facts['budget']} {facts['currency']}:"
                f" {facts['spent']} spent, {facts['held']} held"
            )
        case AlertKind.EXPIRY:
            return f"{who} ends at {facts['expires_at']}"
        case AlertKind.PACE:
            return (
                f"{who} spent {facts['last_hour']} {facts['currency']} in the last hour;"
                f" its mean hour of the day before is {facts['mean_hour']}"
            )
        case AlertKind.CLAIM:
            return f"{who} was stopped: its link was opened by two"
        case AlertKind.UNASKED:
            return (
                f"{who} moved {facts['amount']} {facts['currency']} without asking: its key may have leaked"
            )
