"""A payment out of a grant as the ledger keeps it, from before it is sent: enough to send it again, and to end it."""

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.ports.grants import SignedGrant
from valetkey.wire.granting import GrantBody
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


VOUCHER = "voucher:"
"""What the reference of a promise to a payee begins with; the grant's id and the payee follow."""


class VoucherPayload(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """JSON of a promise as the ledger keeps it: the one hold's share of `total` is what the hold says."""

    chain_id: int
    grant: str
    payee: str
    total: str
    executor: str
    until: int
    signature: str


class SignedVoucher(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a payee gets, and settles: JSON. `total` is all that it was ever promised, what was settled included.

    `grant` and `grant_signature` make the grant known, when it is not; `proof` shows that the payee is in its tree.
    """

    chain_id: int
    contract: str
    grant: GrantBody
    grant_signature: str
    payee: str
    total: str
    until: int
    signature: str
    proof: list[str] = msgspec.field(default_factory=list)

    def serialize(self) -> str:
        """The voucher as text."""
        return msgspec.json.encode(self).decode("ascii")


def voucher_reference(grant_id: bytes, payee: str) -> str:
    """What the ledger calls promises of a grant to a payee, all of them."""
    return f"{VOUCHER}0x{grant_id.hex()}:{payee.lower()}"


def read_promise(payload: bytes) -> VoucherPayload:
    """Raises InvalidInput for bytes that are no such promise."""
    try:
        return msgspec.json.decode(payload, type=VoucherPayload)
    except msgspec.MsgspecError:
        raise InvalidInput("this is no promise to a payee") from None


def read_voucher(text: str) -> SignedVoucher:
    """Raises InvalidInput for a text that is no voucher."""
    try:
        return msgspec.json.decode(text, type=SignedVoucher)
    except msgspec.MsgspecError:
        raise InvalidInput("this is no voucher") from None


def reference_of(reference: bytes) -> str:
    """What the ledger calls the payment that the contract's event names by 32 bytes."""
    return f"{DRAW}0x{reference.hex()}"


def read_draw(payload: bytes) -> DrawPayload:
    """Raises InvalidInput for bytes that are no such payment."""
    try:
        return msgspec.json.decode(payload, type=DrawPayload)
    except msgspec.MsgspecError:
        raise InvalidInput("this is no payment out of a grant") from None
