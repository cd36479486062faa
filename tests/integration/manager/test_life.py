"""The life of a session without a platform: made, listed, spent from, restored, taken back."""

from decimal import Decimal

import pytest

from tests.integration.manager.world import HOUR, PAYEE, USDC, World
from valetkey.sdk.errors import BudgetExceeded, SessionRevoked
from valetkey.sdk.manager.blocking import SessionKeyManager


def test_a_session_is_made_spent_from_and_taken_back(world: World, manager: SessionKeyManager) -> None:
    made = manager.create_session(label="trading", spending_limit="10", valid_until=HOUR)
    assert (made.label, made.status, made.remaining_limit) == ("trading", "active", Decimal(10))
    assert world.allowed() == 10 * USDC
    spent = manager.spend(made.session_key_hash, to=PAYEE, amount="2.5", idempotency_key="one")
    assert spent.state == "captured"
    assert spent.remaining == Decimal("7.5")
    assert spent.receipt.tx_hash is not None
    assert spent.receipt.block is not None
    assert world.units() == 2_500_000
    assert manager.spend(made.session_key_hash, to=PAYEE, amount="2.5", idempotency_key="one") == spent
    with pytest.raises(BudgetExceeded) as refused:
        manager.spend(made.session_key_hash, to=PAYEE, amount=8)
    assert refused.value.remaining == "7.5"
    (listed,) = manager.list_sessions(status="active", label="trading")
    assert listed == manager.restore_session(made.session_key_hash)
    assert listed.spent == Decimal("2.5")
    revoked = manager.revoke_session(made.session_key_hash)
    assert revoked.on_chain
    assert revoked.session.status == "revoked"
    with pytest.raises(SessionRevoked):
        manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    with pytest.raises(SessionRevoked):
        manager.sign(made.session_key_hash, "hello")
    assert world.units() == 2_500_000
