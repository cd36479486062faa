"""Paying over HTTP without a platform: a manager's session against the official server, on a real chain."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.integration.manager.shop import CENT, Shop, states
from tests.integration.manager.world import HOUR, MONEY, PAYEE, USDC, World, cheap_lock
from tests.x402.hostile import Reply
from valetkey.core.errors import InvalidInput
from valetkey.sdk.errors import (
    BudgetExceeded,
    HostNotAllowed,
    OfferAboveMax,
    OperationNotAllowed,
    PayeeNotAllowed,
    PaymentNotAccepted,
    SessionPaused,
    SessionRevoked,
)
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.manager import AsyncSessionKeyManager
from valetkey.sdk.manager.views import ManagedSession


def made(manager: SessionKeyManager, **rules: Any) -> ManagedSession:
    named = {"label": "asks", "spending_limit": 1, "valid_until": HOUR} | rules
    return manager.create_session(**named)


def opened(world: World) -> AsyncSessionKeyManager:
    return AsyncSessionKeyManager(
        world.owner.to_hex(),
        world.at.allowance,
        chain=84532,
        rpc_url=world.chain.rpc_url,
        path=world.file,
        lock=cheap_lock(),
        wait_seconds=60.0,
    )


def test_a_session_pays_out_of_its_owners_balance_and_the_chain_proves_it(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    session = made(manager)
    with manager.http(session.session_key_hash) as http:
        assert http.get(f"{shop.seller.url}/free").json() == {"free": "yes"}
        answer = http.get(shop.weather)
        assert answer.json() == {"weather": "sunny"}
    told = answer.extensions["valetkey.spend"]
    assert told["reference"].startswith(
        f"eip3009:{world.at.usdc.lower()}:{session.wallet_address.lower()}:0x"
    )
    # Nobody told the manager: it reads what the nonce says, when somebody waits for it.
    spent = manager.get_spend(told["spend_id"], wait=True)
    assert (spent.state, spent.amount, spent.to) == ("captured", Decimal("0.01"), shop.seller.pay_to)
    assert spent.remaining == Decimal("0.99")
    assert shop.payments() == [CENT]
    assert world.units(session.wallet_address) == 0
    assert world.units(world.owner.address) == MONEY - CENT
    # The draw was no spend: what is told of the chain afterwards changes nothing.
    assert manager.settle(30)
    assert states(world) == ["captured"]
    assert manager.restore_session(session.session_key_hash).spent == Decimal("0.01")


def test_over_budget_is_refused_before_anything_is_signed(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    session = made(manager, spending_limit="0.005")
    sent = world.sent()
    with manager.http(session.session_key_hash) as http, pytest.raises(BudgetExceeded) as told:
        http.get(shop.weather)
    assert told.value.remaining == "0.005"
    assert states(world) == []
    assert (world.sent(), world.units(session.wallet_address)) == (sent, 0)
    assert not [one for one in (world.folder / "manager.db.x402" / "x402").iterdir()]
