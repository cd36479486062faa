"""A new key in the place of an old one: never none that works, and together never more than one budget."""

from decimal import Decimal

import pytest

from tests.integration.manager.test_chain_and_file import grant_of
from tests.integration.manager.world import HOUR, PAYEE, USDC, World, cheap_lock
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.errors import BudgetExceeded, SessionExpired, SessionRevoked
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.stores.keystore import open_keystore
from valetkey.wire import grant_calls


def test_NO_OVERSPEND_old_and_new_key_share_one_budget(world: World, manager: SessionKeyManager) -> None:
    """In the moment in between both keys pay; what both spent together is one session's."""
    old = manager.create_session(label="trader", spending_limit=10, valid_until=HOUR)
    manager.spend(old.session_key_hash, to=PAYEE, amount=3)
    new = manager.rotate(old.session_key_hash, grace_seconds=600)
    assert new.session_key_hash != old.session_key_hash
    assert (new.label, new.status, new.spent) == ("trader", "active", Decimal(3))
    assert manager.restore_session(old.session_key_hash).status == "active"
    assert manager.spend(old.session_key_hash, to=PAYEE, amount=2).remaining == Decimal(5)
    assert manager.restore_session(new.session_key_hash).remaining_limit == Decimal(5)
    for key in (old, new):
        with pytest.raises(BudgetExceeded):
            manager.spend(key.session_key_hash, to=PAYEE, amount=6)
    assert manager.spend(new.session_key_hash, to=PAYEE, amount=4).remaining == Decimal(1)
    assert world.units() == 9 * USDC
    # The new key's first payment ended the old one's grant on chain.
    with pytest.raises(SessionRevoked):
        manager.spend(old.session_key_hash, to=PAYEE, amount=1)
    assert manager.spend(new.session_key_hash, to=PAYEE, amount=1).remaining == 0
    assert world.units() == 10 * USDC


def test_rotating_again_answers_the_same_successor(manager: SessionKeyManager) -> None:
    old = manager.create_session(label="trader", spending_limit=10, valid_until=HOUR)
    new = manager.rotate(old.session_key_hash)
    assert manager.rotate(old.session_key_hash).session_key_hash == new.session_key_hash
    third = manager.rotate(new.session_key_hash, spending_limit=20, label="another")
    assert (third.label, third.spending_limit) == ("another", Decimal(20))
    assert manager.spend(third.session_key_hash, to=PAYEE, amount=11).state == "captured"


def test_the_old_grant_dies_on_chain_when_its_time_is_over_though_nobody_pays(
    world: World, manager: SessionKeyManager
) -> None:
    """A leaked old key needs no gate: the chain itself has to refuse it."""
    old = manager.create_session(label="trader", spending_limit=10, valid_until=HOUR)
    manager.spend(old.session_key_hash, to=PAYEE, amount=1)
    new = manager.rotate(old.session_key_hash, grace_seconds=0)
    with pytest.raises(SessionExpired):
        manager.spend(old.session_key_hash, to=PAYEE, amount=1)
    assert manager.settle()
    store = open_keystore(world.file, cheap_lock())
    key = PrivateKey(bytes(store.get(old.session_key_hash) or b""))
    store.close()
    world.give(key.address, 10**17)
    call = grant_calls.spend_with_proof(
        world.at.allowance, grant_of(world, old.session_id), [], PAYEE, USDC, bytes(32), []
    )
    with pytest.raises(AssertionError):
        world.send(key, call)
    assert world.units() == USDC
    assert manager.spend(new.session_key_hash, to=PAYEE, amount=9).remaining == 0


def test_a_revoked_session_is_not_rotated_and_revoking_the_new_one_ends_both(
    manager: SessionKeyManager,
) -> None:
    gone = manager.create_session(label="gone", spending_limit=10, valid_until=HOUR)
    manager.revoke_session(gone.session_key_hash)
    with pytest.raises(SessionRevoked):
        manager.rotate(gone.session_key_hash)
    old = manager.create_session(label="trader", spending_limit=10, valid_until=HOUR)
    new = manager.rotate(old.session_key_hash, grace_seconds=600)
    assert manager.revoke_session(new.session_key_hash).on_chain
    assert manager.settle()
    for one in (old, new):
        assert manager.restore_session(one.session_key_hash).status == "revoked"
        with pytest.raises(SessionRevoked):
            manager.spend(one.session_key_hash, to=PAYEE, amount=1)
