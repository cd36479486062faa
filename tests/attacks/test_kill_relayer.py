"""kill -9 of a whole platform, its relayer and its follower, while session keys draw: each payment is made once."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.killing import Killed
from tests.fixtures_chain import PRIVATE_KEYS, ChainRpc
from tests.integration.platform.onchain import Chain
from valetkey import BuyerAgent
from valetkey.chains.evm.deploy import deploy
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import EnvironmentFailure
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.errors import TransactionReverted, TryLater

USDC = 10**6
ROUNDS = 4
PAUSES = (0.05, 0.4, 0.9, 1.6)
"""Seconds into a payment at which the platform is killed; a payment takes about two."""


@pytest.fixture
def onchain(chain: ChainRpc) -> Chain:
    made = deploy(chain.rpc_url, LocalSigner(PrivateKey.from_hex(PRIVATE_KEYS[0])))
    found = Chain(chain.rpc_url, made.escrow, made.score, made.usdc)
    found.allowance = made.allowance  # type: ignore[attr-defined]  # for this test alone
    return found


@pytest.fixture
def relayer() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture
def platform(tmp_path: Path, onchain: Any, relayer: PrivateKey) -> Iterator[Killed]:
    network = {
        "network": "base-sepolia",
        "rpcUrl": onchain.rpc_url,
        "escrow": onchain.escrow,
        "score": onchain.score,
        "usdc": onchain.usdc,
        "allowance": onchain.allowance,
        "confirmations": 1,
    }
    made = Killed(
        tmp_path,
        VALETKEY_NETWORKS=json.dumps([network]),
        VALETKEY_RELAYER_KEY=relayer.to_hex(),
        VALETKEY_RELAYER_OWNER_ETH_DAY="1",
        VALETKEY_RELAYER_ETH_DAY="1",
    )
    yield made
    made.kill()


def persistently(what: Any, seconds: float = 60.0) -> Any:
    """As a client that is told to try again does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return what()
        except (TryLater, EnvironmentFailure, TransactionReverted):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_UNKNOWN_STAYS_HELD_a_platform_that_is_killed_while_it_relays(
    platform: Killed, onchain: Any, relayer: PrivateKey, tmp_path: Path
) -> None:
    key = PrivateKey.generate()
    onchain.supply(key.address, 1_000 * USDC)
    onchain.supply(relayer.address)
    agents: list[BuyerAgent] = []

    def agent(name: str) -> BuyerAgent:
        made = BuyerAgent(base_url=platform.base_url, state_dir=tmp_path / name)
        agents.append(made)
        return made

    owner = BuyerAgent.register(key, "owner", base_url=platform.base_url, state_dir=tmp_path / "owner")
    agents.append(owner)
    owner.init_eoa_wallet(key)
    session = owner.create_session(50, 3_600, funding="grant")
    delegate = agent("delegate")
    delegate.init_with_session(session.serialize())
    payee = PrivateKey.generate().address

    def balance() -> int:
        data = "0x70a08231" + payee[2:].lower().rjust(64, "0")
        return int(onchain.rpc("eth_call", {"to": onchain.usdc, "data": data}, "latest"), 16)

    for pause in PAUSES[:ROUNDS]:
        hold = persistently(lambda: delegate.spend("1", payee=payee, seconds=900))
        import threading

        def kill(after: float = pause) -> None:
            time.sleep(after)
            platform.kill()
            platform.start()

        killer = threading.Thread(target=kill)
        killer.start()
        drawn = persistently(lambda hold=hold: delegate.draw(hold))
        killer.join()
        assert persistently(drawn.refresh).state == "captured"
    view = persistently(lambda: owner.get_session(session.session_id))
    assert (view.spent_usdc, view.held_usdc) == (str(ROUNDS), "0")
    assert balance() == ROUNDS * USDC
    sent = int(onchain.rpc("eth_getTransactionCount", relayer.address, "latest"), 16)
    assert sent == ROUNDS + 1, "one registration, and each payment once"
    log = platform.log.read_text()
    assert "Traceback" not in log
    assert relayer.to_hex(prefix=False) not in log
    for one in agents:
        one.close()
