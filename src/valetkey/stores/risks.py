"""What is at risk, of sessions that a database does not add up by itself."""

from collections.abc import Iterable

from valetkey.core.session import Session, worst_case_loss
from valetkey.ports.overview import Risk


def added_up(found: dict[str, Risk], sessions: Iterable[Session], now: int) -> list[Risk]:
    """What is at risk by those that are counted and these, by currency."""
    for session in sessions:
        for currency in session.policy.currencies:
            before = found.get(currency, Risk(currency, 0, 0, 0))
            loss = worst_case_loss(session, now, (), currency)
            found[currency] = Risk(
                currency,
                before.units + (loss or 0),
                before.sessions + (loss is not None),
                before.unlimited + (loss is None),
            )
    return [found[currency] for currency in sorted(found)]
