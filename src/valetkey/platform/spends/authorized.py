"""Payments by a signed permission (x402): what a session says that it signed has to be that, before it is kept."""

from valetkey.core.errors import InvalidInput
from valetkey.engine.authorizing import unlike
from valetkey.platform.callers import Caller
from valetkey.ports.ledger import SpendRecord


def check_authorized(caller: Caller, record: SpendRecord, payload: bytes, reference: str) -> None:
    """Raise InvalidInput unless the payload is a payment of this very spend, signed by the session's wallet.

    A payment that counts as dead when it says that it is would otherwise give money back on somebody's mere word.
    """
    wallet = caller.session.wallet_address if caller.session is not None else None
    problem = unlike(record.hold, payload, reference, wallet)
    if problem is not None:
        raise InvalidInput(problem, code="invalid_signature", field="payload")
