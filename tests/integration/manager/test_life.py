"""The life of a session without a platform: made, listed, spent from, restored, taken back."""

import asyncio
import json
import time
from decimal import Decimal

import pytest
from eth_account import Account

from tests.integration.manager.world import HOUR, PASSPHRASE, PAYEE, USDC, World, cheap_lock
from valetkey import AsyncSessionKeyManager, SessionKeyManager
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import WrongSecret
from valetkey.sdk.errors import (
    ApprovalRequired,
    BudgetExceeded,
    LabelTaken,
    NotConfigured,
    SessionExpired,
    SessionRevoked,
)
from valetkey.stores.keystore import open_keystore

LABELS: list[dict[str, object]] = [{"label": one} for one in ("", "\ud800", "x" * 201, 5, ["x"])]
"""No session has any of these."""


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


def test_an_owner_approves_what_is_above_the_threshold(world: World, manager: SessionKeyManager) -> None:
    made = manager.create_session(label="asks", spending_limit=10, approval_above=2, valid_until=HOUR)
    wanted = {"to": PAYEE, "amount": 5, "idempotency_key": "large"}
    with pytest.raises(ApprovalRequired) as asked:
        manager.spend(made.session_key_hash, **wanted)
    hold_id = asked.value.reasons[0].approval_id
    assert hold_id is not None
    with pytest.raises(ApprovalRequired):
        manager.spend(made.session_key_hash, **wanted)
    assert manager.approve_spend(hold_id).state == "approved"
    assert world.units() == 0
    spent = manager.spend(made.session_key_hash, **wanted)
    assert (spent.hold_id, spent.state) == (hold_id, "captured")
    with pytest.raises(ApprovalRequired) as again:
        manager.spend(made.session_key_hash, to=PAYEE, amount=4)
    rejected = again.value.reasons[0].approval_id
    assert rejected is not None
    assert manager.reject_spend(rejected).state == "voided"
    assert manager.restore_session(made.session_key_hash).remaining_limit == Decimal(5)


def test_somebody_else_may_pay_the_gas(world: World) -> None:
    payer = PrivateKey.generate()
    world.give(payer.address, 10**18)
    before = world.sent()
    with world.manager(gas_payer=payer) as manager:
        made = manager.create_session(label="gas", spending_limit=10, valid_until=HOUR)
        assert manager.spend(made.session_key_hash, to=PAYEE, amount=1).state == "captured"
        assert manager.revoke_session(made.session_key_hash).on_chain
    assert world.sent() - before == 1, "the owner sent its approval and nothing else"
    # Registered, paid, revoked.
    assert int(world.chain("eth_getTransactionCount", payer.address, "latest"), 16) == 3


def test_a_signer_is_a_key_a_file_or_an_object(world: World) -> None:
    file = world.folder / "keystore.json"
    file.write_text(json.dumps(Account.encrypt(world.owner.secret(), "pw", kdf="scrypt", iterations=2)))
    signers = (world.owner, Secret(world.owner.to_hex()), file, str(file), LocalSigner(world.owner))
    for number, signer in enumerate(signers):
        with SessionKeyManager(
            signer,
            world.at.allowance,
            chain="baseSepolia",
            rpc_url=world.chain.rpc_url,
            path=world.folder / f"{number}.db",
            lock=cheap_lock(),
            signer_passphrase="pw",
        ) as manager:
            assert manager.address == world.owner.address
    for wrong in ({"signer_passphrase": "no"}, {}):
        with pytest.raises((WrongSecret, NotConfigured)):
            SessionKeyManager(file, world.at.allowance, chain=84532, lock=cheap_lock(), **wrong)


def test_a_file_is_its_owner_s_alone_and_named_by_chain_and_owner(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALETKEY_HOME", str(world.folder / "home"))
    monkeypatch.setenv("VALETKEY_RPC_URL", world.chain.rpc_url)
    monkeypatch.setenv("VALETKEY_PASSPHRASE", PASSPHRASE)
    with SessionKeyManager(world.owner.to_hex(), world.at.allowance, chain=84532) as manager:
        assert manager.path.parent == world.folder / "home" / "managers"
        assert manager.path.name == f"baseSepolia-{world.owner.address.lower()}-USDC.db"
        assert manager.path.stat().st_mode & 0o077 == 0
        assert world.owner.address in repr(manager)
    monkeypatch.delenv("VALETKEY_PASSPHRASE")
    with pytest.raises(NotConfigured):
        SessionKeyManager(world.owner.to_hex(), world.at.allowance, chain=84532)


@pytest.mark.parametrize(
    "wrong",
    [
        {"contract_address": "0x" + "0" * 40},
        {"contract_address": "0x12"},
        {"chain": "solana"},
        {"chain": "nowhere"},
        {"token": "ETH"},
        {"token": "PEPE"},
        {"confirmations": 0},
        {"rpc_url": "http://example.com"},
    ],
    ids=str,
)
def test_what_no_manager_can_be_of_is_refused_before_a_file_is_made(
    world: World, wrong: dict[str, object]
) -> None:
    given = {"contract_address": world.at.allowance, "chain": 84532, "rpc_url": world.chain.rpc_url} | wrong
    with pytest.raises(InvalidInput):
        SessionKeyManager(world.owner.to_hex(), path=world.file, lock=cheap_lock(), **given)  # type: ignore[arg-type]
    assert not world.file.exists()


def test_labels_are_unique_where_the_owner_says_so(manager: SessionKeyManager) -> None:
    first = manager.create_session(label="daily", spending_limit=1, valid_until=HOUR, sole_label=True)
    with pytest.raises(LabelTaken):
        manager.create_session(label="daily", spending_limit=1, valid_until=HOUR, sole_label=True)
    manager.revoke_session(first.session_key_hash)
    assert manager.create_session(label="daily", spending_limit=1, valid_until=HOUR, sole_label=True)


def test_lists_are_pages_by_status_label_and_chain(manager: SessionKeyManager) -> None:
    made = [
        manager.create_session(label=f"n{n % 2}", spending_limit=1, valid_until=HOUR, approve=False)
        for n in range(5)
    ]
    manager.revoke_session(made[0].session_key_hash, wait=False)
    assert [one.session_id for one in manager.list_sessions(limit=2)] == [
        made[4].session_id,
        made[3].session_id,
    ]
    assert [one.session_id for one in manager.list_sessions(limit=2, offset=4)] == [made[0].session_id]
    assert len(manager.list_sessions(label="n0")) == 3
    assert len(manager.list_sessions(label="n0", status="active")) == 2
    assert len(manager.list_sessions(chain="base-sepolia")) == 5
    assert manager.list_sessions(chain="ethereum") == []
    for wrong in (
        {"status": "dead"},
        {"limit": 0},
        {"limit": 1_001},
        {"offset": -1},
        {"chain": "nowhere"},
        *LABELS,
    ):
        with pytest.raises(InvalidInput):
            manager.list_sessions(**wrong)  # type: ignore[arg-type]


def test_SECRETS_STAY_SECRET_in_what_a_manager_shows(world: World, manager: SessionKeyManager) -> None:
    made = manager.create_session(label="quiet", spending_limit=1, valid_until=HOUR)
    spent = manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    store = open_keystore(world.file, cheap_lock())
    secret = bytes(store.get(made.session_key_hash) or b"")
    store.close()
    shown = "".join(map(repr, (made, spent, manager, manager.list_sessions())))
    for key in (secret, world.owner.secret()):
        assert key.hex() not in shown
        assert key not in world.file.read_bytes()
        assert key not in world.file.with_name(world.file.name + "-wal").read_bytes()


def test_the_manager_is_awaited_just_as_well(world: World) -> None:
    async def story() -> None:
        async with AsyncSessionKeyManager(
            world.owner.to_hex(),
            world.at.allowance,
            chain=84532,
            rpc_url=world.chain.rpc_url,
            path=world.file,
            lock=cheap_lock(),
        ) as manager:
            made = await manager.create_session(label="async", spending_limit=10, valid_until=HOUR)
            done = await asyncio.gather(
                *(manager.spend(made.session_key_hash, to=PAYEE, amount=1) for _ in range(12)),
                return_exceptions=True,
            )
            paid = [one for one in done if not isinstance(one, BaseException)]
            assert len(paid) == 10
            assert all(isinstance(one, BudgetExceeded) for one in done if isinstance(one, BaseException))

    asyncio.run(story())
    assert world.units() == 10 * USDC


def test_IDEMPOTENT_a_session_is_answered_after_its_end_as_well(world: World) -> None:
    """The same key and rules answer the first session for ever, though no such session could be made any more."""
    asked = {
        "label": "old",
        "spending_limit": 1,
        "valid_until": int(time.time()) + 120,
        "idempotency_key": "k",
    }
    with world.manager() as manager:
        made = manager.create_session(**asked)
    with world.manager(system_time=lambda: time.time() + 3_600) as later:
        again = later.create_session(**asked)
        assert (again.session_key_hash, again.status) == (made.session_key_hash, "expired")
        with pytest.raises(SessionExpired):
            later.spend(made.session_key_hash, to=PAYEE, amount=1)
        with pytest.raises(SessionExpired):
            later.sign(made.session_key_hash, "hello")
