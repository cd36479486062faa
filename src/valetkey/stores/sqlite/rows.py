"""Rows and what they stand for. Amounts are decimal text in a row and integers everywhere else."""

import json
from typing import Any

from valetkey.core.agent import Agent
from valetkey.core.escrow import DisputeOutcome
from valetkey.core.ledger import Hold, HoldState
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.service import Service, ServiceStatus
from valetkey.core.session import Pace, Role, Session, Usage
from valetkey.core.transaction import PaymentStatus, Transaction, TransactionStatus
from valetkey.core.windows import Window
from valetkey.ports.accounts import SessionRecord
from valetkey.stores.sqlite.statements import Row, Value

AGENT = "a.id, a.developer_id, a.name, a.description, a.wallet_address, a.public_key, a.created_at, a.last_seen_at"

SESSION = (
    "s.id, s.owner_id, s.role, s.budget, s.per_spend, s.currency, s.allowed_services, s.not_before, s.expires_at,"
    " s.held, s.captured, s.created_at, s.revoked_at, s.paused_at, s.windows, s.spends_max, s.spends, s.rings,"
    " (SELECT frozen_at FROM agents WHERE id = s.owner_id)"
)
RECORD = f"{SESSION}, s.alias, s.wallet_address, s.e2e_public_key, s.label, s.recovery"

HOLD = "id, session_id, amount, state, placed_at, expires_at, captured, settled_at"

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
    "disputed_at", "buyer_percent",
)  # fmt: skip
_AMOUNTS = ("unit_price", "subtotal", "platform_fee")
_OTHERS = (
    "total_units", "currency", "chain_id", "token_address", "decimals", "status", "payment_status",
    "dispute_outcome",
)  # fmt: skip
_COLUMNS = (*_PLAIN, *_AMOUNTS, *_OTHERS)

TRANSACTION = ", ".join(_COLUMNS)
TRANSACTION_PLACES = ", ".join(f":{name}" for name in _COLUMNS)


def agent_of(row: Row) -> Agent:
    """An agent from the columns of AGENT."""
    agent_id, developer_id, name, description, wallet, key, created_at, seen_at = row
    return Agent(
        id=agent_id,
        developer_id=developer_id,
        name=name,
        description=description,
        wallet_address=wallet,
        public_key=key,
        created_at=created_at,
        last_seen_at=seen_at,
    )


def session_of(row: Row) -> Session:
    """A session from the columns of SESSION, which RECORD begins with."""
    (
        session_id, owner_id, role, budget, per_spend, currency, services, not_before, expires_at,
        held, captured, created_at, revoked_at, paused_at, windows, spends_max, spends, rings, frozen_at,
    ) = row[:19]  # fmt: skip
    policy = Policy(
        budget=_amount(budget),
        expires_at=expires_at,
        not_before=not_before,
        currency=currency,
        per_spend=_amount(per_spend),
        allowed_services=None if services is None else frozenset(json.loads(services)),
        windows=tuple(Window(*one) for one in json.loads(windows)),
        spends_max=spends_max,
    )
    return Session(
        id=session_id,
        owner_id=owner_id,
        role=Role(role),
        policy=policy,
        usage=Usage(held=int(held), captured=int(captured)),
        created_at=created_at,
        pace=Pace(spends, tuple(tuple((at, units) for at, units in ring) for ring in json.loads(rings))),
        revoked_at=revoked_at,
        paused_at=paused_at,
        frozen_at=frozen_at,
    )


def record_of(row: Row) -> SessionRecord:
    """A session and what is kept beside it, from the columns of RECORD."""
    alias, wallet, key, label, recovery = row[19:]
    return SessionRecord(session_of(row), alias, wallet, key, label, recovery)


def record_values(record: SessionRecord) -> dict[str, Value]:
    """The columns of a session, by name."""
    session, policy = record.session, record.session.policy
    services = policy.allowed_services
    return {
        "id": session.id,
        "owner_id": session.owner_id,
        "role": str(session.role),
        "budget": _text(policy.budget),
        "per_spend": _text(policy.per_spend),
        "currency": policy.currency,
        "allowed_services": None if services is None else json.dumps(sorted(services)),
        "not_before": policy.not_before,
        "expires_at": policy.expires_at,
        "held": str(session.usage.held),
        "captured": str(session.usage.captured),
        "created_at": session.created_at,
        "revoked_at": session.revoked_at,
        "paused_at": session.paused_at,
        "windows": json.dumps([(window.seconds, window.limit) for window in policy.windows]),
        "spends_max": policy.spends_max,
        "spends": session.pace.spends,
        "rings": rings_text(session),
        "alias": record.alias,
        "wallet_address": record.wallet_address,
        "e2e_public_key": record.e2e_public_key,
        "label": record.label,
        "recovery": record.recovery,
    }


def rings_text(session: Session) -> str:
    """What counts against a session's windows, as its column has it."""
    return json.dumps(session.pace.rings, separators=(",", ":"))


def hold_of(row: Row) -> Hold:
    """A hold from the columns of HOLD."""
    hold_id, session_id, amount, state, placed_at, expires_at, captured, settled_at = row
    return Hold(
        id=hold_id,
        session_id=session_id,
        amount=int(amount),
        state=HoldState(state),
        placed_at=placed_at,
        expires_at=expires_at,
        captured=int(captured),
        settled_at=settled_at,
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


def _amount(text: str | None) -> int | None:
    return None if text is None else int(text)


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
