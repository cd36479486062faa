"""What a manager answers: sessions, payments and revocations as plain values. No secret is in any of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from valetkey.core.chains import Chain
from valetkey.core.money import Asset
from valetkey.core.session import ends_at, remaining, status
from valetkey.ports.accounts import SessionRecord
from valetkey.sdk.manager.rules import decimal_units


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedSession:
    """A session as it was when it was asked for. Amounts are decimals of the manager's token, None is unlimited.

    session_key_hash: 0x and 64 hex digits, what every call names it by. status: revoked, expired, paused, exhausted,
    pending or active. spent: what moved; held: what may have. not_before, expires_at, created_at: times with a zone.
    delegate: who holds it, or what for, in the owner's words.
    """

    session_key_hash: str
    session_id: str
    label: str | None
    status: str
    spending_limit: Decimal | None
    remaining_limit: Decimal | None
    spent: Decimal
    held: Decimal
    not_before: datetime
    expires_at: datetime
    created_at: datetime
    chain: str
    chain_id: int
    wallet_address: str
    token: str
    delegate: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The transaction that paid: its hash and the block that it is in, None while it is in none."""

    tx_hash: str | None
    block: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One payment. state: `captured` when a final block shows it, `unknown` while it is signed and not proven.

    hold_id names it in ledger and audit log. remaining: what is left of the session's limit, None when unlimited.
    """

    hold_id: str
    session_key_hash: str
    state: str
    amount: Decimal
    token: str
    to: str
    receipt: Receipt
    remaining: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A session that was taken back: nothing new is granted to it by any process, from now on.

    on_chain: whether a final block shows it. signed: what its key signed before and may still move until its time
    (unix seconds in `signed_until`) is over, a decimal of the token. Once the chain shows the revocation, that is what
    was paid over HTTP alone, which its payee sends.
    """

    session: ManagedSession
    on_chain: bool
    signed: Decimal
    signed_until: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaimed:
    """What came home from an ended session: a decimal of the token, and on Solana the lamports of closed accounts."""

    session: ManagedSession
    amount: Decimal
    lamports: int


def session_view(
    record: SessionRecord, key_hash: str, chain: Chain, asset: Asset, now: int
) -> ManagedSession:
    """A session at `now`, unix seconds."""
    session = record.session
    lefts = [left for one in (session, *record.ancestors) if (left := remaining(one)) is not None]
    budget = session.policy.budget
    return ManagedSession(
        session_key_hash=key_hash,
        session_id=session.id,
        label=record.label,
        status=str(status(session, now, record.ancestors)),
        spending_limit=None if budget is None else decimal_units(budget, asset),
        remaining_limit=decimal_units(min(lefts), asset) if lefts else None,
        spent=decimal_units(session.usage.captured, asset),
        held=decimal_units(session.usage.held, asset),
        not_before=datetime.fromtimestamp(session.policy.not_before or session.created_at, UTC),
        expires_at=datetime.fromtimestamp(ends_at(session, record.ancestors), UTC),
        created_at=datetime.fromtimestamp(session.created_at, UTC),
        chain=chain.name,
        chain_id=chain.chain_id,
        wallet_address=record.wallet_address or "",
        token=asset.currency,
        delegate=record.delegate,
    )
