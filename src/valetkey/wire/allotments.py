"""JSON shapes of allotments: what an owner keeps with the platform so that its session on Solana ends in time."""

import base64
from typing import Annotated

from msgspec import Meta

from valetkey.core.errors import InvalidInput
from valetkey.wire.shape import END, Request, View
from valetkey.wire.solana import TRANSACTION_BYTES_MAX, SolanaPayment, payment_of

TRANSACTION_CHARS_MAX = 4 * (TRANSACTION_BYTES_MAX // 3 + 1)

Transaction = Annotated[
    str,
    Meta(
        min_length=4,
        max_length=TRANSACTION_CHARS_MAX,
        pattern="^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)" + END,
    ),
]
"""The bytes of a signed transaction, standard base64."""


class GiveAllotmentRequest(Request, kw_only=True):
    """POST /agents/session/{id}/allotment: the revocation that the owner signed in advance, over a durable nonce.

    The session's account, its owner and its nonce are in it. It advances the nonce and revokes, and does nothing else.
    """

    revocation: Transaction


class AllotmentView(View, kw_only=True):
    """The account of a session on Solana. `status` is open, revoking, revoked or revocation_dead.

    Addresses are base58; `allotted_usdc` is what the key might move when it was given. `revocation` is the transaction
    that ends it, base64: whoever has it can end the session early, and do nothing else. Once a final block shows that
    the key can move nothing: `revoked_at` (ISO-8601, by block time), `revoked_slot`, `revocation_signature`, None when
    another revocation did it, and `lateness_seconds` since the session's end.
    """

    session_id: str
    chain_id: int
    owner: str
    account: str
    mint: str
    allotted_usdc: str
    status: str
    revocation: str
    made_at: str
    revoked_at: str | None = None
    revoked_slot: int | None = None
    revocation_signature: str | None = None
    lateness_seconds: int | None = None


def revocation_of(asked: GiveAllotmentRequest) -> SolanaPayment:
    """The presigned revocation of a request. Raises InvalidInput for bytes that are no signed transaction."""
    problem = ""
    try:
        return payment_of(base64.b64decode(asked.revocation), None, 0)
    except InvalidInput as error:
        problem = str(error)
    raise InvalidInput(problem, code="allotment_mismatch", field="revocation")
