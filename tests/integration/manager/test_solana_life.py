"""The life of a session on Solana without a platform: made, spent from, taken back, reclaimed."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures_solana import ClusterRpc
from tests.integration.manager.solana_world import MONEY, USDC, SolanaWorld
from tests.integration.manager.world import HOUR
from valetkey import SessionKeyManager
from valetkey.crypto.ed25519 import SigningKey
from valetkey.sdk.errors import BudgetExceeded, SessionRevoked


@pytest.fixture
def world(cluster: ClusterRpc, tmp_path: Path) -> SolanaWorld:
    made = SolanaWorld(cluster, tmp_path)
    made.furnish()
    return made


@pytest.fixture
def manager(world: SolanaWorld) -> Iterator[SessionKeyManager]:
    with world.manager() as opened:
        yield opened


def test_a_session_is_made_spent_from_taken_back_and_reclaimed(
    world: SolanaWorld, manager: SessionKeyManager
) -> None:
    payee = SigningKey.generate().address
    made = manager.create_session(label="trading", spending_limit="10", valid_until=HOUR)
    key = made.session_key_hash
    assert (made.chain, made.status, made.remaining_limit) == ("solanaLocal", "active", Decimal(10))
    assert world.rpc.units(world.session_account(made.wallet_address)) == 10 * USDC
    assert manager.exposure(key) == 10
    spent = manager.spend(key, to=payee, amount="2.5", idempotency_key="one")
    assert (spent.state, spent.remaining, spent.to) == ("captured", Decimal("7.5"), payee)
    assert spent.receipt.tx_hash is not None
    assert spent.receipt.block is not None
    assert world.units(payee) == 2_500_000
    assert manager.spend(key, to=payee, amount="2.5", idempotency_key="one") == spent
    with pytest.raises(BudgetExceeded) as refused:
        manager.spend(key, to=payee, amount=8)
    assert refused.value.remaining == "7.5"
    (listed,) = manager.list_sessions(status="active", label="trading", chain="solanaLocal")
    assert listed == manager.restore_session(key)
    revoked = manager.revoke_session(key)
    assert revoked.on_chain
    assert manager.exposure(key) == 0
    with pytest.raises(SessionRevoked):
        manager.spend(key, to=payee, amount=1)
    with pytest.raises(SessionRevoked):
        manager.sign(key, "hello")
    back = manager.reclaim(key)
    assert (back.amount, back.session.status) == (Decimal("7.5"), "revoked")
    assert back.lamports > 0
    assert manager.reclaim(key).amount == 0
    assert not world.exists(world.session_account(made.wallet_address))
    assert world.rpc.units(world.home) == MONEY - 2_500_000
    assert world.units(payee) == 2_500_000
