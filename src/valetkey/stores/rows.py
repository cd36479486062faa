"""Rows of every store and what they stand for. Amounts are decimal text in a row and integers everywhere else."""

from typing import Any

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey, Scope
from valetkey.core.escrow import DisputeOutcome
from valetkey.core.money import Asset, Money
from valetkey.core.policy import PURCHASE
from valetkey.core.service import Service, ServiceStatus
from valetkey.core.session import Lineage, Role, Session
from valetkey.core.spend import UNDECIDED, Hold, HoldState
from valetkey.core.transaction import PaymentStatus, Transaction, TransactionStatus
from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.stores.damage import told_as_damaged
from valetkey.stores.records import policy_of, policy_text, request_of, request_text, spent_of

Row = tuple[Any, ...]

Value = str | int | bytes | None
"""What is bound to a statement. No float is among it: money and times are whole."""

AGENT = (
    "a.id, a.developer_id, a.name, a.description, a.wallet_address, a.public_key, a.created_at, a.last_seen_at,"
    " a.webhook_url, a.unique_labels, a.frozen_at"
)

KEY = "k.id, k.owner_id, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at"

SESSION = (
    "s.id, s.owner_id, s.role, s.policy, s.created_at, s.revoked_at, s.paused_at,"
    " (SELECT frozen_at FROM agents WHERE id = s.owner_id), s.tree_id, s.parent_id, s.depth, s.policy_version,"
    " s.successor_id, s.carried, u.figures"
)
RECORD = (
    f"{SESSION}, s.alias, s.wallet_address, s.e2e_public_key, s.label, s.recovery, s.delegate, s.funding, s.key_hash,"
    " s.sole, s.proof_key"
)
SESSIONS = "sessions s JOIN spent u ON u.session_id = s.id"

SPEND = (
    "h.id, h.session_id, h.request, h.amount, h.state, h.placed_at, h.expires_at, h.captured, h.refunded,"
    " h.settled_at, h.debits, h.terms, h.owner_id, h.note, h.reference, h.payload,"
    " (SELECT t.id FROM transactions t WHERE t.hold_id = h.id)"
)

_HOLD_COLUMNS = (
    "id", "session_id", "request", "amount", "state", "placed_at", "expires_at", "captured", "refunded",
    "settled_at", "debits", "terms", "lapses", "look_at",
)  # fmt: skip
HOLD = ", ".join(_HOLD_COLUMNS)

SERVICE = (
    "v.id, v.agent_id, a.name, v.title, v.description, v.category, v.price, v.price_unit, v.currency, v.decimals,"
    " v.delivery_type, v.callback_required, v.endpoint_url, v.network, v.status, v.created_at, v.updated_at,"
    " v.rating_hundredths, v.rating_count, v.avg_response_ms, v.completed"
)

_PLAIN = (
    "id", "service_id", "buyer_id", "buyer_alias", "buyer_address", "seller_id", "seller_address", "session_id",
    "hold_id", "quantity", "network", "escrow_address", "payment_method", "checkout_ends_at", "created_at",
    "updated_at", "escrow_tx_hash", "callback_url", "request_payload", "response_payload", "delivery_proof",
    "delivered_at", "completed_at", "dispute_reason", "dispute_window", "abandonment_grace", "criteria_hash",
    "disputed_at", "buyer_percent", "session_key",
)  # fmt: skip
_AMOUNTS = ("unit_price", "subtotal", "platform_fee")
_OTHERS = (
    "total_units", "currency", "chain_id", "token_address", "decimals", "status", "payment_status",
    "dispute_outcome",
)  # fmt: skip
_COLUMNS = (*_PLAIN, *_AMOUNTS, *_OTHERS)

TRANSACTION = ", ".join(_COLUMNS)
TRANSACTION_PLACES = ", ".join(f":{name}" for name in _COLUMNS)


def in_lower_case(text: str) -> str:
    """A text with its ASCII letters in lower case, as every database of ours writes it; the others stay."""
    return text.encode().lower().decode()


def agent_of(row: Row) -> Agent:
    """An agent from the columns of AGENT."""
    agent_id, developer_id, name, description, wallet, key, created_at, seen_at, url, unique, frozen_at = row
    return Agent(
        id=agent_id,
        developer_id=developer_id,
        name=name,
        description=description,
        wallet_address=wallet,
        public_key=key,
        created_at=created_at,
        last_seen_at=seen_at,
        webhook_url=url,
        unique_labels=bool(unique),
        frozen_at=frozen_at,
    )


def key_of(row: Row) -> ApiKey:
    """An API key from the columns of KEY."""
    key_id, owner_id, name, scopes, created_at, expires_at, revoked_at, last_used_at = row
    return ApiKey(
        id=key_id,
        owner_id=owner_id,
        name=name,
        scopes=frozenset(map(Scope, scopes.split())),
        created_at=created_at,
        expires_at=expires_at,
        revoked_at=revoked_at,
        last_used_at=last_used_at,
    )


@told_as_damaged("session")
def session_of(row: Row) -> Session:
    """A session from the columns of SESSION, which RECORD begins with."""
    (
        session_id, owner_id, role, policy, created_at, revoked_at, paused_at, frozen_at, tree_id, parent_id, depth,
        version, successor_id, carried, figures,
    ) = row[:15]  # fmt: skip
    usage, pace, others = spent_of(figures)
    return Session(
        id=session_id,
        owner_id=owner_id,
        role=Role(role),
        policy=policy_of(policy),
        usage=usage,
        created_at=created_at,
        pace=pace,
        revoked_at=revoked_at,
        paused_at=paused_at,
        frozen_at=frozen_at,
        others=others,
        tree_id="" if tree_id == session_id else tree_id,
        parent_id=parent_id,
        depth=depth,
        policy_version=version,
        successor_id=successor_id,
        carried=bool(carried),
    )


@told_as_damaged("session")
def record_of(row: Row, ancestors: Lineage = ()) -> SessionRecord:
    """A session and what is kept beside it, from the columns of RECORD."""
    alias, wallet, key, label, recovery, delegate, funding, key_hash, sole, proof_key = row[15:]
    return SessionRecord(
        session_of(row),
        alias,
        wallet,
        key,
        label,
        recovery,
        delegate,
        ancestors,
        Funding(funding),
        key_hash,
        bool(sole),
        proof_key,
    )


def session_values(session: Session) -> dict[str, Value]:
    """The columns of a session that change with its life."""
    policy = session.policy
    return {
        "id": session.id,
        "tree_id": session.tree,
        "parent_id": session.parent_id,
        "policy": policy_text(policy),
        "policy_version": session.policy_version,
        "not_before": policy.not_before,
        "expires_at": policy.expires_at,
        "revoked_at": session.revoked_at,
        "paused_at": session.paused_at,
        "successor_id": session.successor_id,
        "carried": int(session.carried),
    }


def record_values(record: SessionRecord) -> dict[str, Value]:
    """The columns of a session, by name."""
    session = record.session
    return session_values(session) | {
        "owner_id": session.owner_id,
        "role": str(session.role),
        "depth": session.depth,
        "created_at": session.created_at,
        "alias": record.alias,
        "wallet_address": record.wallet_address,
        "e2e_public_key": record.e2e_public_key,
        "label": record.label,
        "delegate": record.delegate,
        "recovery": record.recovery,
        "funding": str(record.funding),
        "key_hash": record.key_hash,
        "sole": int(record.sole),
        "proof_key": record.proof_key,
    }


@told_as_damaged("hold")
def spend_of(row: Row) -> SpendRecord:
    """A hold and what is kept beside it, from the columns of SPEND."""
    (
        hold_id, session_id, request, amount, state, placed_at, expires_at, captured, refunded, settled_at, debits,
        terms, owner_id, note, reference, payload, transaction_id,
    ) = row  # fmt: skip
    hold = Hold(
        id=hold_id,
        session_id=session_id,
        request=request_of(request),
        amount=int(amount),
        state=HoldState(state),
        placed_at=placed_at,
        expires_at=expires_at,
        captured=int(captured),
        refunded=int(refunded),
        settled_at=settled_at,
        debits=tuple(debits.split()) if debits else (),
        terms=terms,
    )
    payment = None if payload is None else Payment(payload, reference)
    return SpendRecord(hold, owner_id, note, payment, transaction_id)


def hold_values(hold: Hold) -> dict[str, Value]:
    """The columns of a hold, by name; see hold_row."""
    return dict(zip(_HOLD_COLUMNS, hold_row(hold), strict=True))


def hold_row(hold: Hold) -> tuple[Value, ...]:
    """The columns of a hold that change with its state, and those that a new one begins with, as HOLD names them.

    `lapses`: it ends by the clock alone. `look_at` is set for what only a chain can prove and no purchase does.
    """
    state = hold.state
    is_purchase = hold.request.operation == PURCHASE
    lapses = state in UNDECIDED or (state is HoldState.HELD and not is_purchase)
    return (
        hold.id,
        hold.session_id,
        request_text(hold.request),
        str(hold.amount),
        str(state),
        hold.placed_at,
        hold.expires_at,
        str(hold.captured),
        str(hold.refunded),
        hold.settled_at,
        " ".join(hold.debits) or None,
        hold.terms,
        int(lapses),
        0 if state is HoldState.UNKNOWN and not is_purchase else None,
    )


def service_of(row: Row) -> Service:
    """A service from the columns of SERVICE."""
    (
        service_id, agent_id, agent_name, title, description, category, price, price_unit, currency, decimals,
        delivery_type, callback_required, endpoint_url, network, status, created_at, updated_at,
        rating_hundredths, rating_count, avg_response_ms, completed,
    ) = row  # fmt: skip
    return Service(
        id=service_id,
        agent_id=agent_id,
        agent_name=agent_name,
        title=title,
        description=description,
        category=category,
        price=int(price),
        price_unit=price_unit,
        currency=currency,
        decimals=decimals,
        delivery_type=delivery_type,
        callback_required=bool(callback_required),
        endpoint_url=endpoint_url,
        network=network,
        status=ServiceStatus(status),
        created_at=created_at,
        updated_at=updated_at,
        rating_hundredths=rating_hundredths,
        rating_count=rating_count,
        avg_response_ms=avg_response_ms,
        total_transactions=completed,
    )


def transaction_of(row: Row) -> Transaction:
    """A transaction from the columns of TRANSACTION."""
    plain = len(_PLAIN)
    fields: dict[str, Any] = dict(zip(_PLAIN, row, strict=False))
    unit_price, subtotal, platform_fee, total, currency, chain_id, token, decimals, status, paid, outcome = (
        row[plain:]
    )
    return Transaction(
        **fields,
        unit_price=int(unit_price),
        subtotal=int(subtotal),
        platform_fee=int(platform_fee),
        total=Money(int(total), Asset(currency, chain_id, token, decimals)),
        status=TransactionStatus(status),
        payment_status=PaymentStatus(paid),
        dispute_outcome=None if outcome is None else DisputeOutcome(outcome),
    )


def transaction_values(transaction: Transaction) -> dict[str, Value]:
    """The columns of a transaction, by name."""
    values: dict[str, Value] = {name: getattr(transaction, name) for name in _PLAIN}
    for name in _AMOUNTS:
        values[name] = str(getattr(transaction, name))
    total = transaction.total
    return values | {
        "total_units": str(total.units),
        "currency": total.asset.currency,
        "chain_id": total.asset.chain_id,
        "token_address": total.asset.address,
        "decimals": total.asset.decimals,
        "status": str(transaction.status),
        "payment_status": str(transaction.payment_status),
        "dispute_outcome": transaction.dispute_outcome,
    }
