"""Sessions listed, extended and rotated through the SDK against a real platform."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_stack import RunningStack
from tests.integration.sdk.world import World
from tests.unit.sdk.canned import Canned, Reply
from valetkey import (
    AsyncBuyerAgent,
    BudgetExceeded,
    BundleExpired,
    BuyerAgent,
    InvalidInput,
    NotFound,
    SessionExpired,
    SessionRevoked,
    WindowExceeded,
)
from valetkey.sdk.errors import Conflict, NetworkError


def test_a_session_is_extended_and_handed_over_again(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(10, 600, windows={3_600: 8})
    agent = world.delegate(session)
    agent.spend(7)
    view = owner.extend_session(session, budget_usdc=20)
    assert (view.budget_usdc, view.remaining_usdc, view.expiry) == ("20", "13", session.expiry)
    assert view.worst_case_loss_usdc is not None
    later = owner.extend_session(session.session_id, expiry=1_200)
    assert (later.budget_usdc, later.expiry > session.expiry) == ("20", True)
    for wrong in ({"budget_usdc": 19}, {"expiry": 60}, {}):
        with pytest.raises(InvalidInput):
            owner.extend_session(session, **wrong)
    with pytest.raises(WindowExceeded):
        agent.spend(2)
    fresh = owner.refresh_session(session)
    assert (str(fresh.budget_usdc), fresh.expiry) == ("20", later.expiry)
    assert fresh.bundle.wallet_address == session.wallet_address
    assert world.delegate(fresh).session == owner.get_session(session.session_id)
    # What was kept before is of the same keys, also from another state folder.
    owner.keep_recovery(session)
    again = BuyerAgent(owner.api_key, base_url=world.stack.base_url, state_dir=world.folder())
    with again:
        again._signer = owner._need_signer()
        again.keep_recovery(fresh)
        assert again.refresh_session(session.session_id).expiry == later.expiry
    owner.revoke_session(session)
    with pytest.raises(SessionRevoked):
        owner.extend_session(session, budget_usdc=30)


def test_a_bundle_of_before_says_the_old_end(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(10, 2)
    owner.extend_session(session, expiry=600)
    time.sleep(3.1)
    with pytest.raises(BundleExpired):
        world.delegate(session)
    assert world.delegate(owner.refresh_session(session)).spend(1).state == "held"


def test_NO_OVERSPEND_a_rotated_session_and_its_successor_spend_once(world: World) -> None:
    owner = world.owner()
    old = owner.create_session(10, allowed_payees=["0x" + "ab" * 20], label="nightly")
    before = world.delegate(old)
    payee = "0x" + "ab" * 20
    before.spend(4, payee=payee)
    new = owner.rotate_session(old, grace_seconds=600)
    assert new.session_id != old.session_id
    assert new.wallet_address != old.wallet_address
    assert new.token.reveal() != old.token.reveal()
    assert (new.budget_usdc, new.expiry, new.agent_id) == (old.budget_usdc, old.expiry, old.agent_id)
    after = world.delegate(new)
    assert after.session is not None
    assert (after.session.remaining_usdc, after.session.label) == ("6", "nightly")
    assert owner.get_session(old.session_id).successor_id == new.session_id
    before.spend(5, payee=payee)
    for agent in (before, after):
        with pytest.raises(BudgetExceeded):
            agent.spend(2, payee=payee)
    # Its keys are kept: a lost bundle strands nothing.
    assert owner.recover_session(new.session_id).bundle.serialize() == new.bundle.serialize()
    with pytest.raises(Conflict):
        owner.rotate_session(old)


def test_a_rotation_may_change_the_rules_and_begin_anew(world: World) -> None:
    owner = world.owner()
    old = owner.create_session(10, 600)
    world.delegate(old).spend(4)
    new = owner.rotate_session(old, grace_seconds=0, carry=False, expiry=1_200, budget_usdc=3, label="next")
    view = owner.get_session(new.session_id)
    assert (view.budget_usdc, view.remaining_usdc, view.label) == ("3", "3", "next")
    assert (str(new.budget_usdc), new.expiry) == ("3", view.expiry)
    with pytest.raises(SessionExpired):
        world.delegate(old)
    free = owner.rotate_session(new.session_id, budget_usdc=None)
    assert free.budget_usdc is None
    assert owner.get_session(free.session_id).budget_usdc is None
    child = world.delegate(free.attenuate(1_000_000))
    assert child.spend(1_000).state == "held"
    with pytest.raises(NotFound):
        world.owner().rotate_session(free)


def test_money_follows_a_rotation(world: World, stack: RunningStack) -> None:
    owner = world.owner()
    old = owner.create_session(10)
    owner.fund_session(old, amount=5)
    new = owner.rotate_session(old, grace_seconds=0)
    assert owner.reclaim_session(new.wallet_address, session=old) is not None
    assert stack.units(new.wallet_address) == 5_000_000
    assert world.has(old.wallet_address)[0] == 0


def test_an_owner_without_a_wallet_rotates_too(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(10)
    with BuyerAgent(owner.api_key, base_url=world.stack.base_url, state_dir=world.folder()) as clerk:
        new = clerk.rotate_session(session)
        assert new.agent_id == owner.agent_id
    assert world.delegate(new).spend(1).state == "held"


def test_lists_filters_sorts_and_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = world.owner()
    made = [owner.create_session(10, 600 + n, label=f"job {n}", delegate=f"d{n % 2}") for n in range(5)]
    ids = [one.session_id for one in made]
    owner.pause_session(made[0])
    child = made[1].attenuate(1)
    world.delegate(child)
    page = owner.list_sessions(limit=2, offset=1, sort="expiry", delegate="d0")
    assert (page.total, page.limit, page.offset) == (3, 2, 1)
    assert [one.session_id for one in page.sessions] == [ids[2], ids[4]]
    found: list[tuple[dict[str, Any], list[str]]] = [
        ({"status": "paused"}, [ids[0]]),
        ({"label": "job 3"}, [ids[3]]),
        ({"parent": ids[1]}, [child.session_id]),
        ({"tree": ids[1], "sort": "oldest"}, [ids[1], child.session_id]),
        ({"role": "seller"}, []),
        ({"chain": 84532, "sort": "oldest"}, [*ids, child.session_id]),
    ]
    monkeypatch.setattr("valetkey.sdk._sync.fleet.PAGE", 2)
    for filters, wanted in found:
        assert [one.session_id for one in owner.iter_sessions(**filters)] == wanted, filters
    assert len(owner.sessions()) == 6
    # One that is made meanwhile moves the others on: none comes twice.
    several = owner.iter_sessions()
    first = [next(several).session_id, next(several).session_id]
    owner.create_session(10)
    rest = [one.session_id for one in several]
    assert len({*first, *rest}) == len([*first, *rest]) == 6
    with pytest.raises(InvalidInput):
        owner.list_sessions(status="asleep")


def test_IDEMPOTENT_a_lost_answer_makes_no_second_session(tmp_path: Path) -> None:
    lost = Reply(hang_up=True)
    with Canned(lost) as platform, BuyerAgent("key", base_url=platform.url, state_dir=tmp_path) as owner:
        with pytest.raises(NetworkError):
            owner.create_session(10)
        assert len(platform.asked) == 4
        assert len({(one.headers["idempotency-key"], one.body) for one in platform.asked}) == 1


def test_the_async_twin_does_the_same(world: World, tmp_path: Path) -> None:
    owner = world.owner()

    async def live() -> list[str | None]:
        places = {"base_url": world.stack.base_url, "state_dir": tmp_path / "async"}
        async with AsyncBuyerAgent(owner.api_key, **places) as agent:
            agent._signer = owner._need_signer()
            session = await agent.create_session(10)
            await agent.extend_session(session, budget_usdc=12)
            await agent.rotate_session(session)
            return [one.budget_usdc async for one in agent.iter_sessions(tree=session.session_id)]

    assert asyncio.run(live()) == ["12", "12"]
