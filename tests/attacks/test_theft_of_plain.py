"""A plain bundle between two processes, and a thief who read it: what it can do, what shows it, how it is stopped."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.handing import Scene, platform, scene
from tests.attacks.thieving import Holder
from tests.e2e.searching import leaks
from tests.fixtures_stack import RunningStack
from tests.integration.sdk.world import World

__all__ = ["platform", "scene"]


def test_NO_OVERSPEND_a_thief_of_a_plain_bundle_spends_what_the_policy_allows_and_is_seen(
    scene: Scene,
) -> None:
    session = scene.owner.create_session(budget_usdc=10, per_spend_usdc=4)
    text = session.serialize()
    # It was put where it must not be: a file that everybody reads.
    (scene.folder / "note.txt").write_text(text)
    assert leaks({"the bundle": text}, scene.loot()), "the thief finds it"
    delegate, thief = scene.holder("delegate"), scene.holder("thief")
    assert delegate.ask("init", bundle=text)["session"] == session.session_id
    spent = delegate.ask("spend", amount=3)["spend"]
    # This is what a bearer's secret means.
    assert thief.ask("init", bundle=text)["session"] == session.session_id
    stolen = thief.ask("spend", amount=4)["spend"]
    assert thief.ask("spend", amount=5)["code"] == "per_spend_exceeded"
    assert thief.ask("spend", amount=4)["code"] == "budget_exceeded"
    # What shows it: a spend that the delegate did not make, refusals, and that the budget goes faster.
    found = {one.spend_id for one in scene.owner.list_spends(session=session.session_id).spends}
    assert found == {spent, stolen}
    assert scene.kinds(session).count("hold_refused") == 2
    alert = scene.told("alert.raised")
    assert (alert["kind"], alert["percent"]) == ("budget", 50)
    # How it ends.
    began = time.monotonic()
    scene.owner.revoke_session(session)
    assert thief.ask("spend", amount=1)["error"] == "SessionRevoked"
    assert delegate.ask("spend", amount=1)["error"] == "SessionRevoked"
    assert thief.ask("init", bundle=text)["error"] == "SessionRevoked"
    assert time.monotonic() - began < 10
    assert len(scene.owner.list_spends(session=session.session_id).spends) == 2


@pytest.fixture
def world(stack: RunningStack, tmp_path: Path) -> Iterator[World]:
    made = World(stack, tmp_path, [])
    yield made
    made.close()


def test_OWNER_CAN_ALWAYS_RECLAIM_what_the_thief_did_not_move_yet(world: World, tmp_path: Path) -> None:
    """A key moves its wallet without asking. What was put there is what can be lost; the rest was never there."""
    owner = world.owner()
    session = owner.create_session(budget_usdc=100)
    owner.fund_session(session, amount=5)
    with Holder(world.stack.base_url, tmp_path / "thief") as thief:
        assert thief.ask("init", bundle=session.serialize())["session"] == session.session_id
        assert world.stack.units(session.wallet_address) == 5_000_000
        owner.revoke_session(session)
        assert thief.ask("spend", amount=1)["error"] == "SessionRevoked"
    before = world.stack.units(owner.wallet_address)
    owner.reclaim_session(owner.wallet_address, session=session.session_id)
    assert world.stack.units(owner.wallet_address) - before == 5_000_000
    assert world.stack.units(session.wallet_address) == 0
