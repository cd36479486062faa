"""A session as the Client shows it: what people call it, what it has left, until when, and its key's hash."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from valetkey.core.chains import CHAINS
from valetkey.wire.sessions import SessionView


@dataclass(frozen=True, slots=True)
class ClientSession:
    """A session of the owner. Amounts are decimals of USDC, None = unlimited; times have a time zone (UTC).

    session_key_hash: what identifies it, 0x and 64 hex digits; its id for one whose key nobody told. chain: its
    name, or its number where it has none. wallet_address: its key's account. funding: "grant", "wallet" or
    "allotment". view: all that the platform says of it.
    """

    label: str | None
    status: str
    spending_limit: Decimal | None
    remaining_limit: Decimal | None
    session_key_hash: str
    session_id: str
    not_before: datetime
    expires_at: datetime
    chain: str
    chain_id: int
    wallet_address: str | None
    funding: str
    delegate: str | None = None
    view: SessionView = field(repr=False, compare=False, kw_only=True)


def client_session(view: SessionView) -> ClientSession:
    """A session, from what the platform says of it."""

    def decimal(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    chain_id = view.network.chain_id
    name = next((one.name for one in CHAINS if one.chain_id == chain_id), str(chain_id))
    return ClientSession(
        label=view.label,
        status=view.status,
        spending_limit=decimal(view.budget_usdc),
        remaining_limit=decimal(view.remaining_usdc),
        session_key_hash=view.session_key_hash or view.session_id,
        session_id=view.session_id,
        not_before=datetime.fromtimestamp(view.not_before, UTC),
        expires_at=datetime.fromtimestamp(view.expiry, UTC),
        chain=name,
        chain_id=chain_id,
        wallet_address=view.session_wallet,
        funding=view.funding_mode,
        delegate=view.delegate,
        view=view,
    )
