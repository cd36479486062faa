"""Attacks on a manager's file, its keys and what its sessions sign: by another path, owner, chain, or a full disk."""

import logging
import pickle
import resource
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.fixtures_chain import CHAIN_ID
from tests.integration.manager.conftest import deployed, manager, world
from tests.integration.manager.world import HOUR, PASSPHRASE, PAYEE, World, cheap_lock
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.errors import NotFound, Refused
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.views import ManagedSession
from valetkey.stores.keystore import open_keystore
from valetkey.wire.grants import NAME

__all__ = ["deployed", "manager", "world"]

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"


@pytest.fixture
def made(manager: SessionKeyManager) -> ManagedSession:
    return manager.create_session(label="one", spending_limit=10, valid_until=HOUR)


def typed(kind: str, domain: dict[str, Any], members: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Typed data as a wallet is asked to sign it."""
    kinds = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
    return {
        "types": {
            "EIP712Domain": [{"name": one, "type": kinds[one]} for one in kinds if one in domain],
            kind: [{"name": one, "type": type_} for one, (type_, _) in members.items()],
        },
        "primaryType": kind,
        "domain": domain,
        "message": {one: value for one, (_, value) in members.items()},
    }


HASH = ("bytes32", "0x" + "11" * 32)
SOMEBODY = ("address", PAYEE)
NUMBER = ("uint256", 1)
ASKED = {
    "Spend": {"grant": HASH, "payee": SOMEBODY, "amount": NUMBER},
    "EscrowFunding": {"grant": HASH, "payee": SOMEBODY, "amount": NUMBER},
    "Voucher": {"grant": HASH, "payee": SOMEBODY, "total": NUMBER},
    "Grant": {"owner": SOMEBODY, "key": SOMEBODY, "cap": NUMBER},
    "Revoke": {"grant": HASH},
    "BuyerStep": {"escrow": HASH, "step": ("uint8", 1)},
    "TransferWithAuthorization": {"from": SOMEBODY, "to": SOMEBODY, "value": NUMBER},
    "ReceiveWithAuthorization": {"from": SOMEBODY, "to": SOMEBODY, "value": NUMBER},
    "Permit": {"owner": SOMEBODY, "spender": SOMEBODY, "value": NUMBER},
    "PermitSingle": {"spender": SOMEBODY, "sigDeadline": NUMBER},
    "PermitTransferFrom": {"spender": SOMEBODY, "nonce": NUMBER},
    "PermitWitnessTransferFrom": {"spender": SOMEBODY, "nonce": NUMBER},
}


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("where", ["the contract", "a token", "elsewhere"])
def test_ONE_GATE_nothing_that_moves_money_is_signed_beside_it(
    world: World, manager: SessionKeyManager, made: ManagedSession, kind: str, where: str
) -> None:
    at = {"the contract": world.at.allowance, "a token": world.at.usdc, "elsewhere": PERMIT2}[where]
    domain = {"name": "x", "version": "1", "chainId": CHAIN_ID, "verifyingContract": at}
    with pytest.raises(Refused) as caught:
        manager.sign(made.session_key_hash, typed_data=typed(kind, domain, ASKED[kind]))
    assert caught.value.code == "operation_not_allowed"


def domains(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways to write the contract's own domain."""
    plain: dict[str, Any] = {"name": NAME, "version": "1", "chainId": CHAIN_ID}
    raw = bytes.fromhex(world.at.allowance[2:])
    yield "as it is", plain | {"verifyingContract": world.at.allowance}
    yield "upper case", plain | {"verifyingContract": "0x" + world.at.allowance[2:].upper()}
    yield "without 0x", plain | {"verifyingContract": world.at.allowance[2:]}
    yield "bytes", plain | {"verifyingContract": raw}
    yield "name as number", plain | {"name": int.from_bytes(NAME.encode()), "verifyingContract": raw}
    yield "name as bytes", plain | {"name": NAME.encode(), "verifyingContract": raw}
    yield "chain as hex", plain | {"chainId": hex(CHAIN_ID), "verifyingContract": world.at.allowance}
    yield "a number", plain | {"verifyingContract": int.from_bytes(raw)}


def test_ONE_GATE_the_contracts_domain_is_known_however_it_is_written(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    """Of a type that nobody has heard of: a later contract may have it."""
    for _, domain in domains(world):
        with pytest.raises((Refused, InvalidInput)):
            manager.sign(
                made.session_key_hash, typed_data=typed("Later", domain, {"grant": HASH, "amount": NUMBER})
            )


def test_a_domain_without_its_chain_in_the_types_is_not_signed(
    manager: SessionKeyManager, made: ManagedSession
) -> None:
    """What is hashed is what the types name: such a signature would be good on every chain."""
    data = typed("Login", {"name": "x", "chainId": CHAIN_ID}, {"nonce": NUMBER})
    data["types"]["EIP712Domain"] = [{"name": "name", "type": "string"}]
    with pytest.raises(InvalidInput):
        manager.sign(made.session_key_hash, typed_data=data)


@pytest.mark.parametrize(
    "message", [7, 10**12, True, ["a"], [1, 2], 1.5, "\ud800", {"a": 1}, memoryview(b"a" * 4)[::2]]
)
def test_what_is_no_message_is_told(manager: SessionKeyManager, made: ManagedSession, message: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        manager.sign(made.session_key_hash, message)
    assert caught.value.field == "message"


@pytest.mark.parametrize(
    "data",
    [
        [],
        "x",
        {},
        {"domain": None, "primaryType": "x"},
        {"domain": {"chainId": CHAIN_ID}, "primaryType": "Login"},
        {"domain": {"chainId": CHAIN_ID}, "primaryType": "Login", "types": [], "message": {}},
        {"domain": {"chainId": CHAIN_ID, 5: 6}, "primaryType": "Login", "types": {}, "message": {}},
    ],
)
def test_what_is_no_typed_data_is_told(manager: SessionKeyManager, made: ManagedSession, data: Any) -> None:
    with pytest.raises(InvalidInput):
        manager.sign(made.session_key_hash, typed_data=data)


def test_a_hash_that_only_begins_as_a_sessions_is_nobodys(
    manager: SessionKeyManager, made: ManagedSession
) -> None:
    """Ids are made of a part of the hash: the rest counts as well."""
    wrong = made.session_key_hash[:-1] + ("0" if made.session_key_hash[-1] != "0" else "1")
    for call in (manager.restore_session, manager.revoke_session, manager.rotate, manager.pause_session):
        with pytest.raises(NotFound):
            call(wrong)
    with pytest.raises(NotFound):
        manager.spend(wrong, to=PAYEE, amount=1)
    with pytest.raises(NotFound):
        manager.sign(wrong, "hello")
    assert manager.restore_session(made.session_key_hash).status == "active"


def test_another_owners_session_in_the_same_file_is_not_there(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    spent = manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    stranger = World(world.chain, world.at, world.folder)
    stranger.furnish()
    with stranger.manager() as other:
        assert other.list_sessions() == []
        for call in (other.restore_session, other.revoke_session, other.forget_key, other.rotate):
            with pytest.raises(NotFound):
                call(made.session_key_hash)
        with pytest.raises(NotFound):
            other.spend(made.session_key_hash, to=PAYEE, amount=1)
        with pytest.raises(NotFound):
            other.sign(made.session_key_hash, "hello")
        with pytest.raises(NotFound):
            other.get_spend(spent.hold_id)
        assert other.approve_contract() is None, "it approves nothing for what is not its own"
    assert manager.restore_session(made.session_key_hash).status == "active"


def test_a_session_of_one_chain_is_none_of_another_chains_manager(
    world: World, manager: SessionKeyManager, made: ManagedSession
) -> None:
    """One file, one owner, another chain: nothing is signed there with this key, and nothing is granted."""
    data = typed("Login", {"name": "x", "chainId": 8453}, {"nonce": NUMBER})
    with world.manager(chain="base", rpc_url="http://127.0.0.1:9") as elsewhere:
        for call in (
            lambda: elsewhere.sign(made.session_key_hash, typed_data=data),
            lambda: elsewhere.sign(made.session_key_hash, "hello"),
            lambda: elsewhere.rotate(made.session_key_hash),
        ):
            with pytest.raises(InvalidInput) as caught:
                call()
            assert caught.value.code == "wrong_chain"
        assert elsewhere.list_sessions() == []
    assert [one.session_id for one in manager.list_sessions()] == [made.session_id]


def test_a_keystore_that_is_shared_keeps_the_keys_of_others(world: World) -> None:
    """Two managers, two files, one keystore: neither forgets the other's keys, nor what else is kept there."""
    with closing(open_keystore(world.folder / "keys.db", cheap_lock())) as shared:
        shared.put("request of something else", b"kept")
        with (
            world.manager(keystore=shared, lock=None) as one,
            world.manager(keystore=shared, lock=None, path=world.folder / "two.db") as two,
        ):
            made = one.create_session(label="one", spending_limit=1, valid_until=HOUR)
            two.step()
            assert one.restore_session(made.session_key_hash).status == "active"
            assert shared.get("request of something else") == b"kept"


def test_links_to_one_file_share_its_locks(world: World, manager: SessionKeyManager) -> None:
    """A process that reaches the file by another name takes turns with all others."""
    link = world.folder / "link.db"
    manager.step()
    link.symlink_to(world.file)
    with world.manager(path=link) as other:
        assert other.path == manager.path
        other.step()
    assert not list(world.folder.glob("link.db.*"))


def test_SECRETS_STAY_SECRET_in_reprs_pickles_and_debug_logs(
    world: World, manager: SessionKeyManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = manager.create_session(label="logged", spending_limit=5, valid_until=HOUR)
    spent = manager.spend(made.session_key_hash, to=PAYEE, amount=1)
    manager.sign(made.session_key_hash, "hello")
    inner = manager._manager
    kept = inner._local.keystore.get(made.session_key_hash)
    assert kept is not None
    secrets = [bytes(kept).hex(), world.owner.to_hex()[2:], PASSPHRASE]
    told = [
        repr(one) for one in (manager, inner, inner._local, inner._local.signer, made, spent, cheap_lock())
    ]
    told += [record.getMessage() for record in caplog.records]
    for one in (manager, inner, inner._local.keystore, PrivateKey.generate(), cheap_lock()):
        try:
            told.append(pickle.dumps(one).hex())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
            told.append(repr(error))
    for text in told:
        for secret in secrets:
            assert secret not in text.lower()
            assert secret.encode().hex() not in text
    pickle.dumps((made, spent))


def test_a_file_that_others_may_read_is_refused(world: World) -> None:
    world.file.touch(0o644)
    with pytest.raises(ValetkeyError) as caught:
        world.manager()
    assert caught.value.code in ("keystore_unusable", "store_unreadable")


def test_a_full_disk_is_told_and_leaves_what_was(world: World, manager: SessionKeyManager) -> None:
    made = manager.create_session(label="before", spending_limit=5, valid_until=HOUR)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    most = max(one.stat().st_size for one in world.folder.iterdir())
    problems = []
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        for number in range(40):
            try:
                manager.create_session(
                    label=f"full {number}", spending_limit=1, valid_until=HOUR, approve=False
                )
            except ValetkeyError as error:
                problems.append(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert problems
    assert all(one.code for one in problems)
    assert manager.restore_session(made.session_key_hash).status == "active"
    assert manager.spend(made.session_key_hash, to=PAYEE, amount=1).state == "captured"
    for one in manager.list_sessions():
        assert manager.restore_session(one.session_key_hash).status == "active"
    manager.step()
    names = manager._manager._local.keystore.names()
    assert sorted(names) == sorted(one.session_key_hash for one in manager.list_sessions())


def test_an_allowance_is_no_larger_than_living_grants_need(world: World, manager: SessionKeyManager) -> None:
    """What ended sessions might have taken is not left for whoever finds a way into the contract."""
    kept = manager.create_session(label="kept", spending_limit=5, valid_until=HOUR)
    ended = manager.create_session(label="ended", spending_limit=100, valid_until=HOUR)
    assert world.allowed() == 105_000_000
    manager.revoke_session(ended.session_key_hash)
    assert manager.approve_contract() is not None
    assert world.allowed() == 5_000_000
    assert manager.approve_contract() is None
    assert manager.spend(kept.session_key_hash, to=PAYEE, amount=1).state == "captured"
