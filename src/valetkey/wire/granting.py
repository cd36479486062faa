"""JSON shapes of grants: what an owner gives its session, what is shown of it, what its key signed for a relayer."""

from dataclasses import fields
from typing import Annotated

import msgspec
from msgspec import Meta, field

from valetkey.core.errors import InvalidInput
from valetkey.core.grant import Grant
from valetkey.crypto.keys import checksum_address
from valetkey.wire.shape import END, Address, Hash, Request, View

Number = Annotated[str, Meta(pattern="^(?:0|[1-9][0-9]{0,77})" + END)]
"""An unsigned integer as decimal text: base units, times, and whatever else has up to 256 bits."""

Signature = Annotated[str, Meta(pattern="^0x(?:[0-9a-fA-F]{2}){1,1024}" + END)]
"""Of an owner: 65 bytes of its key, or what its contract accepts (ERC-1271)."""

KeySignature = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{130}" + END)]
"""65 bytes r, s, v of a session key."""

_ADDRESSES = ("owner", "key", "token", "escrow")
_WORDS = ("payees", "predecessor", "parent", "salt")


class GrantBody(Request, kw_only=True):
    """A grant as EIP-712 names its fields; see docs/reference/grants.md. Numbers are decimal text."""

    owner: Address
    key: Address
    token: Address
    escrow: Address
    cap: Number
    per_spend: Number
    window_cap: Number
    window_seconds: Number
    valid_after: Number
    valid_until: Number
    payees: Hash
    predecessor: Hash
    parent: Hash
    epoch: Number
    unit: Number
    salt: Hash


class GiveGrantRequest(Request, kw_only=True):
    """POST /agents/session/{id}/grant. `signature` is the owner's of the Grant, `revocation` of its Revoke."""

    chain_id: Annotated[int, Meta(ge=1)]
    contract: Address
    grant: GrantBody
    signature: Signature
    revocation: Signature


class GrantView(View, kw_only=True):
    """A grant that a session has. `status` is signed, known, revoking or revoked; see docs/reference/grants.md.

    `id` is what the contract's events call it, `hash` what its owner's signatures do. `known_at` and `revoked_at` are
    ISO-8601, of final blocks. `revocation_tx_hash`: of the transaction that the platform's relayer sends to revoke it.
    """

    id: str
    hash: str
    chain_id: int
    contract: str
    status: str
    grant: GrantBody
    signature: str
    made_at: str
    known_at: str | None = None
    revoked_at: str | None = None
    revocation_tx_hash: str | None = None


class GrantPage(View):
    """GET /agents/grants: one page, newest first."""

    grants: list[GrantView]
    total: int
    limit: int
    offset: int


class GrantListQuery(msgspec.Struct, kw_only=True):
    """Query of GET /agents/grants. `limit` above 100 is read as 100 by the platform."""

    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class ExposureView(View, kw_only=True):
    """GET /agents/session/{id}/exposure: the most that a session could still cost if its key leaked now.

    Decimal strings of USDC on one chain, read now. `gate`: what the platform would still grant, held money included;
    None is unlimited. `wallet`: what lies in the session's wallet. `grant`: what the contract would still let out, at
    most what the owner has (`owner_balance`) and approved (`owner_approval`). `signed`: what was signed for and is not
    settled, which is part of the others. On Solana the token program lets out what its key may move, `owner_balance` is
    what the session's account holds, and `block` is a final slot. `worst_case_usdc` is what a thief of the key could
    take: wallet and grant.
    """

    worst_case_usdc: str
    gate_usdc: str | None
    wallet_usdc: str
    grant_usdc: str
    owner_balance_usdc: str
    owner_approval_usdc: str
    signed_usdc: str
    block: int


class RelayFundingRequest(Request, kw_only=True):
    """POST /transactions/{id}/relay: an escrow that the session key signed for (EscrowFunding).

    `deadline` is until when the seller should deliver, `signed_until` until when this may be submitted: unix seconds.
    """

    deadline: Annotated[int, Meta(ge=1, le=2**40)]
    nonce: Number
    signed_until: Annotated[int, Meta(ge=1, le=2**40)]
    signature: KeySignature


class RelaySpendRequest(Request, kw_only=True):
    """POST /spends/{id}/relay: a payment out of the grant that the session key signed (Spend), for the relayer alone.

    Payee and amount are those of the spend that is held, unless `payee` is the session's own wallet: a top-up of what
    pays by other means.
    """

    payee: Address
    nonce: Number
    signed_until: Annotated[int, Meta(ge=1, le=2**40)]
    signature: KeySignature


class RelayStepRequest(Request, kw_only=True):
    """POST /transactions/{id}/step: a buyer's step on the escrow that the session key signed (BuyerStep)."""

    step: Annotated[int, Meta(ge=1, le=3)]
    signed_until: Annotated[int, Meta(ge=1, le=2**40)]
    signature: KeySignature


class RelayView(View, kw_only=True):
    """What became of something that the relayer sends: queued, signed, done, failed or dropped.

    `tx_hash` is of the newest bytes; None before they are signed. `reason`: why it was dropped or failed.
    """

    id: str
    purpose: str
    state: str
    tx_hash: str | None = None
    reason: str | None = None
    hashes: list[str] = field(default_factory=list)


def grant_of(body: GrantBody) -> Grant:
    """The grant in a body. Raises InvalidInput for what the contract would never register."""
    given: dict[str, object] = {}
    for one in fields(Grant):
        text = getattr(body, one.name)
        if one.name in _ADDRESSES:
            given[one.name] = checksum_address(text)
        elif one.name in _WORDS:
            given[one.name] = bytes.fromhex(text[2:])
        else:
            given[one.name] = int(text)
    return Grant(**given)  # type: ignore[arg-type]  # by name, as above


def grant_body(grant: Grant) -> GrantBody:
    """A grant as JSON."""
    told: dict[str, str] = {}
    for one in fields(Grant):
        value = getattr(grant, one.name)
        if one.name in _ADDRESSES:
            told[one.name] = checksum_address(value)
        else:
            told[one.name] = "0x" + value.hex() if isinstance(value, bytes) else str(value)
    return GrantBody(**told)


def signature_bytes(text: str) -> bytes:
    """The bytes of a signature. Raises InvalidInput for one of a key whose v is none."""
    raw = bytes.fromhex(text[2:])
    if len(raw) == 65 and raw[64] not in (27, 28):
        raise InvalidInput("the last byte of a signature is 27 or 28", code="invalid_signature")
    return raw
