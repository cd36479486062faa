"""Labels of one session alone, and sessions that are found by their keys, through the SDK."""

import asyncio
import time

import pytest

from tests.integration.sdk.world import World
from valetkey import AsyncBuyerAgent, InvalidInput
from valetkey.crypto.keys import session_key_hash
from valetkey.sdk.errors import Conflict, LabelTaken, OwnerOnly


def test_every_session_is_found_by_its_key(world: World) -> None:
    owner = world.owner()
    made = owner.create_session(10, label="first")
    assert made.session_key_hash == "0x" + session_key_hash(made.bundle.wallet_private_key.public_key).hex()
    rotated = owner.rotate_session(made)
    assert rotated.session_key_hash != made.session_key_hash
    agent = world.delegate(rotated)
    child = agent.attenuate(5, label="child")
    grandchild = child.attenuate(1)
    world.delegate(grandchild)
    other = agent.attenuate(1)
    assert agent.register_child(other).session_key_hash == other.session_key_hash
    kept = agent.attenuate(1)
    owner.keep_recovery(kept)
    for one in (made, rotated, child, grandchild, other, kept):
        page = owner.list_sessions(key_hash=one.session_key_hash)
        assert [found.session_id for found in page.sessions] == [one.session_id]
        assert page.sessions[0].session_key_hash == one.session_key_hash
        assert owner.get_session(one.session_id).session_key_hash == one.session_key_hash
    assert agent.session is not None
    assert agent.session.session_key_hash == rotated.session_key_hash
    assert owner.list_sessions(key_hash="0x" + "00" * 32).total == 0
    with pytest.raises(InvalidInput):
        owner.list_sessions(key_hash="first")


def test_one_session_of_a_label(world: World) -> None:
    owner = world.owner()
    sole = owner.create_session(10, label="treasury", sole_label=True)
    with pytest.raises(LabelTaken) as caught:
        owner.create_session(1, label="treasury")
    taken = caught.value
    assert (taken.code, taken.status, taken.retryable) == ("label_taken", 409, False)
    assert taken.reasons[0].session_id == sole.session_id
    assert int(taken.limit or 0) == sole.expiry
    assert not isinstance(taken, Conflict)
    renewed = owner.rotate_session(sole)
    assert owner.get_session(renewed.session_id).label == "treasury"
    later = owner.create_session(1, 7_300, label="treasury", sole_label=True, not_before=renewed.expiry + 1)
    with pytest.raises(LabelTaken):
        owner.extend_session(renewed, expiry=7_200)
    owner.revoke_session(later)
    owner.extend_session(renewed, expiry=7_200)
    with pytest.raises(InvalidInput):
        owner.create_session(1, sole_label=True)
    with pytest.raises(InvalidInput):
        owner.create_session(1, label="")


def test_every_label_of_an_owner(world: World) -> None:
    owner = world.owner()
    assert owner.unique_labels() is False
    owner.set_unique_labels(True)
    assert owner.unique_labels() is True
    session = owner.create_session(10, label="one")
    agent = world.delegate(session)
    with pytest.raises(LabelTaken):
        world.delegate(agent.attenuate(1, label="one"))
    world.delegate(agent.attenuate(1, label="two"))
    with pytest.raises(LabelTaken):
        owner.create_session(1, label="two")
    with pytest.raises(OwnerOnly):
        agent.set_unique_labels(False)
    with pytest.raises(OwnerOnly):
        agent.unique_labels()
    owner.set_unique_labels(False)
    owner.create_session(1, label="two")


def test_of_eight_that_ask_at_once_one_gets_it(world: World) -> None:
    key = world.stack.wallet()

    async def ask() -> list[object]:
        owner = await AsyncBuyerAgent.register(
            key, f"owner {key.address}", base_url=world.stack.base_url, state_dir=world.folder()
        )
        made = await asyncio.gather(
            *(owner.create_session(1, label="daily", sole_label=True) for _ in range(8)),
            return_exceptions=True,
        )
        await owner.close()
        return list(made)

    found = asyncio.run(ask())
    assert sum(isinstance(one, LabelTaken) for one in found) == 7
    (session,) = (one for one in found if not isinstance(one, LabelTaken))
    assert getattr(session, "expiry", 0) > time.time()


def test_a_seller_s_label(world: World) -> None:
    shop = world.shop()
    shop.seller.create_session(label="desk", sole_label=True)
    with pytest.raises(LabelTaken):
        shop.seller.create_session(label="desk")
