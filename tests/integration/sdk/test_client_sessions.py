"""The Client on a real platform and chain: sessions made, listed, told to pay, revoked; both ways to pay."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.integration.sdk.world import World
from valetkey import BuyerAgent, Client, SessionRevoked
from valetkey.cli.rpc import USDC
from valetkey.crypto.keys import PrivateKey

WORDS = "a passphrase of the tests"


@pytest.fixture
def key(world: World) -> PrivateKey:
    return world.stack.wallet(1_000 * USDC)


@pytest.fixture
def owner(world: World, key: PrivateKey) -> BuyerAgent:
    return world.owner(key)


@pytest.fixture
def client(world: World, owner: BuyerAgent, key: PrivateKey) -> Iterator[Client]:
    made = Client(
        owner.api_key,
        "baseSepolia",
        base_url=world.stack.base_url,
        state_dir=world.folder(),
        signer=key,
        passphrase=WORDS,
    )
    with made:
        yield made


def test_two_sessions_are_listed_and_told_apart(client: Client) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    treasury = client.create_session(label="treasury-ops", spending_limit="100", valid_until=until)
    swapper = client.create_session(label="swapper", spending_limit="5", valid_until=until)
    assert (treasury.status, treasury.remaining_limit, treasury.chain) == (
        "active",
        Decimal(100),
        "baseSepolia",
    )
    assert treasury.funding == "grant"
    assert abs(treasury.expires_at - until) < timedelta(seconds=5)
    listed = {one.label: one for one in client.list_sessions()}
    assert listed["swapper"].session_key_hash == swapper.session_key_hash
    assert [one.label for one in client.list_sessions(label="treasury-ops")] == ["treasury-ops"]
    assert {one.label for one in client.iter_sessions(status="active")} == {"treasury-ops", "swapper"}
    assert client.list_sessions(chain="base") == []


@pytest.mark.parametrize("funding", ["grant", "wallet"])
def test_a_transfer_is_paid_once_and_counts(world: World, client: Client, funding: str) -> None:
    session = client.create_session(
        label="payer", spending_limit="50", valid_until=timedelta(hours=1), funding=funding
    )
    assert session.session_key_hash is not None
    if funding == "wallet":
        client.fund_session(session, "20")
    payee = PrivateKey.generate().address
    action = {"type": "transfer", "to": payee, "amount": "3.5", "token": "USDC"}
    first = client.execute(session=session.session_key_hash, action=action, idempotency_key="one")
    assert world.stack.units(payee) == 3_500_000
    assert first.receipt is not None
    assert first.receipt.block_number > 0
    assert (first.amount, first.token, first.remaining_limit) == (Decimal("3.5"), "USDC", Decimal("46.5"))
    again = client.execute(session=session.session_key_hash, action=action, idempotency_key="one")
    assert (again.hold_id, again.receipt) == (first.hold_id, first.receipt)
    assert world.stack.units(payee) == 3_500_000
    client.revoke_session(session.session_key_hash)
    assert client.get_session(session.session_key_hash).status == "revoked"
    with pytest.raises(SessionRevoked):
        client.execute(session=session.session_key_hash, action=action, idempotency_key="two")
