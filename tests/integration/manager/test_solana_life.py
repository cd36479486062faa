"""The life of a session on Solana without a platform: made, spent from, taken back, reclaimed."""

import asyncio
import json
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from solders.hash import Hash
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from tests.fixtures_solana import TOKEN, TOKEN_2022
from tests.integration.manager.solana_world import MONEY, USDC, SolanaWorld
from tests.integration.manager.world import HOUR, PASSPHRASE
from valetkey import SessionKeyManager
from valetkey.chains.solana.errors import TransactionRefused, WrongChain
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import SolanaOwner
from valetkey.chains.solana.programs import OWNER_MISMATCH
from valetkey.cli.demo import around
from valetkey.core.errors import InvalidInput
from valetkey.crypto import base58
from valetkey.crypto.age_files import open_age, seal_under
from valetkey.crypto.ed25519 import SigningKey, is_signed
from valetkey.crypto.errors import InvalidKey
from valetkey.crypto.secret import Secret
from valetkey.sdk.errors import (
    BudgetExceeded,
    GrantMismatch,
    InsufficientFunds,
    NotConfigured,
    OperationNotAllowed,
    PayeeNotAllowed,
    SessionExpired,
    SessionRevoked,
    WindowExceeded,
)
from valetkey.sdk.manager.signing import OFFCHAIN, offchain_message


@pytest.mark.parametrize("solana", [TOKEN, TOKEN_2022], indirect=True, ids=["spl", "token-2022"])
def test_a_session_is_made_spent_from_taken_back_and_reclaimed(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    payee = SigningKey.generate().address
    made = on_solana.create_session(label="trading", spending_limit="10", valid_until=HOUR)
    key = made.session_key_hash
    assert (made.chain, made.status, made.remaining_limit) == ("solanaLocal", "active", Decimal(10))
    assert solana.rpc.units(solana.session_account(made.wallet_address)) == 10 * USDC
    assert on_solana.exposure(key) == 10
    spent = on_solana.spend(key, to=payee, amount="2.5", idempotency_key="one")
    assert (spent.state, spent.remaining, spent.to) == ("captured", Decimal("7.5"), payee)
    assert spent.receipt.tx_hash is not None
    assert spent.receipt.block is not None
    assert solana.units(payee) == 2_500_000
    assert on_solana.spend(key, to=payee, amount="2.5", idempotency_key="one") == spent
    with pytest.raises(BudgetExceeded) as refused:
        on_solana.spend(key, to=payee, amount=8)
    assert refused.value.remaining == "7.5"
    (listed,) = on_solana.list_sessions(status="active", label="trading", chain="solanaLocal")
    assert listed == on_solana.restore_session(key)
    with pytest.raises(NotConfigured):
        on_solana.http(key)
    with pytest.raises(InvalidInput):
        on_solana.create_session(
            label="http", spending_limit="1", valid_until=HOUR, allowed_operations=["x402"]
        )
    revoked = on_solana.revoke_session(key)
    assert revoked.on_chain
    assert on_solana.exposure(key) == 0
    with pytest.raises(SessionRevoked):
        on_solana.spend(key, to=payee, amount=1)
    with pytest.raises(SessionRevoked):
        on_solana.sign(key, "hello")
    back = on_solana.reclaim(key)
    assert (back.amount, back.session.status) == (Decimal("7.5"), "revoked")
    assert back.lamports > 0
    assert on_solana.reclaim(key).amount == 0
    assert not solana.exists(solana.session_account(made.wallet_address))
    assert solana.rpc.units(solana.home) == MONEY - 2_500_000
    assert solana.units(payee) == 2_500_000


def test_a_session_goes_around_with_its_figures(solana: SolanaWorld, on_solana: SessionKeyManager) -> None:
    payee = SigningKey.generate().address
    made = on_solana.create_session(label="moves", spending_limit=10, valid_until=HOUR)
    key = made.session_key_hash
    on_solana.spend(key, to=payee, amount=3)
    take(solana, key, payee, 1 * USDC)
    on_solana.step()
    sealed = on_solana.export_session(key, passphrase="for the road")
    with solana.manager(path=solana.folder / "other.db") as other:
        for _ in range(2):
            brought = other.import_session(sealed, passphrase="for the road")
            assert (brought.session_key_hash, brought.spent) == (key, Decimal(4))
        assert other.spend(key, to=payee, amount=5).remaining == 1
        again = other.export_session(key, passphrase="back")
        assert other.revoke_session(key).on_chain
    with solana.manager(path=solana.folder / "third.db") as third:
        assert third.import_session(again, passphrase="back").spent == 9
        assert third.restore_session(key).status == "revoked"
    # The first file hears of it from the chain: what was paid elsewhere, and the end.
    found = on_solana.restore_session(key)
    assert (found.status, found.spent) == ("revoked", Decimal(9))
    with solana.manager(SigningKey.generate(), path=solana.folder / "stranger.db") as stranger:
        with pytest.raises(GrantMismatch):
            stranger.import_session(sealed, passphrase="for the road")


def test_a_file_that_anybody_could_write_brings_no_session(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    """Whoever knows the owner's address and recipient writes a file with a key of theirs, and a budget."""
    made = on_solana.create_session(label="real", spending_limit=10, valid_until=HOUR)
    sealed = on_solana.export_session(made.session_key_hash, passphrase="for the road")
    told = json.loads(open_age(sealed, passphrase=Secret("for the road")))
    forged = told | {"key": SigningKey.generate().secret().hex(), "presigned": None}
    content = seal_under(json.dumps(forged).encode(), Secret("for the road"))
    with solana.manager(path=solana.folder / "second.db") as second:
        with pytest.raises(GrantMismatch):
            second.import_session(content, passphrase="for the road")
        assert second.list_sessions() == []
        assert second.import_session(sealed, passphrase="for the road").status == "active"


def test_what_a_key_took_without_the_gate_is_debited(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    payee, thief = SigningKey.generate().address, SigningKey.generate().address
    made = on_solana.create_session(label="leaks", spending_limit=10, valid_until=HOUR)
    key = made.session_key_hash
    on_solana.spend(key, to=payee, amount=2)
    taken = take(solana, key, thief, 3 * USDC)
    on_solana.step()
    on_solana.step()
    (found,) = on_solana.list_sessions(label="leaks")
    assert (found.spent, found.remaining_limit) == (Decimal(5), Decimal(5))
    assert [what for what, _ in solana.events].count("unasked") == 1
    with pytest.raises(BudgetExceeded):
        on_solana.spend(key, to=payee, amount=6)
    assert taken


def test_an_end_that_was_signed_in_advance_is_submitted_in_time(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    payee = SigningKey.generate().address
    with solana.manager(lifetime_min=1) as short_lived:
        made = short_lived.create_session(label="short", spending_limit=10, valid_until=timedelta(seconds=3))
    assert on_solana.exposure(made.session_key_hash) == 10
    time.sleep(3.2)
    with pytest.raises(SessionExpired):
        on_solana.spend(made.session_key_hash, to=payee, amount=1)
    assert on_solana.settle()
    (told,) = [whom for what, whom in solana.events if what == "ended"]
    assert told.startswith(made.session_id)
    # How late depends on the machine: it is measured here, and bounded where speeds are.
    assert int(told.split()[1]) >= 0, "seconds of lateness"
    print(told)
    assert on_solana.exposure(made.session_key_hash) == 0
    assert on_solana.restore_session(made.session_key_hash).status == "expired"
    with pytest.raises(TransactionRefused) as refused:
        take(solana, made.session_key_hash, payee, USDC)
    assert refused.value.custom == OWNER_MISMATCH
    assert on_solana.reclaim(made.session_key_hash).amount == 10
    assert solana.rpc.units(solana.home) == MONEY


def test_what_its_owner_revoked_elsewhere_is_restored_as_revoked(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    made = [
        on_solana.create_session(label=f"n{number}", spending_limit=5, valid_until=HOUR)
        for number in (1, 2, 3)
    ]
    payee = SigningKey.generate().address
    # All of it: the program forgets the delegate, and that is no revocation.
    assert on_solana.spend(made[2].session_key_hash, to=payee, amount=5).remaining == 0
    act_as_owner(solana, made[0].wallet_address, closes=False)
    act_as_owner(solana, made[1].wallet_address, closes=True)
    with solana.manager() as again:
        assert [again.restore_session(one.session_key_hash).status for one in made] == [
            "revoked",
            "revoked",
            "exhausted",
        ]
        with pytest.raises(SessionRevoked):
            again.spend(made[0].session_key_hash, to=payee, amount=1)


def test_a_session_with_a_new_key_takes_what_the_old_one_left(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    payee = SigningKey.generate().address
    old = on_solana.create_session(label="turns", spending_limit=10, valid_until=HOUR)
    on_solana.spend(old.session_key_hash, to=payee, amount=2)
    new = on_solana.rotate(old.session_key_hash, grace_seconds=60)
    # Both are good, and one account has all the money.
    assert on_solana.exposure(old.session_key_hash) == 8
    assert on_solana.exposure(new.session_key_hash) == 0
    assert on_solana.spend(old.session_key_hash, to=payee, amount=1).state == "captured"
    assert on_solana.spend(new.session_key_hash, to=payee, amount=3).remaining == 4
    assert on_solana.exposure(old.session_key_hash) == 0
    assert on_solana.exposure(new.session_key_hash) == 4
    with pytest.raises(SessionRevoked):
        on_solana.spend(old.session_key_hash, to=payee, amount=1)
    third = on_solana.rotate(new.session_key_hash, grace_seconds=0, spending_limit=12)
    assert (third.remaining_limit, on_solana.exposure(third.session_key_hash)) == (Decimal(6), Decimal(6))
    assert on_solana.exposure(new.session_key_hash) == 0
    fourth = on_solana.rotate(third.session_key_hash, grace_seconds=0, spending_limit=9)
    assert (fourth.remaining_limit, on_solana.exposure(fourth.session_key_hash)) == (Decimal(3), Decimal(3))
    assert on_solana.spend(fourth.session_key_hash, to=payee, amount=3).remaining == 0
    assert on_solana.settle()
    assert solana.units(payee) == 9 * USDC
    assert solana.rpc.units(solana.home) == MONEY - 9 * USDC


def test_a_session_signs_messages_that_are_no_transactions(on_solana: SessionKeyManager) -> None:
    made = on_solana.create_session(label="signs", spending_limit=1, valid_until=HOUR, approve=False)
    key = made.session_key_hash
    signature = on_solana.sign(key, "hello")
    public_key = base58.decode(made.wallet_address)
    assert is_signed(public_key, OFFCHAIN + b"\0\0\5\0hello", signature)
    assert not is_signed(public_key, b"hello", signature)
    message = Message.new_with_blockhash([], Pubkey(public_key), Hash.default())
    with pytest.raises(OperationNotAllowed):
        on_solana.sign(key, bytes(message))
    for raw in (b"hello", "ü".encode(), b"x" * 2_000):
        with pytest.raises(ValueError):
            VersionedTransaction.from_bytes(b"\1" + bytes(64) + offchain_message(raw)).sanitize()
    for wrong in (b"\xff\xfe", b"", b"x" * 70_000, 5, [104], "\ud800"):
        with pytest.raises(InvalidInput):
            on_solana.sign(key, wrong)
    with pytest.raises(InvalidInput):
        on_solana.sign(key, typed_data={})


def test_an_owner_without_the_budget_is_told_before_anything_is_sent(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    with pytest.raises(InsufficientFunds):
        on_solana.create_session(label="rich", spending_limit=1_001, valid_until=HOUR)
    assert solana.rpc.units(solana.home) == MONEY


def test_another_cluster_s_node_and_another_token_s_decimals_are_refused(solana: SolanaWorld) -> None:
    with solana.manager(chain="solanaDevnet") as on_solana:
        with pytest.raises(WrongChain):
            on_solana.create_session(label="x", spending_limit=1, valid_until=HOUR)
    odd = solana.rpc.mint(9)
    with solana.manager(mint=odd, path=solana.folder / "odd.db") as on_solana:
        with pytest.raises(InvalidInput) as refused:
            on_solana.create_session(label="x", spending_limit=1, valid_until=HOUR)
        assert refused.value.code == "token_mismatch"


@pytest.mark.parametrize(
    "wrong",
    [
        {"contract_address": "0x" + "77" * 20},
        {"mint": "0x12"},
        {"token": "PEPE"},
        {"rpc_url": "http://example.com"},
    ],
    ids=str,
)
def test_what_no_manager_can_be_of_is_refused_before_a_file_is_made(
    solana: SolanaWorld, wrong: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput):
        solana.manager(**wrong)
    assert not solana.file.exists()


def test_an_owner_is_a_key_file_a_text_or_an_object(solana: SolanaWorld) -> None:
    raw = solana.owner.secret() + solana.owner.public_key
    file = solana.folder / "id.json"
    file.write_text(json.dumps(list(raw)))
    signers = (
        file,
        str(file),
        base58.encode(raw),
        Secret(base58.encode(raw[:32])),
        raw[:32].hex(),
        solana.owner,
    )
    for number, signer in enumerate(signers):
        with solana.manager(signer, path=solana.folder / f"{number}.db") as on_solana:
            assert on_solana.address == solana.owner.address
    for bad in (list(raw[:63]), list(raw[:32] + bytes(32)), {"a": 1}):
        file.write_text(json.dumps(bad))
        with pytest.raises(InvalidKey):
            solana.manager(file)


def test_who_may_be_paid_is_the_gate_s_business(solana: SolanaWorld, on_solana: SessionKeyManager) -> None:
    payee, other = SigningKey.generate().address, SigningKey.generate().address
    made = on_solana.create_session(
        label="narrow", spending_limit=10, valid_until=HOUR, allowed_payees=[payee], daily_limit=4
    )
    with pytest.raises(PayeeNotAllowed):
        on_solana.spend(made.session_key_hash, to=other, amount=1)
    on_solana.spend(made.session_key_hash, to=payee, amount=3)
    with pytest.raises(WindowExceeded):
        on_solana.spend(made.session_key_hash, to=payee, amount=2)
    with pytest.raises(InvalidInput):
        on_solana.spend(made.session_key_hash, to=solana.session_account(made.wallet_address), amount=1)
    with pytest.raises(InvalidInput):
        on_solana.spend(made.session_key_hash, to="0x" + "5e" * 20, amount=1)


def take(solana: SolanaWorld, key_hash: str, payee: str, units: int) -> str:
    """A key that goes around the gate; the signature, when that is final."""
    payer = solana.rpc.wallet()
    if not solana.exists(solana.account_of(payee)):
        solana.rpc.give(payee, solana.mint, 0)
    told = (solana.rpc.rpc_url, str(solana.file), PASSPHRASE, key_hash, solana.owner.address, solana.mint)
    done = around.take(*told, payee, units, payer)
    solana.rpc.settle()
    return str(done["tx_hash"])


def act_as_owner(solana: SolanaWorld, key: str, *, closes: bool) -> None:
    """What the owner does with another wallet: nobody tells the file."""

    async def act() -> None:
        node = SolanaNode(solana.rpc.chain_id, solana.rpc.rpc_url)
        try:
            owner = SolanaOwner(node, solana.owner)
            session = owner.accounts(key, await owner.mint(solana.mint, 6))
            await (owner.reclaim(session) if closes else owner.revoke(session))
        finally:
            await node.close()

    asyncio.run(act())
