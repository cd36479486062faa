"""Alerts in words: amounts with their asset, moments in the viewer's zone."""

from datetime import tzinfo
from decimal import ROUND_HALF_UP, Decimal

from valetkey.studio.words.amounts import money
from valetkey.studio.words.times import moment, seconds_of
from valetkey.wire.alerts import AlertView

CENT = Decimal("0.01")


def alert_in_words(one: AlertView, now: int, zone: tzinfo) -> str:
    """What an alert says; one of a kind that is not known here as the platform says it."""
    who = "The session" if one.label is None else f'The session "{one.label}"'
    currency = one.currency or "USDC"
    if one.budget is not None and one.spent is not None and one.held is not None:
        return (
            f"{who} has reached {one.percent} % of its budget of {money(one.budget, currency)}:"
            f" {money(one.spent, currency)} spent, {money(one.held, currency)} held."
        )
    if one.expires_at is not None:
        at = seconds_of(one.expires_at)
        return f"{who} {'ends' if at > now else 'ended'} {moment(at, now, zone)}."
    if one.last_hour is not None and one.mean_hour is not None:
        mean = _rounded(one.mean_hour)
        return (
            f"{who} spent {money(one.last_hour, currency)} in the last hour; its mean hour of the day before is"
            f" {money(mean, currency)}."
        )
    return one.message


def _rounded(amount: str) -> str:
    """To cents, where that leaves something of it."""
    exact = Decimal(amount)
    cents = exact.quantize(CENT, ROUND_HALF_UP)
    return format(cents if cents else exact, "f")
