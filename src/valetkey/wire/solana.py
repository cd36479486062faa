"""A signed transaction of Solana as it is stored before it is sent, with what proves its end."""

import base64
import binascii

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.crypto import base58

SIGNATURE_BYTES = 64
TRANSACTION_BYTES_MAX = 1_232


class SolanaPayment(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Signed bytes, the last height of the chain at which they can come into a block, and where it was then.

    `transaction` is base64. `last_valid_height` is None for one that lives by a durable nonce. `signed_slot` is the
    slot in which its blockhash was read: it cannot be in an earlier one.
    """

    transaction: str
    last_valid_height: int | None
    signed_slot: int

    @property
    def raw(self) -> bytes:
        """The bytes that are sent."""
        return base64.b64decode(self.transaction)

    @property
    def signature(self) -> str:
        """What the cluster knows it by: its first signature, base58."""
        return signature_of(self.raw)

    def encode(self) -> bytes:
        """JSON, for the ledger."""
        return msgspec.json.encode(self)

    def __repr__(self) -> str:
        return f"<SolanaPayment {self.signature}>"


def payment_of(raw: bytes, last_valid_height: int | None, signed_slot: int) -> SolanaPayment:
    """A payment out of its bytes. Raises InvalidInput for bytes that are no signed transaction."""
    signature_of(raw)
    return SolanaPayment(base64.b64encode(raw).decode(), last_valid_height, signed_slot)


def read_payment(payload: bytes) -> SolanaPayment:
    """What was stored. Raises InvalidInput."""
    try:
        found = msgspec.json.decode(payload, type=SolanaPayment)
        raw = base64.b64decode(found.transaction, validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError) as error:
        raise InvalidInput("this is no signed transaction of Solana") from error
    signature_of(raw)
    return found


def signature_of(raw: bytes) -> str:
    """The signature by which the cluster knows a transaction. Raises InvalidInput for bytes that are none."""
    # The number of signatures comes first, in one byte for all that fit into a transaction.
    count = raw[0] if raw else 0
    if not 1 <= count <= 127 or not 1 + count * SIGNATURE_BYTES < len(raw) <= TRANSACTION_BYTES_MAX:
        raise InvalidInput("this is no signed transaction of Solana")
    first = raw[1 : 1 + SIGNATURE_BYTES]
    if not any(first):
        raise InvalidInput("this transaction is not signed yet")
    return base58.encode(first)
