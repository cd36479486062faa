"""Paying over HTTP without a platform: a manager's session against the official server, on a real chain."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.integration.manager.shop import CENT, Shop, ids, spends, states
from tests.integration.manager.test_chain_and_file import grant_of
from tests.integration.manager.world import HOUR, MONEY, PAYEE, USDC, World, cheap_lock
from tests.x402.hostile import Reply
from valetkey import SessionConfig
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.wallet import StillPending
from valetkey.sdk.errors import (
    BudgetExceeded,
    HostNotAllowed,
    InsufficientFunds,
    OfferAboveMax,
    OperationNotAllowed,
    PayeeNotAllowed,
    PaymentNotAccepted,
    RelayRefused,
    SessionPaused,
    SessionRevoked,
)
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.manager import AsyncSessionKeyManager
from valetkey.sdk.manager.top_ups import reference_for
from valetkey.sdk.manager.views import ManagedSession
from valetkey.stores.keystore import open_keystore
from valetkey.wire import grant_calls


def made(manager: SessionKeyManager, **rules: Any) -> ManagedSession:
    named = {"label": "asks", "spending_limit": 1, "valid_until": HOUR} | rules
    return manager.create_session(**named)


def leaked(world: World, key_hash: str) -> PrivateKey:
    """A session's key in the hands of somebody else."""
    store = open_keystore(world.file, cheap_lock())
    key = PrivateKey(bytes(store.get(key_hash) or b""))
    store.close()
    return key


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
    assert not list((world.folder / "manager.db.x402" / "x402").iterdir())


def test_what_a_client_and_a_policy_may_not(world: World, shop: Shop, manager: SessionKeyManager) -> None:
    jobs = f"{shop.seller.url}/jobs"
    session = made(
        manager, allowed_payees=[PAYEE, shop.seller.pay_to], allowed_operations=["payment", "x402"]
    )
    key = session.session_key_hash
    with manager.http(key, hosts=["api.example.com"]) as http, pytest.raises(HostNotAllowed):
        http.get(shop.weather)
    with manager.http(key, max_amount="0.01") as http, pytest.raises(OfferAboveMax):
        http.post(jobs, json={})
    other = shop.hostile(lambda asked: other.asks(other.offer()))
    with manager.http(key) as http, pytest.raises(PayeeNotAllowed):
        http.get(f"{other.url}/paid")
    for nobody in (world.owner.address, world.at.allowance, session.wallet_address, world.at.usdc):
        other.behaviour = lambda _, nobody=nobody: other.asks(other.offer(payTo=nobody))  # type: ignore[misc]
        with manager.http(key) as http, pytest.raises(Exception, match="cannot be meant"):
            http.get(f"{other.url}/paid")
    assert states(world) == []
    # Its payees are the gate's to look at; the contract knows the key beside them.
    with manager.http(key, max_amount="0.01") as http:
        assert http.get(shop.weather).status_code == 200
    assert manager.spend(key, to=PAYEE, amount="0.25").state == "captured"
    assert (shop.paid(), world.units()) == (CENT, USDC // 4)
    # A successor has a key of its own, which its grant names.
    fresh = manager.rotate(key)
    with manager.http(fresh.session_key_hash, max_amount="0.01") as http:
        assert http.get(shop.weather).status_code == 200
    assert shop.payments() == [CENT] * 2


def test_a_grant_that_names_payees_does_not_pay_the_key(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    session = made(manager, allowed_payees=[shop.seller.pay_to])
    with manager.http(session.session_key_hash) as http, pytest.raises(OperationNotAllowed) as told:
        http.get(shop.weather)
    assert "allowed_operations" in (told.value.reasons[0].hint or "")
    assert states(world) == []
    only = made(manager, label="only", allowed_operations=["payment"])
    with manager.http(only.session_key_hash) as http, pytest.raises(OperationNotAllowed):
        http.get(shop.weather)
    with pytest.raises(InvalidInput):
        made(manager, label="odd", allowed_operations=["dance"])


def test_a_session_that_was_taken_back_signs_nothing(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    session = made(manager)
    key = session.session_key_hash
    seller = shop.hostile(lambda asked: seller.asks(seller.offer()) if asked.payment is None else None)
    with manager.http(key) as http:
        manager.pause_session(key)
        with pytest.raises(SessionPaused):
            http.get(shop.weather)
        manager.resume_session(key)
        with pytest.raises(httpx.HTTPError):
            http.get(f"{seller.url}/paid")
        ended = manager.revoke_session(key)
        # What the seller has may still be used; it is not handed out again, and nothing else is signed.
        assert (ended.on_chain, ended.signed) == (True, Decimal("0.01"))
        assert ended.signed_until is not None
        for url in (f"{seller.url}/paid", shop.weather):
            with pytest.raises(SessionRevoked):
                http.get(url)
    assert len(seller.payments) == 1
    assert states(world) == ["unknown"]


def test_a_payment_that_died_gives_its_money_to_the_next_one(
    world: World, shop: Shop, manager: SessionKeyManager, later: Callable[[int], None]
) -> None:
    """UNKNOWN_STAYS_HELD until its time is over on chain; what was brought to the key is used, and not drawn again."""
    session = made(manager, spending_limit="0.02")
    key = session.session_key_hash
    seller = shop.hostile(lambda asked: seller.asks(seller.offer()) if asked.payment is None else None)
    with manager.http(key) as http:
        for _ in range(2):
            with pytest.raises(httpx.HTTPError):
                http.get(f"{seller.url}/paid")
        assert len(set(seller.payment_headers)) == 1
        manager.step()
        assert manager.restore_session(key).held == Decimal("0.01")
        later(120)
        drawn = world.units(world.owner.address)
        seller.behaviour = lambda asked: seller.asks(seller.offer()) if asked.payment is None else Reply()
        assert http.get(f"{seller.url}/paid").status_code == 200
        assert len(set(seller.payment_headers)) == 2
        assert states(world) == ["voided", "unknown"]
        assert world.units(world.owner.address) == drawn == MONEY - CENT
        # The first is worth nothing any more, the second is.
        assert len(seller.take_all()) == 1
        assert http.get(shop.weather).status_code == 200
        with pytest.raises(BudgetExceeded):
            http.get(f"{shop.seller.url}/weather?again")
    assert manager.settle(30)
    assert states(world) == ["voided", "captured", "captured"]
    assert world.units(world.owner.address) == MONEY - 2 * CENT


def test_what_a_payee_did_not_take_goes_home(
    world: World, shop: Shop, manager: SessionKeyManager, later: Callable[[int], None]
) -> None:
    """OWNER_CAN_ALWAYS_RECLAIM: also from the key's own address, which has no coin for gas."""
    session = made(manager)
    key = session.session_key_hash
    seller = shop.hostile(lambda asked: seller.asks(seller.offer()) if asked.payment is None else None)
    with manager.http(key) as http, pytest.raises(httpx.HTTPError):
        http.get(f"{seller.url}/paid")
    assert manager.exposure(key) == 1
    # A signed payment may still take it.
    assert manager.reclaim(key).amount == 0
    later(120)
    assert manager.settle(30)
    assert manager.reclaim(key).amount == Decimal("0.01")
    assert world.units(world.owner.address) == MONEY
    assert (manager.reclaim(key).amount, manager.exposure(key)) == (0, 0)
    assert seller.take_all() == []
    assert manager.restore_session(key).spent == 0


def test_a_restored_session_and_the_async_client(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    key = made(manager).session_key_hash
    with manager.http(key) as http:
        assert http.get(shop.weather).status_code == 200

    async def ask() -> list[int]:
        async with opened(world) as other:
            restored = await other.restore_session(key)
            async with other.http(key, timeout=60) as http:
                asked = (http.get(f"{shop.seller.url}/weather?{n}") for n in range(3))
                answers = await asyncio.gather(*asked)
            assert await other.settle(30)
            assert (await other.restore_session(key)).spent == restored.spent + restored.held + Decimal(
                "0.03"
            )
        return [one.status_code for one in answers]

    assert asyncio.run(ask()) == [200] * 3
    assert shop.payments() == [CENT] * 4
    assert states(world) == ["captured"] * 4


def test_NO_OVERSPEND_of_ten_at_once_with_money_for_four(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    session = made(manager, spending_limit="0.04")

    async def ask() -> list[Any]:
        async with opened(world) as other, other.http(session.session_key_hash, timeout=120) as http:
            asked = [http.get(shop.weather) for _ in range(10)]
            return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(ask())
    kinds = Counter(type(one).__name__ for one in answers)
    assert kinds == {"Response": 4, "BudgetExceeded": 6}, answers
    assert all(one.status_code == 200 for one in answers if isinstance(one, httpx.Response))
    assert shop.payments() == [CENT] * 4
    assert shop.seller.served["/weather"] == 4
    assert manager.settle(30)
    assert states(world) == ["captured"] * 4
    assert world.units(world.owner.address) == MONEY - 4 * CENT
    assert world.units(session.wallet_address) == 0


def test_NO_OVERSPEND_of_six_at_once_where_a_dead_payment_left_the_money_of_one(
    world: World, shop: Shop, manager: SessionKeyManager, later: Callable[[int], None]
) -> None:
    """The contract lets three be drawn, and the fourth finds what it needs: neither less is paid nor more."""
    session = made(manager, spending_limit="0.04")
    dead = shop.hostile(lambda asked: dead.asks(dead.offer()) if asked.payment is None else None)
    with manager.http(session.session_key_hash) as http, pytest.raises(httpx.HTTPError):
        http.get(f"{dead.url}/paid")
    later(120)
    assert manager.settle(30)

    async def ask() -> list[Any]:
        async with opened(world) as other, other.http(session.session_key_hash, timeout=120) as http:
            return await asyncio.gather(*(http.get(shop.weather) for _ in range(6)), return_exceptions=True)

    answers = asyncio.run(ask())
    kinds = Counter(type(one).__name__ for one in answers)
    assert kinds == {"Response": 4, "BudgetExceeded": 2}, answers
    assert shop.payments() == [CENT] * 4
    assert world.units(world.owner.address) == MONEY - 4 * CENT
    assert world.units(session.wallet_address) == 0


def test_a_request_with_a_key_of_its_own_is_paid_once_for_ever(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    key, named = made(manager).session_key_hash, {"Idempotency-Key": "order-7"}
    with manager.http(key) as http:
        assert http.get(shop.weather, headers=named).status_code == 200
        with pytest.raises(PaymentNotAccepted):
            http.get(shop.weather, headers=named)
        assert http.get(shop.weather, headers={"Idempotency-Key": "order-8"}).status_code == 200
    assert shop.payments() == [CENT] * 2


def test_what_an_owner_has_to_approve_is_paid_afterwards(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    key = made(manager, approval_above="0.001").session_key_hash
    with manager.http(key) as http:
        with pytest.raises(Exception, match="approval") as told:
            http.get(shop.weather)
        hold_id = told.value.approval_id  # type: ignore[attr-defined]
        # What waits is no payment yet, and `get_spend` makes none of it.
        assert manager.approve_spend(hold_id).state == "approved"
        assert manager.get_spend(hold_id, wait=True).state == "held"
        assert http.get(shop.weather).status_code == 200
    assert states(world) in (["unknown"], ["captured"])
    assert shop.payments() == [CENT]


def test_a_session_that_was_moved_counts_what_lies_at_its_key(
    world: World, shop: Shop, manager: SessionKeyManager, later: Callable[[int], None]
) -> None:
    session = made(manager, allowed_payees=[shop.seller.pay_to], allowed_operations=["x402"])
    key = session.session_key_hash
    odd = shop.hostile(
        lambda asked: odd.asks(odd.offer(payTo=shop.seller.pay_to)) if asked.payment is None else None
    )
    with manager.http(key) as http:
        assert http.get(shop.weather).status_code == 200
        with pytest.raises(httpx.HTTPError):
            http.get(f"{odd.url}/paid")
    later(120)
    assert manager.settle(30)
    content = manager.export_session(key, passphrase="for the journey")
    with world.manager(path=world.folder / "elsewhere.db") as other:
        moved = other.import_session(content, passphrase="for the journey")
        assert (moved.spent, moved.remaining_limit) == (Decimal("0.01"), Decimal("0.99"))
        with other.http(key) as http:
            assert http.get(shop.weather).status_code == 200
        # It was paid with what lay there.
        assert world.units(world.owner.address) == MONEY - 2 * CENT
        with other.http(key) as http:
            assert http.get(f"{shop.seller.url}/weather?more").status_code == 200
        assert other.settle(30)
        assert other.restore_session(key).spent == Decimal("0.03")
    assert shop.payments() == [CENT] * 3


def test_NO_OVERSPEND_what_a_leaked_key_draws_to_itself_is_debited(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    """Under any reference, also under that of a draw that was asked for: it counts the first time alone."""
    session = made(manager, spending_limit="0.50")
    key_hash = session.session_key_hash
    with manager.http(key_hash) as http:
        told = http.get(shop.weather).extensions["valetkey.spend"]
    assert manager.settle(30)
    key = leaked(world, key_hash)
    world.give(key.address, 10**17)
    for reference in (bytes(32), reference_for(told["spend_id"])):
        call = grant_calls.spend_with_proof(
            world.at.allowance, grant_of(world, session.session_id), [], key.address, CENT, reference, []
        )
        world.send(key, call)
    assert manager.settle(30)
    manager.step()
    assert manager.restore_session(key_hash).spent == Decimal("0.03")
    assert [operation for operation, _, _ in spends(world)] == ["x402", "draw", "draw"]
    assert manager.exposure(key_hash) == Decimal("0.49")


def test_version_1_and_an_owner_who_is_waited_for(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    key = made(manager, approval_above="0.001").session_key_hash
    seller = shop.hostile()
    seller.behaviour = lambda asked: Reply() if asked.payment else seller.asks_first(seller.offer())
    with manager.http(key, wait_approval=30) as http, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(http.get, f"{seller.url}/paid")
        while not states(world):
            time.sleep(0.05)
        (hold_id,) = ids(world)
        manager.approve_spend(hold_id)
        assert asked.result(30).status_code == 200
    assert [one["x402Version"] for one in seller.payments] == [1]
    assert len(seller.take_all()) == 1
    assert manager.get_spend(hold_id, wait=True).state == "captured"


def test_an_offer_that_wants_permit2_draws_nothing(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    key = made(manager).session_key_hash
    extra = {"name": "USDC", "version": "2", "assetTransferMethod": "permit2"}
    seller = shop.hostile(lambda _: seller.asks(seller.offer(extra=extra)))
    with manager.http(key) as http, pytest.raises(InsufficientFunds, match="Permit2"):
        http.get(f"{seller.url}/paid")
    assert (states(world), world.units(world.owner.address)) == ([], MONEY)


def test_who_cannot_pay_over_http_is_told(world: World, manager: SessionKeyManager) -> None:
    with pytest.raises(InvalidInput):
        manager.http("0x12")
    with manager.http("0x" + "12" * 32) as http:
        assert repr(http)
    for wrong in ({"mounts": {}}, {"hosts": "api.example.com"}, {"max_amount": -1}):
        with pytest.raises(ValetkeyError):
            manager.http("0x" + "12" * 32, **wrong)
    with pytest.raises(InvalidInput):
        SessionConfig(label="x", spending_limit=1, valid_until=HOUR, allowed_operations=7)  # type: ignore[arg-type]


def test_a_chain_that_takes_long_is_waited_for_by_asking_again(world: World, shop: Shop) -> None:
    """The draw was sent, and is in no block: whoever asks the same goes on with it. Another account pays its gas."""
    payer = PrivateKey.generate()
    world.give(payer.address, 10**18)
    with world.manager(gas_payer=payer.to_hex(), wait_seconds=1.0) as manager:
        key = made(manager).session_key_hash
        sent = world.sent()
        with manager.http(key) as http:
            world.chain("evm_setAutomine", False)
            with pytest.raises(StillPending):
                http.get(shop.weather)
            assert states(world) == ["held"]
            world.chain("evm_setAutomine", True)
            world.chain("evm_mine")
            assert http.get(shop.weather).status_code == 200
        assert (states(world)[0], shop.payments(), world.sent()) == ("unknown", [CENT], sent)
        assert int(world.chain("eth_getTransactionCount", payer.address, "latest"), 16) == 2
        assert manager.settle(30)
        assert (states(world), world.units(world.owner.address)) == (["captured"], MONEY - CENT)


def test_what_a_dead_payment_left_is_as_good_as_what_the_contract_has_no_more(
    world: World, shop: Shop, manager: SessionKeyManager, later: Callable[[int], None]
) -> None:
    """A plain payment draws all that the contract has left; the next one over HTTP is paid nevertheless."""
    key = made(manager, spending_limit="0.02").session_key_hash
    dead = shop.hostile(lambda asked: dead.asks(dead.offer()) if asked.payment is None else None)
    with manager.http(key) as http:
        with pytest.raises(httpx.HTTPError):
            http.get(f"{dead.url}/paid")
        later(120)
        assert manager.settle(30)
        assert manager.spend(key, to=PAYEE, amount="0.01").state == "captured"
        assert http.get(shop.weather).status_code == 200
        with pytest.raises(BudgetExceeded):
            http.get(f"{shop.seller.url}/weather?more")
    assert world.units(world.owner.address) == MONEY - 2 * CENT


def test_a_draw_that_the_contract_refuses_holds_nothing(
    world: World, shop: Shop, manager: SessionKeyManager
) -> None:
    """A leaked key took all that the contract lets it take, and the file has not heard of it."""
    session = made(manager, spending_limit="0.50")
    # So that the owner has approved more than was taken, and nothing is sent before the draw.
    made(manager, label="another", spending_limit=5)
    key = session.session_key_hash
    manager.spend(key, to=PAYEE, amount="0.01")
    stolen = leaked(world, key)
    world.give(stolen.address, 10**17)
    call = grant_calls.spend_with_proof(
        world.at.allowance, grant_of(world, session.session_id), [], PAYEE, 490_000, bytes(32), []
    )
    world.send(stolen, call)
    with manager.http(key) as http:
        with pytest.raises(RelayRefused):
            http.get(shop.weather)
        assert states(world) == ["captured", "voided"]
        assert manager.settle(30)
        manager.step()
        assert manager.restore_session(key).remaining_limit == 0
        with pytest.raises(BudgetExceeded):
            http.get(shop.weather)
    assert (shop.payments(), world.units(session.wallet_address)) == ([], 0)
