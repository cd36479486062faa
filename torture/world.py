"""Whom a run is about: one owner, a hot tree of sessions three generations deep, and a thousand sessions beside it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from torture.connection import request
from torture.plan import TREE_PARENTS
from valetkey.core.tree import Narrowing
from valetkey.core.windows import Window
from valetkey.crypto.credentials import credential_hash, new_session_token
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.attenuation import Attenuation, sign
from valetkey.wire.registration import sign_registration

LIFE_SECONDS = 30 * 86_400
AT_ONCE = 32
USDC = 1_000_000
"""Base units of one."""

Ask = Callable[[bytes], Awaitable[tuple[int, bytes]]]


@dataclass(slots=True)
class Place:
    """A session that is spent from. `token` is of whoever has its place now, `old_token` of whom it was rotated from.

    budget: base units, None when only its ancestors have one.
    """

    number: int
    session_id: str
    token: str = field(repr=False)
    key: PrivateKey = field(repr=False)
    budget: int | None = None
    old_token: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class World:
    """The owner's key and every place, by its number."""

    api_key: str = field(repr=False)
    places: list[Place]


# What the nodes of the tree may do less than their parents: two budgets that run out and are fought for, two windows,
# a number of spends, and two leaves with nothing but their ancestors' limits.
_ROOT_UNITS = 2_000 * USDC
_NARROWINGS: dict[int, Narrowing] = {
    1: Narrowing(budget=4 * USDC),
    3: Narrowing(budget=USDC * 3 // 4),
    5: Narrowing(windows=(Window(10, USDC),)),
    7: Narrowing(budget=USDC // 4),
    8: Narrowing(budget=USDC // 4),
    12: Narrowing(windows=(Window(60, USDC // 2), Window(300, 2 * USDC))),
    13: Narrowing(spends_max=6_000),
}


async def prepare(ask: Ask, places: int) -> World:
    """Make all of so many places over HTTP, while nothing is disturbed yet."""
    api_key = await _register(ask)
    limiter = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Place:
        async with limiter:
            return await _session(ask, api_key, number)

    root, *others = await asyncio.gather(*(one(number) for number in [0, *range(len(TREE_PARENTS), places)]))
    tree = [root]
    for number, parent in list(enumerate(TREE_PARENTS))[1:]:
        assert parent is not None
        tree.append(await child(ask, tree[parent], number, _NARROWINGS.get(number, Narrowing())))
    return World(api_key, tree + others)


async def child(ask: Ask, parent: Place, number: int, narrowing: Narrowing) -> Place:
    """A session that is made out of another one. Raises Unwilling when the platform does not want it."""
    key, token = PrivateKey.generate(), new_session_token()
    wanted = Attenuation(
        parent.session_id, key.address, None, credential_hash(token.reveal()), f"place {number}", narrowing
    )
    signed = sign(wanted, parent.key)
    body = {"narrowings": [{"message": signed.message, "signature": signed.signature}]}
    data = await _asked(ask, "agents/session/attenuate", None, body)
    assert data["sessions"][-1]["sessionId"] == wanted.child_id
    return Place(number, wanted.child_id, token.reveal(), key, narrowing.budget)


class Unwilling(Exception):
    """The platform answered, and not with a success. `status` and `body` are what it said."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body[:300]!r}")
        self.status, self.body = status, body


async def _session(ask: Ask, api_key: str, number: int) -> Place:
    key = PrivateKey.generate()
    budget, rules = _rules(number)
    body = {
        "budgetUsdc": None if budget is None else budget / USDC,
        "expiry": LIFE_SECONDS,
        "sessionWallet": key.address,
        "label": f"place {number}",
        **rules,
    }
    data = await _asked(ask, "agents/session", api_key, body)
    return Place(number, data["sessionId"], data["token"], key, budget)


def _rules(number: int) -> tuple[int | None, dict[str, Any]]:
    """Budget and other rules of a session: some are tight, some are slow, some let refunds be spent again."""
    if number == 0:
        return _ROOT_UNITS, {}
    kind = number % 10
    if kind < 3:
        return USDC // 2, {"refundsRestore": kind == 0}
    if kind < 5:
        return None, {"windows": [{"seconds": 30, "limitUsdc": 0.1}]}
    return 100 * USDC, {"spendsMax": 1_000 if kind == 5 else None}


async def _register(ask: Ask) -> str:
    key = PrivateKey.generate()
    message, signature = sign_registration(key, int(time.time()))
    body = {"walletAddress": key.address, "message": message, "signature": signature, "agentName": "tortured"}
    status, answer = await ask(request("POST", "agents/register", None, json.dumps(body).encode()))
    if status not in (200, 201):
        raise Unwilling(status, answer)
    return str(json.loads(answer)["apiKey"])


async def _asked(ask: Ask, path: str, credential: str | None, body: Any) -> Any:
    status, answer = await ask(request("POST", path, credential, json.dumps(body).encode()))
    if status not in (200, 201):
        raise Unwilling(status, answer)
    return json.loads(answer)["data"]
