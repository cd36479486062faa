"""The Client on a real platform and chain: sessions made, listed, told to pay, revoked; both ways to pay."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.integration.sdk.clients import Desk
from tests.integration.sdk.world import World
from valetkey import SessionRevoked
from valetkey.crypto.keys import PrivateKey


def test_two_sessions_are_listed_and_told_apart(desk: Desk) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    treasury = desk.client.create_session(label="treasury-ops", spending_limit="100", valid_until=until)
    swapper = desk.client.create_session(label="swapper", spending_limit="5", valid_until=until)
    assert (treasury.status, treasury.remaining_limit, treasury.chain) == (
        "active",
        Decimal(100),
        "baseSepolia",
    )
    assert treasury.funding == "grant"
    assert abs(treasury.expires_at - until) < timedelta(seconds=5)
    listed = {one.label: one for one in desk.client.list_sessions()}
    assert listed["swapper"].session_key_hash == swapper.session_key_hash
    assert [one.label for one in desk.client.list_sessions(label="treasury-ops")] == ["treasury-ops"]
    assert {one.label for one in desk.client.iter_sessions(status="active")} == {"treasury-ops", "swapper"}
    assert desk.client.list_sessions(chain="base") == []


@pytest.mark.parametrize("funding", ["grant", "wallet"])
def test_a_transfer_is_paid_once_and_counts(world: World, desk: Desk, funding: str) -> None:
    session = desk.client.create_session(
        label="payer", spending_limit="50", valid_until=timedelta(hours=1), funding=funding
    )
    assert session.session_key_hash is not None
    if funding == "wallet":
        desk.client.fund_session(session, "20")
    payee = PrivateKey.generate().address
    action = {"type": "transfer", "to": payee, "amount": "3.5", "token": "USDC"}
    first = desk.client.execute(session=session.session_key_hash, action=action, idempotency_key="one")
    assert world.stack.units(payee) == 3_500_000
    assert first.receipt is not None
    assert first.receipt.block_number > 0
    assert (first.amount, first.token, first.remaining_limit) == (Decimal("3.5"), "USDC", Decimal("46.5"))
    again = desk.client.execute(session=session.session_key_hash, action=action, idempotency_key="one")
    assert (again.hold_id, again.receipt) == (first.hold_id, first.receipt)
    assert world.stack.units(payee) == 3_500_000
    desk.client.revoke_session(session.session_key_hash)
    assert desk.client.get_session(session.session_key_hash).status == "revoked"
    with pytest.raises(SessionRevoked):
        desk.client.execute(session=session.session_key_hash, action=action, idempotency_key="two")
