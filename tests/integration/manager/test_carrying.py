"""Sessions carried to another file of the same owner: nothing spent is forgotten, and nothing travels in plain."""

from decimal import Decimal
from pathlib import Path

import pyrage
import pytest

from tests.integration.manager.world import HOUR, PAYEE, USDC, World
from valetkey.core.errors import InvalidInput
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.sdk.errors import BudgetExceeded, Refused, Unfinished, WindowExceeded
from valetkey.sdk.manager.blocking import SessionKeyManager


def elsewhere(world: World, name: str = "other.db") -> SessionKeyManager:
    """A manager of the same owner on another machine."""
    return world.manager(path=world.folder / name)


def test_NO_OVERSPEND_what_was_spent_before_counts_in_the_other_file(
    world: World, manager: SessionKeyManager
) -> None:
    made = manager.create_session(
        label="moves", spending_limit=10, daily_limit=6, spends_max=4, valid_until=HOUR
    )
    manager.spend(made.session_key_hash, to=PAYEE, amount=3)
    manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    moved = manager.export_session(made.session_key_hash, passphrase="of the journey")
    with elsewhere(world) as other:
        got = other.import_session(moved, passphrase="of the journey")
        assert got.session_key_hash == made.session_key_hash
        assert (got.label, got.spent, got.remaining_limit) == ("moves", Decimal(4), Decimal(6))
        with pytest.raises(WindowExceeded):
            other.spend(made.session_key_hash, to=PAYEE, amount=3)
        assert other.spend(made.session_key_hash, to=PAYEE, amount=2).remaining == Decimal(4)
        # The same again is the same session, and gives nothing back.
        again = other.import_session(moved, passphrase="of the journey")
        assert (again.spent, again.remaining_limit) == (Decimal(6), Decimal(4))
        assert len(other.list_sessions()) == 1
    assert world.units() == 6 * USDC
    # The file that it came from hears of the rest by the chain.
    manager.step()
    assert manager.restore_session(made.session_key_hash).spent == Decimal(6)


def test_what_the_chain_counted_since_the_export_counts_too(world: World, manager: SessionKeyManager) -> None:
    made = manager.create_session(label="old copy", spending_limit=10, valid_until=HOUR)
    manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    copy = manager.export_session(made.session_key_hash, passphrase="p")
    manager.spend(made.session_key_hash, to=PAYEE, amount=5)
    with elsewhere(world) as other:
        got = other.import_session(copy, passphrase="p")
        assert (got.spent, got.remaining_limit) == (Decimal(6), Decimal(4))
        with pytest.raises(BudgetExceeded):
            other.spend(made.session_key_hash, to=PAYEE, amount=5)
        assert other.spend(made.session_key_hash, to=PAYEE, amount=4).remaining == 0
        # What it saw is debited once, however often the chain is looked at.
        other.settle()
        assert other.restore_session(made.session_key_hash).spent == Decimal(10)


def test_REVOKED_IS_DEAD_an_old_copy_of_a_revoked_session_is_revoked(
    world: World, manager: SessionKeyManager
) -> None:
    made = manager.create_session(label="ends", spending_limit=10, valid_until=HOUR)
    copy = manager.export_session(made.session_key_hash, passphrase="p")
    manager.revoke_session(made.session_key_hash)
    with elsewhere(world) as other:
        assert other.import_session(copy, passphrase="p").status == "revoked"
        with pytest.raises(Refused):
            other.sign(made.session_key_hash, "hello")


def test_SECRETS_STAY_SECRET_an_exported_session_is_an_age_file(
    world: World, manager: SessionKeyManager
) -> None:
    identity = pyrage.x25519.Identity.generate()
    made = manager.create_session(label="named-in-nothing", spending_limit=10, valid_until=HOUR)
    sealed = manager.export_session(made.session_key_hash, recipient=str(identity.to_public()))
    assert sealed.startswith(b"age-encryption.org/v1")
    assert b"named-in-nothing" not in sealed
    assert b"named-in-nothing" in pyrage.decrypt(sealed, [identity]), "the usual tool opens it"
    with elsewhere(world) as other:
        stranger = Secret(str(pyrage.x25519.Identity.generate()))
        for wrong in ({"identity": stranger}, {"passphrase": "p"}):
            with pytest.raises(DecryptionFailed):
                other.import_session(sealed, **wrong)
        broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
        with pytest.raises(DecryptionFailed):
            other.import_session(broken, identity=str(identity))
        with pytest.raises(InvalidInput):
            other.import_session(pyrage.encrypt(b"{}", [identity.to_public()]), identity=str(identity))
        with pytest.raises(InvalidInput):
            other.import_session(sealed)
        assert other.list_sessions() == []
        assert other.import_session(sealed, identity=str(identity)).status == "active"
    for wrong_way in ({}, {"recipient": "age1nobody"}, {"passphrase": ""}):
        with pytest.raises(InvalidInput):
            manager.export_session(made.session_key_hash, **wrong_way)


def test_another_owner_does_not_import_it(world: World, manager: SessionKeyManager, tmp_path: Path) -> None:
    made = manager.create_session(label="mine", spending_limit=10, valid_until=HOUR)
    sealed = manager.export_session(made.session_key_hash, passphrase="p")
    stranger = World(world.chain, world.at, tmp_path / "stranger", PrivateKey.generate())
    stranger.furnish()
    with stranger.manager() as other:
        with pytest.raises(Refused):
            other.import_session(sealed, passphrase="p")
        assert other.list_sessions() == []


def test_what_is_under_way_is_not_exported(manager: SessionKeyManager) -> None:
    made = manager.create_session(label="busy", spending_limit=10, valid_until=HOUR)
    spent = manager.spend(made.session_key_hash, to=PAYEE, amount=1, wait=False)
    assert spent.state == "unknown"
    with pytest.raises(Unfinished):
        manager.export_session(made.session_key_hash, passphrase="p")
    assert manager.get_spend(spent.hold_id, wait=True).state == "captured"
    assert manager.export_session(made.session_key_hash, passphrase="p")
