"""Managers of different contracts and tokens on one file: none says of another one's session what it cannot know.

And processes of one file, of which one is stopped.
"""

import fcntl
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.manager.solana_world import MONEY, SolanaWorld
from tests.integration.manager.world import HOUR, PAYEE, World, cheap_lock
from valetkey.chains.evm.deployer import creation_of
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import checksum_address
from valetkey.ports.wallet import StillPending
from valetkey.sdk.manager.blocking import SessionKeyManager


@pytest.fixture
def second(world: World) -> Iterator[SessionKeyManager]:
    """A manager of the same file under another SessionAllowance on the same chain."""
    data = "0x" + creation_of("SessionAllowance", []).hex()
    sent = world.chain(
        "eth_sendTransaction",
        {"from": world.chain("eth_accounts")[0], "data": data, "gas": hex(6_000_000)},
    )
    contract = checksum_address(world.chain("eth_getTransactionReceipt", sent)["contractAddress"])
    with SessionKeyManager(
        world.owner.to_hex(),
        contract,
        chain="baseSepolia",
        rpc_url=world.chain.rpc_url,
        path=world.file,
        lock=cheap_lock(),
        wait_seconds=30,
    ) as opened:
        yield opened


def test_REVOKED_IS_DEAD_another_contract_s_session_is_revoked_where_it_was_granted(
    manager: SessionKeyManager, second: SessionKeyManager
) -> None:
    key = manager.create_session(label="first", spending_limit=10, valid_until=HOUR).session_key_hash
    manager.spend(key, to=PAYEE, amount=1)
    assert second.exposure(key) == manager.exposure(key) == Decimal(9)
    assert not second.revoke_session(key, wait=False).on_chain
    assert second.revoke_session(key).on_chain
    assert manager.exposure(key) == second.exposure(key) == 0
    assert manager.revoke_session(key).on_chain


def test_NO_OVERSPEND_another_contract_s_session_gets_no_second_grant_by_rotation(
    manager: SessionKeyManager, second: SessionKeyManager
) -> None:
    key = manager.create_session(label="first", spending_limit=10, valid_until=HOUR).session_key_hash
    for grace in (0, 60):
        with pytest.raises(InvalidInput) as refused:
            second.rotate(key, grace_seconds=grace)
        assert refused.value.code == "wrong_contract"
    assert [one.session_key_hash for one in manager.list_sessions()] == [key]
    new = manager.rotate(key, grace_seconds=0).session_key_hash
    assert second.step() == 0
    assert manager.spend(new, to=PAYEE, amount=10).state == "captured"
    assert second.exposure(key) == second.exposure(new) == 0


def test_REVOKED_IS_DEAD_another_token_s_session_is_ended_by_its_own_manager(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    key = on_solana.create_session(label="first", spending_limit=10, valid_until=HOUR).session_key_hash
    old = on_solana.create_session(label="old", spending_limit=10, valid_until=HOUR).session_key_hash
    solana.mint = solana.rpc.mint(6, solana.program)
    solana.rpc.give(solana.owner.address, solana.mint, MONEY)
    with solana.manager() as other:
        on_solana.rotate(old, grace_seconds=60, spending_limit=15)
        assert not on_solana.revoke_session(key, wait=False).on_chain
        assert other.settle()
        assert on_solana.exposure(key) == 10, "the other one does not know where its money is"
        assert on_solana.revoke_session(key).on_chain
        assert on_solana.exposure(key) == 0
        assert solana.rpc.units(solana.home) == MONEY


@pytest.mark.parametrize("turn", ["approve", "keys"])
def test_who_is_stopped_in_its_turn_is_not_waited_for_without_end(world: World, turn: str) -> None:
    """SIGSTOP, a suspended laptop: the kernel keeps the lock for who may never go on."""
    rules: dict[str, Any] = {
        "label": "one",
        "spending_limit": 5,
        "valid_until": HOUR,
        "idempotency_key": "one",
    }
    stopped = os.open(f"{world.file}.{turn}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with world.manager(wait_seconds=1) as manager, pytest.raises(StillPending):
            manager.create_session(**rules)
    finally:
        os.close(stopped)
    with world.manager() as manager:
        key = manager.create_session(**rules).session_key_hash
        assert manager.spend(key, to=PAYEE, amount=5).state == "captured"
        assert [one.session_key_hash for one in manager.list_sessions()] == [key]
