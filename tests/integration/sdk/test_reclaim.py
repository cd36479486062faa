"""OWNER_CAN_ALWAYS_RECLAIM with the SDK: from a new machine, without the bundle, after the end; and only home."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import wait_until
from tests.e2e.proxy import Cut, Proxy
from tests.integration.sdk.world import World, only
from valetkey import BundleExpired, BuyerAgent, ChainUnavailable, InvalidInput, SessionInfo, SessionRevoked
from valetkey.cli.dev_rpc import ETH, USDC
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.errors import NotConfigured, RecoveryFailed

EMPTY = (0, 0)
SOMEBODY = "0x" + "1" * 40


@pytest.fixture
def key(world: World) -> PrivateKey:
    return world.stack.wallet(1_000 * USDC)


@pytest.fixture
def owner(world: World, key: PrivateKey) -> BuyerAgent:
    return world.owner(key)


def funded(owner: BuyerAgent, expiry: int = 3_600, **more: Any) -> SessionInfo:
    session = owner.create_session(5, expiry)
    owner.fund_session(session, **more)
    return session


def new_machine(world: World, owner: BuyerAgent, key: PrivateKey) -> BuyerAgent:
    """The same owner with nothing but its API key and its wallet."""
    assert owner.api_key is not None
    agent = BuyerAgent(owner.api_key, base_url=world.stack.base_url, state_dir=world.folder())
    world.agents.append(agent)
    agent.init_eoa_wallet(key)
    return agent


@pytest.mark.parametrize("revoked", [True, False])
def test_OWNER_CAN_ALWAYS_RECLAIM_from_a_new_machine_without_the_bundle(
    world: World, owner: BuyerAgent, key: PrivateKey, revoked: bool
) -> None:
    session_id, wallet = (lambda made: (made.session_id, made.wallet_address))(funded(owner))
    again = new_machine(world, owner, key)
    if revoked:
        again.revoke_session(session_id)
    before = world.stack.units(key.address)
    tx_hash = again.reclaim_session(key.address, session=session_id)
    assert tx_hash is not None
    receipt = world.stack.rpc.call("eth_getTransactionReceipt", tx_hash)
    assert receipt["to"].lower() == world.stack.contracts["usdc"].lower()
    assert world.has(wallet) == EMPTY
    assert world.stack.units(key.address) == before + 5 * USDC
    assert again.reclaim_session(key.address, session=session_id) is None
    assert owner.reclaim_session(key.address, session=session_id) is None


def test_a_damaged_copy_of_ours_is_replaced_by_the_platforms(world: World, key: PrivateKey) -> None:
    folder = world.folder()
    owner = world.owner(key, state_dir=folder)
    session = funded(owner)
    (kept,) = (folder / "recovery").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    assert owner.reclaim_session(key.address, session=session.session_id) is not None
    assert world.has(session.wallet_address) == EMPTY


def test_an_empty_tank_is_filled_by_the_owner(world: World, owner: BuyerAgent, key: PrivateKey) -> None:
    session = funded(owner, gas_wei=0)
    assert world.has(session.wallet_address) == (5 * USDC, 0)
    owner.reclaim_session(key.address, session=session.session_id)
    assert world.has(session.wallet_address) == EMPTY


def test_gas_alone_comes_home_too(world: World, owner: BuyerAgent, key: PrivateKey) -> None:
    session = owner.create_session(5)
    assert owner.reclaim_session(key.address, session=session) is None, "it never had anything"
    world.stack.rpc.give(session.wallet_address, ETH)
    assert owner.reclaim_session(key.address, session=session) is not None
    assert world.has(session.wallet_address) == EMPTY
    world.stack.rpc.give(session.wallet_address, 1)
    assert owner.reclaim_session(key.address, session=session) is None, "less than a transfer costs"


def test_the_owner_may_sweep_to_another_wallet_of_its_own(
    world: World, owner: BuyerAgent, key: PrivateKey
) -> None:
    session, safe = funded(owner), PrivateKey.generate().address
    owner.reclaim_session(safe.lower(), session=session.serialize())
    assert world.has(session.wallet_address) == EMPTY
    assert world.has(safe)[0] == 5 * USDC


@pytest.mark.parametrize("to", ["", "0x12", "nobody", "0x" + "0" * 40, "itself", "wrong checksum"])
def test_where_nothing_is_swept_to(world: World, owner: BuyerAgent, key: PrivateKey, to: str) -> None:
    session = funded(owner)
    places = {"itself": session.wallet_address, "wrong checksum": "0x" + key.address[2:].swapcase()}
    before = world.has(session.wallet_address)
    with pytest.raises(InvalidInput):
        owner.reclaim_session(places.get(to, to), session=session)
    with pytest.raises(InvalidInput):
        owner.reclaim_session(key.address, "ETH", session=session)
    assert world.has(session.wallet_address) == before


def test_a_delegate_returns_money_home_and_nowhere_else(
    world: World, owner: BuyerAgent, key: PrivateKey
) -> None:
    session = funded(owner)
    delegate = world.delegate(session)
    before = world.has(session.wallet_address)
    for to in (SOMEBODY, PrivateKey.generate().address):
        with pytest.raises(InvalidInput, match="owner's wallet alone"):
            delegate.reclaim_session(to)
        with pytest.raises(InvalidInput, match="owner's wallet alone"):
            delegate.reclaim_session(to, session=session.serialize())
    assert world.has(session.wallet_address) == before
    assert delegate.reclaim_session(key.address.lower()) is not None
    assert world.has(session.wallet_address) == EMPTY
    assert delegate.reclaim_session(key.address) is None


def test_a_delegate_returns_money_after_the_end_and_a_restart(
    world: World, owner: BuyerAgent, key: PrivateKey
) -> None:
    session, folder = funded(owner), world.folder()
    world.delegate(session, state_dir=folder)
    owner.revoke_session(session)
    with BuyerAgent(base_url=world.stack.base_url, state_dir=folder) as again:
        with pytest.raises(SessionRevoked):
            again.init_with_session(session.serialize())
        with pytest.raises(InvalidInput):
            again.reclaim_session(SOMEBODY)
        assert again.reclaim_session(key.address) is not None
    assert world.has(session.wallet_address) == EMPTY


@pytest.mark.slow
def test_a_delegate_returns_money_of_an_expired_session(
    world: World, owner: BuyerAgent, key: PrivateKey
) -> None:
    session, folder = funded(owner, expiry=6), world.folder()
    delegate = world.delegate(session, state_dir=folder)
    wait_until(lambda: time.time() > session.expiry + 1, "the end of the session")
    with BuyerAgent(base_url=world.stack.base_url, state_dir=folder) as again:
        with pytest.raises(BundleExpired):
            again.init_with_session(session.serialize())
        with pytest.raises(NotConfigured):
            again.reclaim_session(key.address)
        with pytest.raises(InvalidInput):
            again.reclaim_session(SOMEBODY, session=session.serialize())
        assert again.reclaim_session(key.address, session=session.serialize()) is not None
    assert world.has(session.wallet_address) == EMPTY
    assert delegate.reclaim_session(key.address) is None


def test_whoever_never_learnt_where_home_is_moves_nothing(
    world: World, owner: BuyerAgent, key: PrivateKey
) -> None:
    session = funded(owner)
    with BuyerAgent(base_url=world.stack.base_url, state_dir=world.folder()) as finder:
        with pytest.raises(NotConfigured, match="owner can reclaim"):
            finder.reclaim_session(key.address, session=session.serialize())
    assert world.has(session.wallet_address)[0] == 5 * USDC


def test_only_its_owner_opens_a_recovery_copy(world: World, owner: BuyerAgent, key: PrivateKey) -> None:
    session, stranger = funded(owner), world.owner()
    with pytest.raises(RecoveryFailed):
        stranger.reclaim_session(stranger.wallet_address, session=session.session_id)
    with pytest.raises(RecoveryFailed):
        owner.reclaim_session(key.address, session="sess_that_never_was")
    wrong = new_machine(world, owner, PrivateKey.generate())
    with pytest.raises(RecoveryFailed):
        wrong.reclaim_session(key.address, session=session.session_id)
    with pytest.raises(NotConfigured):
        owner.reclaim_session(key.address)
    assert world.has(session.wallet_address)[0] == 5 * USDC


def test_a_session_never_funded_has_no_copy(owner: BuyerAgent, key: PrivateKey) -> None:
    session = owner.create_session(5)
    with pytest.raises(RecoveryFailed):
        owner.reclaim_session(key.address, session=session.session_id)


@pytest.mark.parametrize(
    ("side", "nth"),
    [
        ("before", 2),
        ("after", 1),
        pytest.param("before", 1, marks=pytest.mark.slow),
        pytest.param("after", 2, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_sweep_is_finished(world: World, key: PrivateKey, nth: int, side: str) -> None:
    folder = world.folder()
    owner = world.owner(key, state_dir=folder)
    session = funded(owner)

    def cut(number: int) -> None:
        if number == nth:
            raise Cut

    with Proxy(world.stack.rpc_url, **{side: only("eth_sendRawTransaction", cut)}) as proxy:
        interrupted = world.owner(key, state_dir=folder, rpc_url=proxy.url)
        with pytest.raises(ChainUnavailable):
            interrupted.reclaim_session(key.address, session=session.session_id)
    # What comes in meanwhile is swept as well.
    world.stack.rpc.mint(world.stack.contracts["usdc"], session.wallet_address, 7)
    before = world.stack.units(key.address)
    left = world.stack.units(session.wallet_address)
    assert owner.reclaim_session(key.address, session=session.session_id) is not None
    assert world.has(session.wallet_address) == EMPTY
    assert world.stack.units(key.address) == before + left


def test_the_recovery_copy_is_ciphertext(world: World, key: PrivateKey) -> None:
    folder = world.folder()
    session = funded(world.owner(key, state_dir=folder))
    secrets = [
        session.bundle.wallet_private_key.to_hex(prefix=False),
        session.token.reveal(),
        session.serialize()[20:],
    ]
    for path in Path(folder).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret.encode() in data for secret in secrets), path
