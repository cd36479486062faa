"""Sessions that are made out of sessions without a network, and registered by whoever first uses them."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.integration.sdk.world import World
from valetkey import (
    AsyncBuyerAgent,
    BudgetExceeded,
    InvalidInput,
    NotConfigured,
    NotNarrower,
    SessionInfo,
    SessionRevoked,
)
from valetkey.sdk.errors import ChainNotAllowed, OwnerOnly, PayeeNotAllowed, TreeTooDeep, Unauthenticated

PAYEE = "0x" + "ab" * 20


@contextmanager
def no_network() -> Iterator[None]:
    """Nothing of this process reaches anybody."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the network was used")

    with pytest.MonkeyPatch.context() as patched:
        for name in ("connect", "send", "sendall"):
            patched.setattr(socket.socket, name, refuse)
        yield


def test_a_child_needs_no_network_and_spends_out_of_its_parent(world: World) -> None:
    owner = world.owner()
    agent = world.delegate(owner.create_session(100))
    with no_network():
        with pytest.raises(AssertionError, match="the network was used"):
            agent.list_spends()
        child = agent.attenuate(20, expiry=600, label="searcher", allowed_payees=[PAYEE], windows={60: 15})
        grandchild = child.attenuate(5, spends_max=1)
        texts = [child.serialize(), grandchild.serialize()]
    # The grandchild comes first: it brings its whole line.
    small = world.delegate(texts[1])
    assert small.session is not None
    assert small.session.session_id == grandchild.session_id
    assert (small.session.parent_id, small.session.depth) == (child.session_id, 2)
    assert (small.session.remaining_usdc, small.session.spends_max) == ("5", 1)
    assert small.session.expiry == grandchild.expiry == child.expiry
    small.spend(4, payee=PAYEE).capture()
    large = world.delegate(texts[0])
    assert large.session is not None
    assert (large.session.label, large.session.remaining_usdc) == ("searcher", "16")
    assert large.session.allowed_payees == [PAYEE.lower()]
    with pytest.raises(PayeeNotAllowed):
        large.spend(1, payee="0x" + "11" * 20)
    large.spend(10, payee=PAYEE)
    agent.spend(86)
    with pytest.raises(BudgetExceeded) as caught:
        large.spend(1, payee=PAYEE)
    assert caught.value.reasons[0].session_id == agent.session.session_id  # type: ignore[union-attr]
    tree = owner.tree(agent.session.session_id)  # type: ignore[union-attr]
    assert [(one.depth, one.spent_usdc, one.held_usdc) for one in tree] == [
        (0, "4", "96"),
        (1, "4", "10"),
        (2, "4", "0"),
    ]
    # Again, in another process, is the same session.
    assert world.delegate(texts[0]).session.session_id == child.session_id  # type: ignore[union-attr]


def test_NARROW_ONLY_what_is_wider_is_refused_at_once(world: World) -> None:
    owner = world.owner()
    made = owner.create_session(
        50, 600, ["svc_1"], per_spend_usdc=5, spends_max=5, allowed_chains=[84532], limits={"ETH": 1}
    )
    agent = world.delegate(made)
    wider: list[tuple[dict[str, Any], str]] = [
        ({"budget_usdc": "50.000001"}, "budget"),
        ({"expiry": 3_600}, "expires_at"),
        ({"per_spend_usdc": 6}, "per_spend"),
        ({"spends_max": 6}, "spends_max"),
        ({"allowed_service_ids": ["svc_1", "svc_2"]}, "allowed_services"),
        ({"allowed_chains": [1]}, "allowed_chains"),
    ]
    for rules, rule in wider:
        for parent in (made, agent, made.attenuate()):
            with pytest.raises(NotNarrower) as caught:
                parent.attenuate(**rules)
            assert (caught.value.rule, caught.value.code, caught.value.status) == (rule, "not_narrower", 403)
    meaningless: list[dict[str, Any]] = [
        {"allowed_service_ids": []},
        {"allowed_payees": PAYEE},
        {"allowed_payees": ["nobody"]},
        {"without": ["USDC"]},
        {"label": "x" * 201},
        {"expiry": 60.5},
        {"spends_max": True},
        {"budget_usdc": float("nan")},
        {"budget_usdc": "0.0000001"},
        {"not_before": 2**40},
    ]
    for rules in meaningless:
        with pytest.raises(InvalidInput):
            agent.attenuate(**rules)
    poorer = world.delegate(agent.attenuate(without=["ETH"]))
    assert poorer.session is not None
    assert poorer.session.limits == []


def test_NARROW_ONLY_what_is_not_known_here_is_refused_by_the_platform(world: World) -> None:
    owner = world.owner()
    made = owner.create_session(50, allowed_payees=[PAYEE], allowed_chains=[84532])
    owner.keep_recovery(made)
    known = owner.recover_session(made.session_id)
    assert known.policy is None
    with pytest.raises(NotNarrower):
        known.attenuate(51)
    child = known.attenuate(allowed_payees=["0x" + "22" * 20])
    with pytest.raises(NotNarrower):
        world.delegate(child)
    with pytest.raises(ChainNotAllowed):
        world.delegate(known.attenuate(1)).spend(1, asset="eip155:1/erc20:0x" + "33" * 20, payee=PAYEE)


def test_REVOKED_IS_DEAD_a_parent_takes_its_children_with_it(world: World) -> None:
    owner = world.owner()
    agent = world.delegate(owner.create_session(50))
    child, other = agent.attenuate(5), agent.attenuate(6)
    first, second = world.delegate(child), world.delegate(other)
    assert agent.revoke_session(child).status == "revoked"
    with pytest.raises(SessionRevoked):
        first.spend(1)
    second.spend(1).void()
    assert agent.revoke_self().status == "revoked"
    for dead in (agent, second):
        with pytest.raises(SessionRevoked):
            dead.spend(1)
    with pytest.raises(SessionRevoked):
        world.delegate(agent.attenuate(1))
    with pytest.raises(NotConfigured):
        owner.revoke_self()
    with pytest.raises(NotConfigured):
        owner.attenuate(1)


def test_a_child_for_a_client_that_knows_eight_fields_alone(world: World) -> None:
    agent = world.delegate(world.owner().create_session(50))
    child = agent.attenuate(5)
    plain = child.bundle.serialize()
    assert child.serialize().partition(".")[0] == plain
    with pytest.raises(Unauthenticated):
        world.delegate(plain)
    view = agent.register_child(child)
    assert view.session_id == child.session_id
    assert agent.register_child(child) == view
    # How it fares is told when it is asked for.
    seen = world.delegate(plain).session
    assert seen is not None
    assert seen.health is not None
    assert replace(seen, health=None) == view
    with pytest.raises(NotConfigured):
        agent.register_child(world.owner().create_session(1))


def test_OWNER_CAN_ALWAYS_RECLAIM_what_a_child_holds(world: World) -> None:
    owner = world.owner()
    parent = owner.create_session(50)
    child = parent.attenuate(5)
    delegate = world.delegate(parent)
    # Nobody but the owner keeps a recovery copy, so nobody else sends money there.
    with pytest.raises(OwnerOnly):
        delegate.fund_session(child, amount=1)
    assert world.has(child.wallet_address) == (0, 0)
    owner.fund_session(child, amount=3)
    assert owner.recover_session(child.session_id).bundle.serialize() == child.bundle.serialize()
    owner.revoke_session(parent)
    assert owner.reclaim_session(owner.wallet_address, session=child.session_id) is not None
    assert owner.reclaim_session(owner.wallet_address, session=child.serialize()) is None
    assert world.has(child.wallet_address)[0] == 0


def test_a_line_ends_somewhere(world: World) -> None:
    last: SessionInfo = world.owner().create_session(50)
    for _ in range(8):
        last = last.attenuate()
    assert world.delegate(last).session.depth == 8  # type: ignore[union-attr]
    with pytest.raises(TreeTooDeep):
        world.delegate(world.delegate(last).attenuate())


def test_SECRETS_STAY_SECRET_of_a_child(world: World) -> None:
    agent = world.delegate(world.owner().create_session(50))
    child = agent.attenuate(5)
    secrets = [
        child.token.reveal(),
        child.bundle.wallet_private_key.to_hex(prefix=False),
        child.bundle.e2e_private_key.to_hex(prefix=False),
    ]
    sent = json.dumps([one.message + one.signature for one in child.narrowings])
    for secret in secrets:
        assert secret not in repr(child)
        assert secret not in sent


def test_the_async_twin_makes_children(world: World, tmp_path: Path) -> None:
    bundle = world.owner().create_session(50).serialize()

    async def live() -> list[str]:
        places = {"base_url": world.stack.base_url, "state_dir": tmp_path / "async"}
        async with AsyncBuyerAgent(**places) as parent, AsyncBuyerAgent(**places) as agent:
            await parent.init_with_session(bundle)
            view = await agent.init_with_session(parent.attenuate(3).serialize())
            assert view is not None
            hold = await agent.spend("0.5")
            await hold.capture()
            return [view.remaining_usdc or "", hold.state, (await agent.revoke_self()).status]

    assert asyncio.run(live()) == ["3", "captured", "revoked"]
