"""A payment out of a grant as the ledger keeps it, from before it is sent: enough to send it again, and to end it."""

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.ports.grants import SignedGrant
from valetkey.wire.grants import GrantSpend

DRAW = "draw:"
"""What the reference of such a payment begins with; the reference of the contract's event follows, 0x and hex."""


class DrawPayload(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """JSON. Amounts and nonces are decimal text; `until` is unix seconds from which on it cannot be submitted."""

    chain_id: int
    grant: str
    payee: str
    amount: str
    reference: str
    executor: str
    nonce: str
    until: int
    signature: str

    @classmethod
    def of(cls, signed: SignedGrant, spend: GrantSpend, signature: bytes) -> "DrawPayload":
        """What a key signed out of its grant."""
        return cls(
            chain_id=signed.chain_id,
            grant="0x" + signed.id.hex(),
            payee=spend.payee,
            amount=str(spend.amount),
            reference="0x" + spend.reference.hex(),
            executor=spend.executor,
            nonce=str(spend.nonce),
            until=spend.deadline,
            signature="0x" + signature.hex(),
        )


def reference_of(reference: bytes) -> str:
    """What the ledger calls the payment that the contract's event names by 32 bytes."""
    return f"{DRAW}0x{reference.hex()}"


def read_draw(payload: bytes) -> DrawPayload:
    """Raises InvalidInput for bytes that are no such payment."""
    try:
        return msgspec.json.decode(payload, type=DrawPayload)
    except msgspec.MsgspecError:
        raise InvalidInput("this is no payment out of a grant") from None
