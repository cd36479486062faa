"""The Client on a real platform and chain: sessions made, listed, told to pay, revoked; both ways to pay."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.sdk.clients import CHAIN, WORDS, Desk
from tests.integration.sdk.world import World
from valetkey import (
    ApprovalRequired,
    AsyncClient,
    InvalidInput,
    NotFound,
    SessionConfig,
    SessionRevoked,
    WrongSecret,
)
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.keystore import Keystore
from valetkey.sdk._sync.client_making import ClientMaking
from valetkey.sdk.errors import IdempotencyMismatch, InsufficientFunds, WrongNetwork
from valetkey.sdk.kept_sessions import LATE_SECONDS, SessionKeys
from valetkey.sdk.opening import open_keystore


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


RULES = {"label": "ops", "spending_limit": "10", "valid_until": timedelta(hours=1)}
TRANSFER = {"type": "transfer", "to": "0x" + "ab" * 20, "amount": "1", "token": "USDC"}


def test_an_idempotency_key_answers_the_same_session_for_ever(desk: Desk) -> None:
    first = desk.client.create_session(**RULES, idempotency_key="ops of today")
    with desk.again() as other:
        assert other.create_session(**RULES, idempotency_key="ops of today") == first
        with pytest.raises(InvalidInput) as refused:
            other.create_session(**{**RULES, "spending_limit": "11"}, idempotency_key="ops of today")
        assert refused.value.code == "idempotency_mismatch"
    with desk.again(state_dir=desk.world.folder()) as elsewhere:
        # Keys that are kept elsewhere are not made anew.
        with pytest.raises(IdempotencyMismatch):
            elsewhere.create_session(**RULES, idempotency_key="ops of today")
    assert len(desk.client.list_sessions()) == 1


def test_another_process_with_the_folder_goes_on(desk: Desk) -> None:
    session = desk.client.create_session(SessionConfig(**RULES))
    desk.client.close()
    with desk.again() as other:
        assert other.execute(session.session_key_hash, TRANSFER).amount == Decimal(1)
        assert other.execute(session.session_id, TRANSFER).remaining_limit == Decimal(8)
        assert other.get_session(session.session_key_hash.upper().replace("0X", "0x")).label == "ops"
    with desk.again(state_dir=desk.world.folder()) as empty:
        assert [one.session_key_hash for one in empty.list_sessions()] == [session.session_key_hash]
        with pytest.raises(NotFound):
            empty.execute(session, TRANSFER)
    with desk.again(passphrase="another one") as locked:
        assert locked.list_sessions(), "nobody needs a passphrase for a look"
        with pytest.raises(WrongSecret):
            locked.execute(session, TRANSFER)


def test_a_client_without_a_signer_has_sessions_with_wallets(world: World, desk: Desk) -> None:
    with desk.again(signer=None) as client:
        session = client.create_session(**RULES)
        assert session.funding == "wallet"
        with pytest.raises(InvalidInput) as refused:
            client.create_session(**RULES, funding="grant")
        assert refused.value.field == "funding"
        world.stack.supply(session.wallet_address or "", 5_000_000)
        assert client.execute(session, TRANSFER).amount == Decimal(1)


def test_a_rotated_session_pays_on_and_the_old_one_ends(desk: Desk) -> None:
    old = desk.client.create_session(**RULES)
    desk.client.execute(old, {**TRANSFER, "amount": "4"})
    new = desk.client.rotate_session(old.session_key_hash, grace_seconds=0, label="ops 2")
    assert new.session_key_hash != old.session_key_hash
    assert (new.label, new.funding, new.remaining_limit) == ("ops 2", "grant", Decimal(6))
    assert desk.client.execute(new, TRANSFER).remaining_limit == Decimal(5)
    with pytest.raises(Exception, match="session"):
        desk.client.execute(old, TRANSFER)
    newest = desk.client.rotate(new.session_key_hash, grace_seconds=0)
    assert newest.label == "ops 2"


ODD_ROTATIONS: list[tuple[dict[str, Any], str | None]] = [
    ({"grace_seconds": "60"}, "grace_seconds"),
    ({"grace_seconds": True}, "grace_seconds"),
    ({"grace_seconds": -1}, "grace_seconds"),
    ({"grace_seconds": 3_601}, "grace_seconds"),
    ({"carry": "True"}, "carry"),
    ({"spending_limit": "NaN"}, "spending_limit"),
    ({"spending_limit": True}, "spending_limit"),
    ({"valid_until": 3_600}, "valid_until"),
    ({"valid_until": timedelta(seconds=-5)}, "valid_until"),
    ({"valid_until": timedelta(days=900)}, "valid_until"),
    ({"label": " "}, "label"),
]


def test_a_rotation_that_is_refused_leaves_no_keys_and_hinders_no_other(desk: Desk) -> None:
    session = desk.client.create_session(**RULES)
    before = desk.client._keys.store.names()
    for odd, field in ODD_ROTATIONS:
        with pytest.raises(InvalidInput) as refused:
            desk.client.rotate_session(session, **odd)
        assert refused.value.field == field, odd
        assert desk.client._keys.store.names() == before, odd
    # As the first of them would have it, rightly written.
    new = desk.client.rotate_session(session, grace_seconds=60)
    assert desk.client.execute(new, TRANSFER).remaining_limit == Decimal(9)


def test_IDEMPOTENT_one_key_for_two_ways_to_pay_is_refused(desk: Desk) -> None:
    asked = {**RULES, "idempotency_key": "one"}
    made = desk.client.create_session(**asked, funding="wallet")
    assert desk.client.create_session(**asked, funding="wallet").session_id == made.session_id
    with pytest.raises(InvalidInput) as refused:
        desk.client.create_session(**asked, funding="grant")
    assert refused.value.code == "idempotency_mismatch"


@pytest.mark.parametrize("chain", ["ethereum", 1, "1", "eip155:1"])
def test_a_chain_that_is_not_served_is_said(desk: Desk, chain: str | int) -> None:
    with pytest.raises(WrongNetwork):
        desk.client.create_session(**RULES, chain_id=chain)
    with pytest.raises(InvalidInput) as refused:
        desk.client.create_session(**RULES, chain_id="nowhere")
    assert refused.value.field == "chain"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(({"label": label}, "label") for label in ("", " ", "x" * 201, "a\nb", " a", None, 5)),
        *(({"spending_limit": one}, "spending_limit") for one in ("NaN", "-1", "inf", "1.0000001", True, [])),
        ({"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, "valid_until"),
        ({"valid_until": datetime(2040, 1, 1, tzinfo=UTC)}, None),
        ({"valid_until": datetime(2040, 1, 1)}, "valid_until"),  # noqa: DTZ001 - that is the mistake
        ({"valid_until": 86_400}, "valid_until"),
        ({"colour": "red"}, "colour"),
        ({"per_transaction_limit": "NaN"}, "per_transaction_limit"),
        ({"daily_limit": "-1"}, "daily_limit"),
        ({"limits": {"DOGE": 1}}, "currency"),
        ({"funding": "grant", "limits": {"ETH": 1}}, "limits"),
        ({"funding": "grant", "spending_limit": None}, "spending_limit"),
    ],
)
def test_a_config_that_cannot_be_meant_makes_no_session(
    desk: Desk, changes: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(InvalidInput) as refused:
        desk.client.create_session(**{**RULES, **changes})
    assert field is None or refused.value.field == field
    assert desk.client.list_sessions() == []
    assert desk.client._keys.store.names() == [], "nor are keys kept for nothing"


def test_unicode_labels_are_labels(desk: Desk) -> None:
    made = desk.client.create_session(**{**RULES, "label": "Kasse 💶 東京"})
    assert desk.client.list_sessions(label="Kasse 💶 東京")[0] == made
    for wrong in ("", "\ud800", "x" * 201, 5):
        with pytest.raises(InvalidInput) as refused:
            desk.client.list_sessions(label=wrong)  # type: ignore[arg-type]
        assert refused.value.field == "label"
        with pytest.raises(InvalidInput):
            next(iter(desk.client.iter_sessions(label=wrong)))  # type: ignore[arg-type]


def test_a_request_that_never_arrived_is_renewed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was written, and its process died: whoever goes on later does not get a longer session."""
    kept_then = []
    keep = SessionKeys.keep

    def died(keys: SessionKeys, kept: Any) -> None:
        kept.made_at -= LATE_SECONDS + 40
        keep(keys, kept)
        kept_then.append(kept)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(SessionKeys, "keep", died)
        with pytest.raises(KeyboardInterrupt):
            desk.client.rotate_session(desk.client.create_session(**RULES))
    kept = kept_then[0]
    store: Keystore = open_keystore(desk.folder / "keys.db", WORDS)
    assert store.names() == [f"session {kept.key_hash}"]
    store.close()
    assert desk.client.list_sessions() == [], "keys without a session spend nothing"
    made = ClientMaking._made(desk.client, kept)
    # Its end was written as a moment, so that it is the same whenever the request arrives.
    left = made.expires_at - datetime.now(UTC)
    assert timedelta(minutes=58) < left < timedelta(hours=1)


def test_what_is_shown_holds_no_secret(desk: Desk) -> None:
    session = desk.client.create_session(**RULES)
    done = desk.client.execute(session, TRANSFER)
    kept = desk.client._keys.find(session.session_key_hash)
    assert kept is not None
    shown = "".join(map(repr, (session, done, kept, desk.client, desk.client._delegates)))
    for secret in (kept.wallet, kept.e2e, kept.bundle, desk.key.to_hex(prefix=False), WORDS):
        assert secret not in shown
        assert secret.removeprefix("0x") not in shown
    assert desk.owner.api_key is not None
    assert desk.owner.api_key.reveal() not in shown
    for path in desk.folder.rglob("*"):
        if path.is_file():
            found = path.read_bytes()
            assert kept.wallet.encode() not in found
            assert kept.wallet_key.secret() not in found
            assert kept.bundle.encode() not in found


def test_what_waits_for_its_owner_is_paid_after_the_yes(world: World, desk: Desk) -> None:
    session = desk.client.create_session(**RULES, approval_above="2")
    payee = PrivateKey.generate().address
    action = {**TRANSFER, "to": payee, "amount": "3"}
    with pytest.raises(ApprovalRequired) as waits:
        desk.client.execute(session, action, idempotency_key="asked")
    with pytest.raises(ApprovalRequired):
        desk.client.execute(session, action, idempotency_key="asked")
    assert world.stack.units(payee) == 0
    assert waits.value.approval_id is not None
    desk.client.owner.approve(waits.value.approval_id)
    for _ in range(2):
        assert desk.client.execute(session, action, idempotency_key="asked").amount == Decimal(3)
    assert world.stack.units(payee) == 3_000_000


async def _both(desk: Desk) -> tuple[Any, Any]:
    async with AsyncClient(
        desk.owner.api_key,
        "baseSepolia",
        base_url=desk.world.stack.base_url,
        state_dir=desk.folder,
        signer=desk.key,
        passphrase=WORDS,
    ) as client:
        session = await client.create_session(**RULES)
        ask = [client.execute(session, TRANSFER, idempotency_key="at once") for _ in range(5)]
        done = await asyncio.gather(*ask)
        assert [one.label async for one in client.iter_sessions()] == ["ops"]
        return session, done


def test_IDEMPOTENT_the_async_client_pays_once_for_five_at_once(world: World, desk: Desk) -> None:
    before = world.stack.units("0x" + "ab" * 20)
    _, done = asyncio.run(_both(desk))
    assert len({one.hold_id for one in done}) == 1
    assert len({one.receipt for one in done}) == 1
    assert world.stack.units("0x" + "ab" * 20) - before == 1_000_000


def test_a_session_is_made_step_by_step_and_handed_over(world: World, desk: Desk) -> None:
    rules = {**RULES, "allowed_operations": ["transfer", "purchase"], "idempotency_key": "step by step"}
    first = desk.client.create_session(**rules, grant=False)
    assert desk.owner.find_grant(first.session_id) is None
    assert desk.client.create_session(**rules, approve=False).session_id == first.session_id
    # The wallet of a browser sends what is to be approved by itself.
    call = desk.client.owner.grants_approval(CHAIN)
    assert call is not None
    assert (call.to, call.value) == (world.stack.contracts["usdc"], 0)
    assert desk.client.owner.approve_grants(CHAIN) is not None
    assert desk.client.owner.grants_approval(CHAIN) is None
    info = desk.client.recover_session(first)
    assert info.owner is desk.client.owner
    view = world.delegate(info.serialize()).session
    assert view is not None
    assert (view.session_id, view.allowed_operations) == (first.session_id, ["purchase", "transfer"])
    with desk.again(state_dir=world.folder()) as elsewhere, pytest.raises(NotFound):
        elsewhere.recover_session(first)


def test_what_a_wallet_is_to_send_is_told_until_it_has_come(world: World, desk: Desk) -> None:
    session = desk.client.create_session(**RULES, funding="wallet", sells=False)
    info = desk.client.recover_session(session)
    gas, money = desk.client.owner.funding_calls(info, "3")
    assert (gas.to, money.to) == (session.wallet_address, world.stack.contracts["usdc"])
    assert gas.value > 0
    assert int.from_bytes(money.data[-32:]) == 3_000_000
    world.stack.supply(session.wallet_address or "", 1_000_000)
    (money,) = desk.client.owner.funding_calls(info, "3")
    assert int.from_bytes(money.data[-32:]) == 2_000_000
    world.stack.supply(session.wallet_address or "", 2_000_000)
    assert desk.client.owner.funding_calls(info, "3") == []
    with pytest.raises(InsufficientFunds):
        desk.client.owner.funding_calls(info, "5000")


def test_a_seller_s_session_spends_nothing(desk: Desk) -> None:
    made = desk.client.create_session(
        label="shop", spending_limit=0, valid_until=timedelta(hours=1), sells=True
    )
    assert (made.view.role, made.view.budget_usdc, made.funding) == ("seller", "0", "wallet")
