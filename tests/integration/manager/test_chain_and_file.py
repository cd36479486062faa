"""What the chain knows and the file does not, what the file knows and a process does not, and what neither can read."""

from decimal import Decimal
from typing import Any

import apsw
import pytest

from tests.integration.manager.world import HOUR, MONEY, PAYEE, USDC, World, cheap_lock
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.ports.keystore import DamagedRecord, WrongSecret
from valetkey.sdk.errors import (
    InsufficientFunds,
    NotConfigured,
    NotFound,
    Refused,
    SessionPaused,
    SessionRevoked,
)
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.views import ManagedSession
from valetkey.wire import grant_calls
from valetkey.wire.grants import grant_hash


@pytest.fixture
def made(manager: SessionKeyManager) -> ManagedSession:
    return manager.create_session(label="one", spending_limit=10, valid_until=HOUR)


def grant_of(world: World, session_id: str) -> Any:
    """The grant in the file, as another process reads it."""
    from valetkey.stores.grant_rows import _grant

    db = apsw.Connection(str(world.file), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        ((body,),) = db.execute("SELECT body FROM grants WHERE session_id = ?", (session_id,)).fetchall()
    finally:
        db.close()
    return _grant(body)


def damage(world: World, sql: str, *values: Any) -> None:
    db = apsw.Connection(str(world.file))
    try:
        db.set_busy_timeout(5_000)
        db.execute(sql, values)
        assert db.changes() == 1
    finally:
        db.close()


def test_REVOKED_IS_DEAD_a_revocation_behind_our_back_is_found_on_the_chain(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    """The owner's other wallet software revoked the grant: nobody told the file."""
    other = manager.create_session(label="two", spending_limit=5, valid_until=HOUR)
    hashed = grant_hash(grant_of(world, made.session_id))
    world.send(world.owner, grant_calls.revoke(world.at.allowance, hashed))
    assert manager.list_sessions(label="one")[0].status == "active", "the file has not heard of it"
    with pytest.raises(SessionRevoked):
        manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    assert manager.restore_session(made.session_key_hash).status == "revoked"
    with pytest.raises(SessionRevoked):
        manager.sign(made.session_key_hash, b"hello")
    # The file knows it now, and so does another process without a chain.
    with world.manager(rpc_url="http://127.0.0.1:9") as offline:
        with pytest.raises(SessionRevoked):
            offline.sign(made.session_key_hash, b"hello")
        assert len(offline.sign(other.session_key_hash, b"hello")) == 65
    assert manager.spend(other.session_key_hash, to=PAYEE, amount=1).state == "captured"


def test_all_grants_revoked_on_chain_are_revoked_here(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    world.send(world.owner, grant_calls.revoke_all(world.at.allowance))
    assert manager.restore_session(made.session_key_hash).status == "revoked"
    # A new one is signed for the owner's new epoch, and pays.
    fresh = manager.create_session(label="after", spending_limit=5, valid_until=HOUR)
    assert manager.spend(fresh.session_key_hash, to=PAYEE, amount=1).state == "captured"


def test_a_frozen_owner_is_found_frozen_and_thaws(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    world.send(world.owner, grant_calls.freeze(world.at.allowance))
    with pytest.raises(SessionPaused):
        manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    assert manager.restore_session(made.session_key_hash).status == "paused"
    with pytest.raises(SessionPaused):
        manager.sign(made.session_key_hash, "hello")
    assert manager.thaw() is not None
    assert manager.restore_session(made.session_key_hash).status == "active"
    assert manager.spend(made.session_key_hash, to=PAYEE, amount=1).state == "captured"
    assert manager.freeze() is not None
    assert manager.freeze() is None, "it is frozen already"
    assert [one.status for one in manager.list_sessions()] == ["paused"]
    assert world.units() == USDC


def test_a_paused_session_neither_pays_nor_signs_until_it_goes_on(
    manager: SessionKeyManager, made: ManagedSession
) -> None:
    assert manager.pause_session(made.session_key_hash).status == "paused"
    with pytest.raises(SessionPaused):
        manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    with pytest.raises(SessionPaused):
        manager.sign(made.session_key_hash, "hello")
    assert manager.resume_session(made.session_key_hash).status == "active"
    assert manager.spend(made.session_key_hash, to=PAYEE, amount=1).state == "captured"


def test_a_node_of_another_chain_is_refused_before_anything_is_signed(world: World) -> None:
    with world.manager(chain="base", path=world.folder / "base.db") as elsewhere:
        with pytest.raises(ChainUnavailable, match="84532"):
            elsewhere.create_session(label="one", spending_limit=10, valid_until=HOUR)
        (left,) = elsewhere.list_sessions()
        with pytest.raises(ChainUnavailable):
            elsewhere.spend(left.session_key_hash, to=PAYEE, amount=1)
    assert world.sent() == 1, "the owner sent what furnished it, and nothing since"


def test_a_contract_that_keeps_no_grants_is_told(world: World) -> None:
    with world.manager(path=world.folder / "other.db") as manager:
        assert manager.list_sessions() == []
    with SessionKeyManager(
        world.owner.to_hex(),
        world.at.usdc,
        chain=84532,
        rpc_url=world.chain.rpc_url,
        path=world.folder / "usdc.db",
        lock=cheap_lock(),
    ) as wrong:
        with pytest.raises((NotConfigured, ChainUnavailable)):
            wrong.create_session(label="one", spending_limit=10, valid_until=HOUR)


def test_an_unknown_key_hash_is_not_found_and_a_malformed_one_is_invalid(manager: SessionKeyManager) -> None:
    for call in (manager.restore_session, manager.revoke_session, manager.rotate):
        with pytest.raises(NotFound):
            call("0x" + "ab" * 32)
        for wrong in ("0x12", "", "zz" * 32, "0x" + "ab" * 33, b"\1" * 31, None, 7):
            with pytest.raises(InvalidInput):
                call(wrong)


def test_a_damaged_row_touches_its_own_session_only(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    others = [
        manager.create_session(label=f"other {n}", spending_limit=5, valid_until=HOUR) for n in range(3)
    ]
    damage(world, "UPDATE sessions SET policy = '{}' WHERE id = ?", others[1].session_id)
    damage(world, "UPDATE spent SET figures = '[0' WHERE session_id = ?", others[2].session_id)
    with world.manager() as again:
        for one in others[1:]:
            with pytest.raises(DamagedRecord):
                again.restore_session(one.session_key_hash)
            with pytest.raises(DamagedRecord):
                again.spend(one.session_key_hash, to=PAYEE, amount=1)
        assert {one.session_id for one in again.list_sessions()} == {made.session_id, others[0].session_id}
        for one in (made, others[0]):
            assert again.restore_session(one.session_key_hash).status == "active"
            assert again.spend(one.session_key_hash, to=PAYEE, amount=1).state == "captured"


def test_a_damaged_key_touches_its_own_session_only(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    other = manager.create_session(label="other", spending_limit=5, valid_until=HOUR)
    damage(
        world,
        "UPDATE keystore_records SET body = zeroblob(length(body)) WHERE name = ?",
        made.session_key_hash,
    )
    with world.manager() as again:
        with pytest.raises(DamagedRecord):
            again.restore_session(made.session_key_hash)
        with pytest.raises(DamagedRecord):
            again.sign(made.session_key_hash, "hello")
        with pytest.raises(DamagedRecord):
            again.spend(made.session_key_hash, to=PAYEE, amount=1)
        assert len(again.list_sessions()) == 2
        assert again.spend(other.session_key_hash, to=PAYEE, amount=1).state == "captured"
        # Its owner still takes it back.
        assert again.revoke_session(made.session_key_hash).on_chain
        assert again.restore_session(made.session_key_hash).status == "revoked"


def test_a_wrong_passphrase_opens_no_key_and_breaks_nothing(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    with world.manager(lock=cheap_lock("something else")) as wrong:
        for call in (
            lambda: wrong.restore_session(made.session_key_hash),
            lambda: wrong.sign(made.session_key_hash, "hello"),
            lambda: wrong.spend(made.session_key_hash, to=PAYEE, amount=1),
            lambda: wrong.create_session(label="two", spending_limit=1, valid_until=HOUR),
        ):
            with pytest.raises(WrongSecret):
                call()
    assert manager.spend(made.session_key_hash, to=PAYEE, amount=1).state == "captured"
    assert len(manager.list_sessions()) == 1


def test_money_that_is_not_there_holds_nothing(world: World, manager: SessionKeyManager) -> None:
    rich = manager.create_session(label="rich", spending_limit=5_000, valid_until=HOUR)
    with pytest.raises(InsufficientFunds):
        manager.spend(rich.session_key_hash, to=PAYEE, amount=1_001, idempotency_key="k")
    assert manager.restore_session(rich.session_key_hash).remaining_limit == Decimal(5_000)
    world.mint(world.owner.address, MONEY)
    # Nothing was remembered of what was not possible.
    spent = manager.spend(rich.session_key_hash, to=PAYEE, amount=1_001, idempotency_key="k")
    assert (spent.state, spent.remaining) == ("captured", Decimal(3_999))


def test_a_key_that_pays_by_itself_on_chain_is_debited(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    """A leaked key needs nobody's leave within its grant: what it moves counts, and the contract is the cap."""
    from valetkey.crypto.keys import PrivateKey
    from valetkey.stores.keystore import open_keystore

    manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    store = open_keystore(world.file, cheap_lock())
    key = PrivateKey(bytes(store.get(made.session_key_hash) or b""))
    store.close()
    world.give(key.address, 10**17)
    call = grant_calls.spend_with_proof(
        world.at.allowance, grant_of(world, made.session_id), [], PAYEE, 4 * USDC, bytes(32), []
    )
    world.send(key, call)
    manager.step()
    seen = manager.restore_session(made.session_key_hash)
    assert (seen.spent, seen.remaining_limit) == (Decimal(5), Decimal(5))
    with pytest.raises(Refused):
        manager.spend(made.session_key_hash, to=PAYEE, amount=6)


def test_a_session_whose_key_is_in_no_keystore_never_becomes_usable(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    damage(world, "DELETE FROM keystore_records WHERE name = ?", made.session_key_hash)
    with world.manager() as again:
        for call in (
            lambda: again.restore_session(made.session_key_hash),
            lambda: again.spend(made.session_key_hash, to=PAYEE, amount=1),
            lambda: again.sign(made.session_key_hash, "hello"),
        ):
            with pytest.raises(DamagedRecord):
                call()
    assert world.units() == 0


def test_a_forgotten_key_is_gone_and_one_that_owns_something_stays(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    with pytest.raises(Refused):
        manager.forget_key(made.session_key_hash)
    manager.revoke_session(made.session_key_hash)
    world.mint(made.wallet_address, 1)
    with pytest.raises(Refused, match="has money"):
        manager.forget_key(made.session_key_hash)
    other = manager.create_session(label="empty", spending_limit=1, valid_until=HOUR)
    manager.revoke_session(other.session_key_hash)
    assert manager.forget_key(other.session_key_hash) is True
    assert manager.forget_key(other.session_key_hash) is False
    assert manager.restore_session(other.session_key_hash).status == "revoked"
