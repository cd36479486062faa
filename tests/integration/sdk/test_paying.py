"""`fund_and_verify`: paid once, whoever repeats it from wherever, and nothing signed when something does not fit."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.market import answer_of, start_delegate
from tests.e2e.processes import wait_until
from tests.e2e.proxy import Cut, Proxy
from tests.integration.sdk.world import TOTAL_UNITS, Shop, World, only, signed_by
from tests.unit.sdk.canned import Canned, Reply
from tests.vectors.leaks import parts_told
from valetkey import AsyncBuyerAgent, BuyerAgent, ChainUnavailable, Checkout, Funded, SessionInfo
from valetkey.chains.evm.errors import WrongChain
from valetkey.cli.dev_rpc import USDC
from valetkey.core.escrow import EscrowStatus
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.errors import (
    FundingMismatch,
    IdempotencyMismatch,
    InstructionsDiffer,
    InsufficientFunds,
    NetworkError,
    NotConfigured,
)
from valetkey.sdk.state import StateUnusable

SEND = "eth_sendRawTransaction"
BUDGET = 50


def cut(_number: int) -> None:
    raise Cut


@pytest.fixture
def session(world: World) -> SessionInfo:
    """A funded session."""
    owner = world.owner()
    made = owner.create_session(BUDGET)
    owner.fund_session(made)
    return made


def assert_paid_once(world: World, session: SessionInfo) -> None:
    assert world.has(session.wallet_address)[0] == BUDGET * USDC - TOTAL_UNITS


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What these answer or raise, when they begin at the same moment."""
    answers: list[Any] = [None] * len(calls)
    begin = threading.Barrier(len(calls))

    def run(place: int) -> None:
        begin.wait()
        try:
            answers[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 - it is the answer
            answers[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_again_is_the_same(world: World, shop: Shop, session: SessionInfo) -> None:
    folder = world.folder()
    delegate = world.delegate(session, state_dir=folder)
    checkout = delegate.purchase(shop.service_id)
    first = delegate.fund_and_verify(checkout)
    assert first == delegate.fund_and_verify(checkout) == delegate.fund_and_verify(checkout.id)
    elsewhere = world.delegate(session)
    assert elsewhere.fund_and_verify(checkout.id) == first
    assert_paid_once(world, session)
    assert not signed_by(folder)
    allowance = delegate._desk().wallet.allowance(
        world.stack.contracts["usdc"], session.wallet_address, world.stack.contracts["escrow"]
    )
    assert allowance == 0, "an allowance that stays behind is a limit that leaks"


def test_two_tasks_pay_once(world: World, shop: Shop, session: SessionInfo) -> None:
    async def run() -> list[Funded]:
        async with AsyncBuyerAgent(base_url=world.stack.base_url, state_dir=world.folder()) as delegate:
            await delegate.init_with_session(session.serialize())
            checkout = await delegate.purchase(shop.service_id)
            return await asyncio.gather(*(delegate.fund_and_verify(checkout) for _ in range(4)))

    answers = asyncio.run(run())
    assert {answer.status for answer in answers} == {"escrowed"}
    assert len({answer.escrow_tx_hash for answer in answers}) == 1
    assert_paid_once(world, session)


@pytest.mark.parametrize("shared", [True, False], ids=["one state folder", "different state folders"])
def test_two_agents_pay_once(world: World, shop: Shop, session: SessionInfo, shared: bool) -> None:
    folder = world.folder()
    first = world.delegate(session, state_dir=folder)
    checkout = first.purchase(shop.service_id)
    agents = [first] + [
        world.delegate(session, **({"state_dir": folder} if shared else {})) for _ in range(2)
    ]
    answers = at_once(*(lambda agent=agent: agent.fund_and_verify(checkout.id) for agent in agents))  # type: ignore[misc]
    assert [type(answer) for answer in answers] == [Funded] * 3, answers
    assert {answer.status for answer in answers} == {"escrowed"}
    assert_paid_once(world, session)


def test_two_purchases_of_one_wallet_take_turns(world: World, shop: Shop, session: SessionInfo) -> None:
    delegate = world.delegate(session)
    checkouts = [delegate.purchase(shop.service_id) for _ in range(3)]
    answers = at_once(*(lambda one=one: delegate.fund_and_verify(one) for one in checkouts))  # type: ignore[misc]
    assert [type(answer) for answer in answers] == [Funded] * 3, answers
    assert world.has(session.wallet_address)[0] == BUDGET * USDC - 3 * TOTAL_UNITS


def test_too_little_money_or_gas_signs_nothing(world: World, shop: Shop) -> None:
    owner, folder = world.owner(), world.folder()
    session = owner.create_session(BUDGET)
    owner.fund_session(session, amount=10, gas_wei=0)
    delegate = world.delegate(session, state_dir=folder)
    checkout = delegate.purchase(shop.service_id)
    with pytest.raises(InsufficientFunds, match=r"costs 10\.2 USDC, .* has 10"):
        delegate.fund_and_verify(checkout)
    owner.fund_session(session, amount=10, gas_wei=0)
    with pytest.raises(InsufficientFunds, match="wei"):
        delegate.fund_and_verify(checkout)
    assert not signed_by(folder)
    assert world.nonce(session.wallet_address) == 0
    world.stack.rpc.give(session.wallet_address, 10**16)
    assert delegate.fund_and_verify(checkout).status == "escrowed"


def test_nothing_is_sent_before_the_platform_knows(world: World, shop: Shop, session: SessionInfo) -> None:
    """It is down between the signature and the announcement."""
    folder = world.folder()
    sent: list[bytes] = []

    def listen(where: str, body: bytes) -> None:
        if SEND.encode() in body:
            sent.append(body)

    with Proxy(world.stack.rpc_url, before=listen) as rpc:
        with Proxy(world.stack.base_url, before=only("/signed", cut)) as platform:
            delegate = world.delegate(session, state_dir=folder, base_url=platform.url, rpc_url=rpc.url)
            checkout = delegate.purchase(shop.service_id)
            with pytest.raises(NetworkError):
                delegate.fund_and_verify(checkout)
        assert len(sent) == 1, "the approval alone"
        assert any("pay" in name for name in signed_by(folder))
        again = world.delegate(session, state_dir=folder, rpc_url=rpc.url)
        assert again.fund_and_verify(checkout).status == "escrowed"
        assert len(sent) == 2
    assert_paid_once(world, session)


@pytest.mark.parametrize("words", ["/fund", "/signed"])
def test_a_lost_answer_of_the_platform_is_asked_anew(
    world: World, shop: Shop, session: SessionInfo, words: str
) -> None:
    def lose_first(number: int) -> None:
        if number == 1:
            raise Cut

    with Proxy(world.stack.base_url, after=only(words, lose_first)) as platform:
        delegate = world.delegate(session, base_url=platform.url)
        assert delegate.fund_and_verify(delegate.purchase(shop.service_id)).status == "escrowed"
    assert_paid_once(world, session)


def test_a_lost_answer_to_an_order_orders_nothing_twice(
    world: World, shop: Shop, session: SessionInfo
) -> None:
    def lose_first(number: int) -> None:
        if number <= 2:
            raise Cut

    with Proxy(world.stack.base_url, after=only("POST /api/v1/checkout", lose_first)) as platform:
        delegate = world.delegate(session, base_url=platform.url)
        checkout = delegate.purchase(shop.service_id)
        page = delegate.list_transactions()
    assert [one.id for one in page.transactions] == [checkout.id]


def test_one_key_is_one_purchase(world: World, shop: Shop, session: SessionInfo) -> None:
    delegate, elsewhere = world.delegate(session), world.delegate(session)
    first = delegate.purchase(shop.service_id, idempotency_key="order-1", request_payload={"a": 1})
    again = elsewhere.purchase(shop.service_id, idempotency_key="order-1", request_payload={"a": 1})
    assert again == first
    with pytest.raises(IdempotencyMismatch):
        delegate.purchase(shop.service_id, idempotency_key="order-1", request_payload={"a": 2})
    assert delegate.purchase(shop.service_id, idempotency_key="order-2").id != first.id
    answers = at_once(*[lambda: delegate.purchase(shop.service_id, idempotency_key="order-3")] * 4)
    assert len({answer.id for answer in answers}) == 1


def test_another_chain_signs_nothing(world: World, shop: Shop, session: SessionInfo) -> None:
    folder = world.folder()
    with Canned(Reply(b'{"jsonrpc":"2.0","id":0,"result":"0x1"}')) as node:
        delegate = world.delegate(session, state_dir=folder, rpc_url=node.url)
        with pytest.raises(WrongChain, match="chain 1, not 84532"):
            delegate.fund_and_verify(delegate.purchase(shop.service_id))
    assert not signed_by(folder)
    assert world.nonce(session.wallet_address) == 0


@pytest.mark.parametrize("kind", [BuyerAgent, AsyncBuyerAgent], ids=["sync", "async"])
def test_a_node_that_dies_is_no_secret_and_no_end(
    world: World, shop: Shop, session: SessionInfo, kind: type[Any]
) -> None:
    folder, secret = world.folder(), "sk0123456789abcdef"
    first = world.delegate(session, state_dir=folder)
    checkout = first.purchase(shop.service_id)

    def die(number: int) -> None:
        if number > 9:
            raise Cut

    async def pay(url: str) -> None:
        async with AsyncBuyerAgent(base_url=world.stack.base_url, rpc_url=url, state_dir=folder) as agent:
            await agent.init_with_session(session.serialize())
            await agent.fund_and_verify(checkout)

    with Proxy(world.stack.rpc_url, before=only("POST", die)) as proxy:
        url = f"{proxy.url}/{secret}"
        other = world.delegate(session, state_dir=folder, rpc_url=url)
        with pytest.raises(ChainUnavailable) as caught:
            asyncio.run(pay(url)) if kind is AsyncBuyerAgent else other.fund_and_verify(checkout)
    assert caught.value.retryable
    assert not parts_told(caught.value, secret)
    assert first.fund_and_verify(checkout).status == "escrowed"
    assert_paid_once(world, session)


def squat(world: World, checkout: Checkout, shop: Shop) -> None:
    """A stranger makes an escrow under the id of somebody else's purchase."""
    stranger = world.owner()
    wallet = stranger._desk().wallet
    from valetkey.wire import calls

    contracts = world.stack.contracts
    desk = stranger._desk()
    desk.perform("approve", calls.approve(contracts["usdc"], contracts["escrow"], 100))
    call = calls.create_escrow(
        contracts["escrow"],
        checkout.id,
        seller=shop.key.address,
        units=100,
        token=contracts["usdc"],
        deadline=wallet.block_time() + 3_600,
    )
    desk.perform("squat", call)


def test_a_strangers_escrow_under_the_same_id_is_not_ours(
    world: World, shop: Shop, session: SessionInfo
) -> None:
    folder = world.folder()
    delegate = world.delegate(session, state_dir=folder)
    checkout = delegate.purchase(shop.service_id)
    squat(world, checkout, shop)
    with pytest.raises(FundingMismatch):
        delegate.fund_and_verify(checkout)
    assert not signed_by(folder)
    assert world.has(session.wallet_address)[0] == BUDGET * USDC


def test_an_escrow_that_reverts_costs_gas_alone(world: World, shop: Shop, session: SessionInfo) -> None:
    """The stranger is faster than the signed payment, which then reverts on chain."""
    folder = world.folder()
    checkouts: list[Checkout] = []

    def overtake(number: int) -> None:
        if number == 2:
            squat(world, checkouts[0], shop)

    with Proxy(world.stack.rpc_url, before=only(SEND, overtake)) as proxy:
        delegate = world.delegate(session, state_dir=folder, rpc_url=proxy.url)
        checkouts.append(delegate.purchase(shop.service_id))
        with pytest.raises(FundingMismatch):
            delegate.fund_and_verify(checkouts[0])
    assert world.nonce(session.wallet_address) == 2, "the approval, and the payment that reverted"
    assert world.has(session.wallet_address)[0] == BUDGET * USDC
    assert not any("pay" in name for name in signed_by(folder))


def test_what_was_agreed_is_kept_and_compared(world: World, shop: Shop, session: SessionInfo) -> None:
    folder = world.folder()
    delegate = world.delegate(session, state_dir=folder)
    checkout = delegate.purchase(shop.service_id, dispute_window=600)
    (kept,) = (folder / "checkouts").iterdir()
    kept.write_bytes(kept.read_bytes().replace(b'"disputeWindow":600', b'"disputeWindow":900'))
    with pytest.raises(InstructionsDiffer, match="dispute window"):
        delegate.fund_and_verify(checkout.id)
    kept.write_bytes(b"{")
    with pytest.raises(StateUnusable):
        delegate.fund_and_verify(checkout.id)
    assert delegate.fund_and_verify(checkout).status == "escrowed"
    escrow = delegate._desk().wallet.escrow(checkout.id)
    assert escrow is not None
    assert (escrow.status, escrow.dispute_window) == (EscrowStatus.FUNDED, 600)
    assert not list((folder / "checkouts").iterdir())


def test_a_state_folder_that_cannot_be_written_orders_nothing(
    world: World, shop: Shop, session: SessionInfo, tmp_path: Path
) -> None:
    folder = world.folder()
    delegate = world.delegate(session, state_dir=folder)
    (folder / "checkouts").write_text("in the way")
    with pytest.raises(StateUnusable):
        delegate.purchase(shop.service_id)
    assert delegate.list_transactions().total == 0


def test_an_owner_pays_for_itself_and_nobody_without_a_wallet(world: World, shop: Shop) -> None:
    owner = world.owner()
    checkout = owner.purchase(shop.service_id)
    assert owner.api_key is not None
    with BuyerAgent(owner.api_key, base_url=world.stack.base_url, state_dir=world.folder()) as agent:
        with pytest.raises(NotConfigured):
            agent.fund_and_verify(checkout)
        agent.init_eoa_wallet(PrivateKey.generate())
        with pytest.raises(InstructionsDiffer, match="buyer's wallet"):
            agent.fund_and_verify(checkout)
    assert owner.fund_and_verify(checkout).status == "escrowed"
    wait_until(lambda: owner.get_transaction(checkout.id).payment_status == "paid", "the payment")


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False], ids=["one state folder", "different state folders"])
def test_two_processes_pay_once(world: World, shop: Shop, session: SessionInfo, shared: bool) -> None:
    checkout = world.delegate(session).purchase(shop.service_id)
    folders = [world.folder()] * 2 if shared else [world.folder(), world.folder()]
    order = {"do": "pay", "base_url": world.stack.base_url, "bundle": session.serialize()}
    order |= {"transaction_id": checkout.id}
    racers = [start_delegate(json.dumps(order | {"state_dir": str(folder)}).encode()) for folder in folders]
    assert [answer_of(racer).get("status") for racer in racers] == ["escrowed", "escrowed"]
    assert_paid_once(world, session)
