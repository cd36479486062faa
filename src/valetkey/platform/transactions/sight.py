"""Who may see a transaction, and as which party. What a caller may not see does not exist for it."""

from valetkey.core.refusal import Code
from valetkey.core.session import Role
from valetkey.core.transaction import Party, Transaction
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.refusing import NotFound, refused


def party_of(caller: Caller, transaction: Transaction) -> Party | None:
    """The part that a caller has in a transaction; None when it may not see it.

    A session sees what it bought itself, or, as a seller, what its owner sells within its policy.
    """
    session = caller.session.session if caller.session else None
    if session is None:
        if transaction.buyer_id == caller.agent.id:
            return Party.BUYER
        return Party.SELLER if transaction.seller_id == caller.agent.id else None
    if session.role is Role.BUYER:
        return Party.BUYER if transaction.session_id == session.id else None
    if transaction.seller_id != caller.agent.id:
        return None
    allowed = session.policy.allowed_services
    return Party.SELLER if allowed is None or transaction.service_id in allowed else None


async def seen(platform: Platform, caller: Caller, transaction_id: str) -> tuple[Transaction, Party]:
    """A transaction and the caller's part in it. Raises NotFound."""
    transaction = await platform.store.transaction(transaction_id)
    party = None if transaction is None else party_of(caller, transaction)
    if transaction is None or party is None:
        raise NotFound("Transaction not found")
    return transaction, party


async def seen_as(platform: Platform, caller: Caller, transaction_id: str, wanted: Party) -> Transaction:
    """A transaction in which the caller has this part. Raises NotFound, and a refusal for the other party."""
    transaction, party = await seen(platform, caller, transaction_id)
    if party is not wanted:
        raise refused(Code.WRONG_PARTY, "party", f"only the {wanted} of this transaction can do this")
    return transaction
