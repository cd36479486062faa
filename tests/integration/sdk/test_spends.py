"""Spends beside the market, and their approval, through the SDK against a real platform."""

import asyncio
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sdk.world import Shop, World
from tests.unit.sdk.canned import Canned, Reply
from valetkey import (
    ApprovalRequired,
    AsyncBuyerAgent,
    BudgetExceeded,
    BuyerAgent,
    InvalidAmount,
    InvalidInput,
    Limit,
    NotFound,
)
from valetkey.sdk.errors import (
    ApprovalStale,
    AssetNotAllowed,
    ChainNotAllowed,
    Conflict,
    HoldEnded,
    NetworkError,
    NoLimitForAsset,
    OperationNotAllowed,
    OwnerOnly,
    PayeeNotAllowed,
    Refused,
    WindowExceeded,
    WrongParty,
)
from valetkey.wire.http import success_body
from valetkey.wire.spends import SpendView

PAYEE = "0x" + "ab" * 20
USDC_ELSEWHERE = "eip155:1/erc20:0x" + "cd" * 20


def test_a_spend_from_its_hold_to_its_end(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(20, refunds_restore=True)
    agent = world.delegate(session)
    hold = agent.spend("2.5", payee=PAYEE, operation="x402", note="one page", seconds=60)
    assert (hold.state, hold.amount, hold.currency) == ("held", Decimal("2.5"), "USDC")
    assert (hold.view.payee, hold.view.operation, hold.view.note) == (PAYEE, "x402", "one page")
    assert hold.id in repr(hold)
    assert hold.mark_signed(b"signed bytes", "0x12") is hold
    assert (hold.state, hold.view.reference) == ("unknown", "0x12")
    # What was signed may have moved: only proof gives it back, and only the owner brings that.
    with pytest.raises(Conflict, match="UNKNOWN_STAYS_HELD"):
        hold.void()
    with pytest.raises(OwnerOnly):
        hold.void(proven=True)
    with pytest.raises(OwnerOnly):
        hold.capture(1)
    # A process that begins again does not sign another payment for the same spend.
    with pytest.raises(Conflict, match="another payment"):
        agent.get_spend(hold.id).mark_signed(b"other bytes")
    assert agent.get_spend(hold.id).capture().state == "captured"
    with pytest.raises(HoldEnded):
        hold.mark_signed(b"signed bytes", "0x12")
    assert hold.state == "captured"
    with pytest.raises(HoldEnded):
        hold.mark_signed(b"signed bytes", "0x12")
    assert hold.capture().state == "captured"
    with pytest.raises(Conflict):
        hold.void()
    assert owner.get_spend(hold.id).refund(1).view.refunded == "1"
    assert agent.spend(3).void().state == "voided"
    less = agent.spend(4)
    assert owner.get_spend(less.id).capture("1.5").view.captured == "1.5"
    lost = agent.spend(5).mark_signed(b"lost bytes")
    assert owner.get_spend(lost.id).void(proven=True).state == "voided"
    view = owner.get_session(session.session_id)
    assert (view.remaining_usdc, view.held_usdc) == ("17", "0")
    with pytest.raises(WrongParty):
        owner.spend(1)
    with pytest.raises(NotFound):
        world.owner().get_spend(hold.id)


def test_the_dry_run_says_what_the_gate_would_say(world: World) -> None:
    agent = world.delegate(world.owner().create_session(20, approval_above_usdc=10))
    said = agent.check_spend(5)
    assert (said.allowed, said.needs_approval, said.remaining, said.reasons) == (True, False, "15", [])
    said = agent.check_spend(15)
    assert (said.allowed, said.needs_approval) == (False, True)
    said = agent.check_spend(50)
    assert (said.allowed, said.needs_approval) == (False, False)
    assert said.reasons[0]["code"] == "budget_exceeded"
    assert agent.list_spends().total == 0


def test_every_limit_of_a_session_holds(world: World) -> None:
    owner = world.owner()
    eth = Limit("0.5", per_spend="0.2", windows={3_600: "0.3"}, approval_above="0.15")
    session = owner.create_session(
        20,
        limits={"ETH": eth},
        allowed_payees=[PAYEE],
        allowed_chains=[84532],
        allowed_operations=["x402", "payment"],
        delegate="crawler",
    )
    agent = world.delegate(session)
    wanted: list[tuple[type[Refused], dict[str, Any]]] = [
        (PayeeNotAllowed, {"payee": "0x" + "11" * 20}),
        (PayeeNotAllowed, {}),
        (OperationNotAllowed, {"payee": PAYEE, "operation": "transfer"}),
        (ChainNotAllowed, {"payee": PAYEE, "asset": USDC_ELSEWHERE}),
    ]
    for kind, more in wanted:
        with pytest.raises(kind):
            agent.spend(1, **more)
    agent.spend("0.1", currency="ETH", payee=PAYEE)
    with pytest.raises(ApprovalRequired):
        agent.spend("0.16", currency="ETH", payee=PAYEE)
    with pytest.raises(WindowExceeded):
        agent.spend("0.15", currency="ETH", payee=PAYEE)
    view = owner.get_session(session.session_id)
    assert view.delegate == "crawler"
    assert [(one.currency, one.remaining) for one in view.limits] == [("ETH", "0.24")]
    elsewhere = world.delegate(owner.create_session(20, allowed_assets=[USDC_ELSEWHERE]))
    assert elsewhere.spend(1, asset=USDC_ELSEWHERE).view.asset == USDC_ELSEWHERE
    with pytest.raises(AssetNotAllowed):
        elsewhere.spend(1)
    with pytest.raises(NoLimitForAsset):
        world.delegate(owner.create_session(20)).spend(1, currency="ETH")
    unlimited = world.delegate(owner.create_session(1, limits={"ETH": None}))
    assert unlimited.spend(1_000, currency="ETH").state == "held"
    for wrong in ({"amount": "1.0000001"}, {"amount": -1}, {"amount": True}):
        with pytest.raises(InvalidAmount):
            agent.spend(**wrong)
    for odd in ({"currency": "EUR"}, {"asset": "USDC"}, {"payee": "nobody"}):
        with pytest.raises(InvalidInput):
            agent.spend(1, **odd)


def test_a_spend_waits_for_its_owner(world: World) -> None:
    owner = world.owner()
    agent = world.delegate(owner.create_session(100, approval_above_usdc=10))
    with pytest.raises(ApprovalRequired) as caught:
        agent.spend(20, payee=PAYEE, idempotency_key="order 7")
    waits = caught.value
    assert waits.approval_id is not None
    assert (waits.code, waits.status, waits.asked, waits.retryable) == ("approval_required", 403, "20", True)
    assert [one.spend_id for one in owner.approvals()] == [waits.approval_id]
    hold = agent.get_spend(waits.approval_id)
    assert hold.state == "pending_approval"
    with pytest.raises(ApprovalRequired):
        hold.wait_approved(0.2, interval=0.05)
    with pytest.raises(ApprovalRequired):
        hold.execute()
    threading.Timer(0.4, owner.approve, [waits.approval_id]).start()
    assert hold.wait_approved(20, interval=0.1).state == "held"
    assert owner.approvals() == []
    # The key leads to the same spend, however it stands.
    assert agent.spend(20, payee=PAYEE, idempotency_key="order 7").id == hold.id
    hold.capture()
    assert agent.spend(20, payee=PAYEE, idempotency_key="order 7").state == "captured"


def test_a_spend_may_wait_where_it_is_asked_for(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(100, approval_above_usdc=10)
    agent = world.delegate(session)

    def say_yes() -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for one in owner.approvals(session=session.session_id):
                owner.approve(one.spend_id, seconds=60)
                return
            time.sleep(0.05)

    thread = threading.Thread(target=say_yes)
    thread.start()
    assert agent.spend(30, wait_approval=30).state == "held"
    thread.join()
    with pytest.raises(ApprovalRequired):
        agent.spend(31, wait_approval=0.1)


def test_what_is_rejected_is_over(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(100, approval_above_usdc=10)
    agent = world.delegate(session)
    with pytest.raises(ApprovalRequired) as caught:
        agent.spend(100, idempotency_key="too much")
    with pytest.raises(BudgetExceeded):
        agent.spend(1)
    assert owner.reject(caught.value.approval_id or "").state == "voided"
    with pytest.raises(HoldEnded) as ended:
        agent.get_spend(caught.value.approval_id or "").wait_approved(5)
    assert (ended.value.code, ended.value.status) == ("hold_ended", 409)
    with pytest.raises(HoldEnded):
        agent.spend(100, idempotency_key="too much")
    # Approved, and then the rules changed: it is another question.
    with pytest.raises(ApprovalRequired) as caught:
        agent.spend(50)
    owner.approve(caught.value.approval_id or "")
    owner.extend_session(session, budget_usdc=200)
    with pytest.raises(ApprovalStale):
        agent.get_spend(caught.value.approval_id or "").wait_approved(5)


def test_a_purchase_waits_and_is_ordered_again(world: World, shop: Shop) -> None:
    owner = world.owner()
    agent = world.delegate(owner.create_session(100, approval_above_usdc=1))
    with pytest.raises(ApprovalRequired) as caught:
        agent.purchase(shop.service_id)
    approval = caught.value.approval_id
    assert approval is not None
    owner.approve(approval)
    assert agent.get_spend(approval).wait_approved(5).state == "approved"
    assert agent.purchase(shop.service_id).total == Decimal("10.2")


def test_lists_of_spends(world: World) -> None:
    owner = world.owner()
    one, other = owner.create_session(1_000), owner.create_session(1_000)
    first, second = world.delegate(one), world.delegate(other)
    made = [first.spend(1).id for _ in range(3)]
    first.get_spend(made[0]).void()
    theirs = second.spend(2).id
    page = owner.list_spends(limit=2)
    assert (page.total, [spend.spend_id for spend in page.spends]) == (4, [theirs, made[2]])
    assert [spend.spend_id for spend in owner.iter_spends(session=one.session_id)] == made[::-1]
    assert [spend.spend_id for spend in owner.iter_spends(state="voided")] == [made[0]]
    assert [spend.spend_id for spend in first.iter_spends()] == made[::-1]
    assert list(first.iter_spends(session=other.session_id)) == []


def test_the_owner_says_where_it_is_told(world: World) -> None:
    owner = world.owner()
    owner.set_webhook_url("http://127.0.0.1:9/hook")
    owner.set_webhook_url(None)
    with pytest.raises(InvalidInput):
        owner.set_webhook_url("ftp://nowhere")


def view(state: str) -> bytes:
    told = SpendView(
        spend_id="hld_1", session_id="ses_1", state=state, amount="1", currency="USDC", asset="a",
        operation="payment", placed_at="2026-01-01T00:00:00Z", expires_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    return success_body(told)


def test_IDEMPOTENT_one_key_for_all_tries_and_another_for_each_call(tmp_path: Path) -> None:
    lost = Reply(hang_up=True)
    with (
        Canned(lost, lost, Reply(view("held"), 201)) as platform,
        BuyerAgent("key", base_url=platform.url, state_dir=tmp_path) as agent,
    ):
        hold = agent.spend(1)
        keys = [one.headers["idempotency-key"] for one in platform.asked]
        assert len(keys) == 3
        assert len(set(keys)) == 1
        assert len({one.body for one in platform.asked}) == 1
        agent.spend(1)
        hold.capture()
        assert len({one.headers["idempotency-key"] for one in platform.asked}) == 3
    with Canned(lost) as platform, BuyerAgent("key", base_url=platform.url, state_dir=tmp_path) as agent:
        with pytest.raises(NetworkError):
            agent.spend(1)


def test_the_async_twin_waits_too(world: World, tmp_path: Path) -> None:
    owner = world.owner()
    bundle = owner.create_session(100, approval_above_usdc=10).serialize()

    async def live() -> list[str]:
        places = {"base_url": world.stack.base_url, "state_dir": tmp_path / "async"}
        async with (
            AsyncBuyerAgent(**places) as agent,
            AsyncBuyerAgent(owner.api_key, **places) as boss,
        ):
            await agent.init_with_session(bundle)
            asked = asyncio.create_task(agent.spend(20, wait_approval=20))
            while not (waiting := await boss.approvals()):
                await asyncio.sleep(0.05)
            await boss.approve(waiting[0].spend_id)
            hold = await asked
            await hold.mark_signed(b"bytes")
            return [hold.state, *[one.state async for one in boss.iter_spends()]]

    assert asyncio.run(live()) == ["unknown", "unknown"]
