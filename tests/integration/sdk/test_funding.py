"""`fund_session`: what it refuses, and that an interruption at any moment sends nothing twice."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.proxy import Cut, Proxy
from tests.integration.sdk.world import World, only, signed_by
from valetkey import BuyerAgent, ChainUnavailable, InvalidAmount, InvalidInput, SessionInfo
from valetkey.cli.dev_rpc import ETH, USDC
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.errors import InsufficientFunds, NotConfigured, RecoveryFailed, Unfinished

SEND = "eth_sendRawTransaction"
FUNDER = Path(__file__).with_name("funder.py")


def test_what_is_refused_sends_nothing(world: World) -> None:
    owner = world.owner()
    unlimited, nothing = owner.create_session(None), owner.create_session(0)
    session = owner.create_session(5)
    for ask, error in [
        (lambda: owner.fund_session(unlimited), InvalidInput),
        (lambda: owner.fund_session(nothing), InvalidInput),
        (lambda: owner.fund_session(session, amount=0), InvalidInput),
        (lambda: owner.fund_session(session, "ETH"), InvalidInput),
        (lambda: owner.fund_session(session, amount=float("nan")), InvalidAmount),
        (lambda: owner.fund_session(session, amount=-1), InvalidAmount),
        (lambda: owner.fund_session(session, amount="0.0000001"), InvalidAmount),
        (lambda: owner.fund_session(session, amount=1_001), InsufficientFunds),
    ]:
        with pytest.raises(error):
            ask()
    assert world.nonce(owner.wallet_address) == 0
    assert world.has(session.wallet_address) == (0, 0)


def test_an_amount_stands_for_a_missing_budget_and_gas_is_a_choice(world: World) -> None:
    owner = world.owner()
    unlimited = owner.create_session(None)
    tx_hash = owner.fund_session(unlimited, amount="7.5", gas_wei=12_345)
    assert world.has(unlimited.wallet_address) == (7_500_000, 12_345)
    receipt = world.stack.rpc.call("eth_getTransactionReceipt", tx_hash)
    assert receipt["to"].lower() == world.stack.contracts["usdc"].lower(), "the hash of the token transfer"
    owner.fund_session(unlimited, amount=1, gas_wei=0)
    assert world.has(unlimited.wallet_address) == (8_500_000, 12_345)


def test_an_owner_without_gas_signs_nothing(world: World) -> None:
    key = PrivateKey.generate()
    world.stack.rpc.mint(world.stack.contracts["usdc"], key.address, 10 * USDC)
    folder = world.folder()
    owner = world.owner(key, state_dir=folder)
    session = owner.create_session(5)
    with pytest.raises(InsufficientFunds):
        owner.fund_session(session)
    assert not signed_by(folder)
    world.stack.rpc.give(key.address, ETH)
    owner.fund_session(session)
    assert world.has(session.wallet_address)[0] == 5 * USDC


def test_without_a_wallet_there_is_nothing_to_fund_with(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(5)
    assert owner.api_key is not None
    with BuyerAgent(owner.api_key, base_url=world.stack.base_url, state_dir=world.folder()) as agent:
        with pytest.raises(NotConfigured):
            agent.fund_session(session)


@pytest.mark.parametrize(
    ("side", "nth"),
    [
        ("before", 2),
        ("after", 1),
        pytest.param("before", 1, marks=pytest.mark.slow),
        pytest.param("after", 2, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_funding_goes_on_with_the_same_bytes(world: World, nth: int, side: str) -> None:
    """The first raw transaction is the gas, the second the token."""
    key, folder = world.stack.wallet(1_000 * USDC), world.folder()

    def cut(number: int) -> None:
        if number == nth:
            raise Cut

    sent: list[bytes] = []

    def listen(where: str, body: bytes) -> None:
        if SEND.encode() in body:
            sent.append(body)

    with Proxy(world.stack.rpc_url, **{side: only(SEND, cut)}) as proxy:
        owner = world.owner(key, state_dir=folder, rpc_url=proxy.url)
        session = owner.create_session(5)
        with pytest.raises(ChainUnavailable):
            owner.fund_session(session)
    assert len(signed_by(folder)) == 1, "stored before it was sent"
    with Proxy(world.stack.rpc_url, before=listen) as proxy:
        again = world.owner(key, state_dir=folder, rpc_url=proxy.url)
        again.fund_session(session)
    assert world.has(session.wallet_address)[0] == 5 * USDC
    assert world.nonce(key.address) == 2, "gas and token, once each"
    assert not signed_by(folder)
    assert len(sent) == (2 - nth) + (side == "before")


def test_an_interrupted_funding_is_not_mixed_with_another(world: World) -> None:
    key, folder = world.stack.wallet(1_000 * USDC), world.folder()

    def cut(number: int) -> None:
        if number == 2:
            raise Cut

    with Proxy(world.stack.rpc_url, before=only(SEND, cut)) as proxy:
        owner = world.owner(key, state_dir=folder, rpc_url=proxy.url)
        session = owner.create_session(5)
        with pytest.raises(ChainUnavailable):
            owner.fund_session(session)
    again = world.owner(key, state_dir=folder)
    with pytest.raises(Unfinished, match="5 USDC"):
        again.fund_session(session, amount=6)
    again.fund_session(session)
    assert world.has(session.wallet_address)[0] == 5 * USDC


@pytest.mark.parametrize("side", ["before", pytest.param("after", marks=pytest.mark.slow)])
def test_kill_between_gas_and_token_sends_nothing_twice(world: World, side: str) -> None:
    key, folder = world.stack.wallet(1_000 * USDC), world.folder()
    owner = world.owner(key)
    session = owner.create_session(5)
    assert owner.api_key is not None
    order = {
        "base_url": world.stack.base_url,
        "api_key": owner.api_key.reveal(),
        "owner_key": key.to_hex(),
        "state_dir": str(folder),
        "session_id": session.session_id,
        "bundle": session.serialize(),
    }
    process: subprocess.Popen[bytes] | None = None

    def kill(number: int) -> None:
        if number == 2:
            assert process is not None
            os.kill(process.pid, signal.SIGKILL)
            raise Cut

    with Proxy(world.stack.rpc_url, **{side: only(SEND, kill)}) as proxy:
        process = subprocess.Popen(
            [sys.executable, str(FUNDER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        process.communicate(json.dumps(order | {"rpc_url": proxy.url}).encode(), timeout=120)
    assert process.returncode == -signal.SIGKILL
    again = world.owner(key, state_dir=folder)
    recovered = again.recover_session(session.session_id)
    assert recovered == session
    again.fund_session(recovered)
    assert world.has(session.wallet_address)[0] == 5 * USDC
    assert world.nonce(key.address) == 2, "gas and token, once each"


def test_a_recovery_copy_comes_first(world: World) -> None:
    """Nothing moves while the platform does not keep the copy."""
    key = world.stack.wallet(1_000 * USDC)

    def cut(_number: int) -> None:
        raise Cut

    with Proxy(world.stack.base_url, before=only("/recovery", cut)) as proxy:
        owner = world.owner(key, base_url=proxy.url)
        session = owner.create_session(5)
        with pytest.raises(Exception, match="did not answer"):
            owner.fund_session(session)
    assert world.nonce(key.address) == 0


def test_the_copy_of_another_state_folder_will_do(world: World) -> None:
    key = world.stack.wallet(1_000 * USDC)
    owner, elsewhere = world.owner(key), world.owner(key)
    session = owner.create_session(5)
    owner.fund_session(session)
    elsewhere.fund_session(session, amount=1)
    assert world.has(session.wallet_address)[0] == 6 * USDC
    other = world.owner()
    mixed: dict[str, Any] = {name: getattr(session, name) for name in SessionInfo.__slots__}
    forged = SessionInfo(**mixed | {"bundle": other.create_session(5).bundle})
    with pytest.raises(RecoveryFailed):
        world.owner(key).fund_session(forged)
