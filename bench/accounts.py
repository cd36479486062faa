"""Who is in the databases that are measured: an owner, its sessions, and spends of them."""

import hashlib
import itertools
from typing import Any

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey, Scope
from valetkey.core.money import Asset, Money
from valetkey.core.policy import Policy
from valetkey.core.session import Role, Session, Usage
from valetkey.core.spend import SpendRequest
from valetkey.core.tree import Narrowing
from valetkey.core.windows import Window
from valetkey.ports.accounts import Child, SessionRecord
from valetkey.ports.ledger import Spend

USDC = Asset("USDC", 84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", 6)
FAR = 4_000_000_000
_numbers = itertools.count(1)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def name(kind: str) -> str:
    """A new id. Spread over the index as random ones are, the same in every run."""
    number = next(_numbers)
    return f"{kind}_{int.from_bytes(digest(str(number))[:8]) % 36**12:012d}{number:013d}"[: len(kind) + 26]


async def add_owner(store: Any, api_key: str | None = None) -> Agent:
    """An owner with full rights; without an API key nobody can ask for it."""
    owner = Agent(
        id=name("agt"),
        developer_id=name("dev"),
        name=name("bench"),
        description="",
        wallet_address="0x" + digest(name("wallet")).hex()[:40],
        public_key=bytes(33),
        created_at=0,
        last_seen_at=0,
    )
    key = ApiKey(
        id=name("key"), owner_id=owner.id, name="bench", scopes=frozenset({Scope.FULL}), created_at=0
    )
    assert await store.add_agent(owner, digest(api_key or owner.id), key)
    return owner


async def add_session(store: Any, owner: Agent, token: str | None = None) -> Session:
    """A session as owners make them: a budget, a limit for one spend, two windows."""
    policy = Policy(
        budget=10**15,
        expires_at=FAR,
        per_spend=10**9,
        windows=(Window(3_600, 10**14), Window(86_400, 10**14)),
    )
    session = Session(
        id=name("ses"),
        owner_id=owner.id,
        role=Role.BUYER,
        policy=policy,
        usage=Usage(),
        created_at=store.clock.now(),
    )
    record = SessionRecord(session, alias=name("byr"), wallet_address=None, e2e_public_key=None)
    await store.add_session(record, digest(token or session.id))
    return session


async def add_child(store: Any, parent_id: str) -> str:
    child = Child(
        id=name("ses"),
        parent_id=parent_id,
        narrowing=Narrowing(),
        alias=name("byr"),
        wallet_address="0x" + "11" * 20,
        e2e_public_key=None,
        token_hash=digest(name("token")),
    )
    (made,) = await store.add_children([child])
    return str(made.session.id)


def a_spend(session_id: str) -> Spend:
    request = SpendRequest(Money(1_000, USDC), None, "0x" + "22" * 20, "payment")
    return Spend(session_id, name("hld"), request, FAR)
