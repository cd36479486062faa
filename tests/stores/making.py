"""Agents, services, sessions and purchases to put into a store, with the fields that a test cares about."""

import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey, Scope
from valetkey.core.ids import Kind, make_id
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refused
from valetkey.core.service import Service, ServiceStatus
from valetkey.core.session import Role, Session, Usage
from valetkey.core.transaction import Transaction
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Event, Idempotency

NOW = 1_800_000_000
HOUR, DAY = 3_600, 86_400
USDC = Asset("USDC", 84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", 6)
ESCROW = "0x" + "Ee" * 20

_numbers = itertools.count(1)


@dataclass
class SystemTime:
    """The machine's clock, as a test wants it."""

    seconds: float = NOW

    def __call__(self) -> float:
        return self.seconds


def an_id(kind: Kind) -> str:
    return make_id(kind, f"{next(_numbers):025d}")


def an_address() -> str:
    return f"0x{next(_numbers):040d}"


def digest(text: str) -> bytes:
    """A credential's hash, or a fingerprint."""
    return hashlib.sha256(text.encode()).digest()


def an_agent(name: str | None = None, **fields: Any) -> Agent:
    agent_id = an_id(Kind.AGENT)
    plain: dict[str, Any] = {
        "id": agent_id,
        "developer_id": an_id(Kind.DEVELOPER),
        "name": name or f"agent {agent_id}",
        "description": "",
        "wallet_address": an_address(),
        "public_key": b"\x02" + digest(agent_id),
        "created_at": NOW,
        "last_seen_at": NOW,
    }
    return Agent(**{**plain, **fields})


def an_api_key(owner: Agent, *scopes: Scope, **fields: Any) -> ApiKey:
    """A key of an owner that may do everything, for ever."""
    plain: dict[str, Any] = {
        "id": an_id(Kind.API_KEY),
        "owner_id": owner.id,
        "name": "a key",
        "scopes": frozenset(scopes or (Scope.FULL,)),
        "created_at": NOW,
    }
    return ApiKey(**{**plain, **fields})


def a_service(agent: Agent, **fields: Any) -> Service:
    plain: dict[str, Any] = {
        "id": an_id(Kind.SERVICE),
        "agent_id": agent.id,
        "agent_name": agent.name,
        "title": "A service",
        "description": "Does something",
        "category": "data",
        "price": 1_000_000,
        "price_unit": "flat",
        "currency": "USDC",
        "decimals": 6,
        "delivery_type": "webhook",
        "callback_required": False,
        "endpoint_url": None,
        "network": "base-sepolia",
        "status": ServiceStatus.ACTIVE,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Service(**{**plain, **fields})


def a_session(owner: Agent, budget: int | None = 10_000_000, **fields: Any) -> SessionRecord:
    """A buyer session of an hour; `fields` are those of the policy, the session and the record alike."""

    def taken(*names: str) -> dict[str, Any]:
        return {name: fields.pop(name) for name in names if name in fields}

    policy = Policy(
        budget=budget,
        **{
            "expires_at": NOW + HOUR,
            **taken("expires_at", "not_before", "currency", "per_spend", "allowed_services"),
            **taken("windows", "spends_max"),
        },
    )
    session = Session(
        id=an_id(Kind.SESSION),
        owner_id=owner.id,
        policy=policy,
        **{
            "role": Role.BUYER,
            "usage": Usage(),
            "created_at": NOW,
            **taken("role", "usage", "pace", "created_at", "revoked_at", "paused_at"),
        },
    )
    plain: dict[str, Any] = {
        "alias": an_id(Kind.BUYER_ALIAS),
        "wallet_address": an_address(),
        "e2e_public_key": b"\x03" + digest(session.id),
    }
    return SessionRecord(session, **{**plain, **fields})


def a_purchase(
    service: Service,
    buyer: Agent,
    session: SessionRecord | None = None,
    units: int = 1_000_000,
    **fields: Any,
) -> Transaction:
    """A purchase of `units` base units in all, by a session or by the owner."""
    plain: dict[str, Any] = {
        "id": an_id(Kind.TRANSACTION),
        "service_id": service.id,
        "buyer_id": buyer.id,
        "buyer_alias": session.alias if session else buyer.id,
        "buyer_address": (session and session.wallet_address) or buyer.wallet_address,
        "seller_id": service.agent_id,
        "seller_address": an_address(),
        "session_id": session.session.id if session else None,
        "hold_id": an_id(Kind.HOLD) if session else None,
        "quantity": 1,
        "unit_price": units,
        "subtotal": units,
        "platform_fee": 0,
        "total": Money(units, USDC),
        "network": "base-sepolia",
        "escrow_address": ESCROW,
        "payment_method": "crypto",
        "checkout_ends_at": NOW + HOUR // 2,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Transaction(**{**plain, **fields})


def an_event(agent: Agent, transaction: Transaction, **fields: Any) -> Event:
    plain: dict[str, Any] = {
        "id": an_id(Kind.WEBHOOK),
        "agent_id": agent.id,
        "transaction_id": transaction.id,
        "name": "escrow.funded",
        "url": "https://seller.example/hook",
        "body": b'{"a": 1}',
    }
    return Event(**{**plain, **fields})


def a_key(key: str = "key", body: str = "body", scope: str = "scope") -> Idempotency:
    return Idempotency(scope, key, digest(body))


def a_hash() -> str:
    return "0x" + digest(f"hash {next(_numbers)}").hex()


def allowed(answer: Transaction | Refused) -> Transaction:
    assert isinstance(answer, Transaction), answer
    return answer


def code(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return str(answer.first.code)
