"""The Client on Solana: sessions opened, listed, told to pay, revoked, reclaimed; beside one of an EVM chain."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures_allotments import USDC, WEALTH
from tests.fixtures_solana import wait_for
from tests.integration.sdk.on_solana import RULES, WORDS, Owner, owner, place
from valetkey import AsyncClient, InvalidInput, SessionRevoked
from valetkey.crypto import base58
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk._sync.client_solana import PAYMENTS
from valetkey.sdk.errors import BudgetExceeded, IdempotencyMismatch, NotConfigured, PayeeNotAllowed
from valetkey.sdk.kept_sessions import SessionKeys
from valetkey.sdk.opening import open_keystore
from valetkey.sdk.solana.blocking import SolanaDesk
from valetkey.sdk.solana.desks import solana_signer_of

__all__ = ["owner", "place"]


def test_a_session_of_base_and_one_of_solana_side_by_side(owner: Owner) -> None:
    base = owner.client.create_session(**{**RULES, "chain": "base", "label": "on base"})
    sea = owner.client.create_session(**RULES)
    listed = {one.label: one for one in owner.client.list_sessions()}
    assert {name: (one.chain, one.funding, one.remaining_limit) for name, one in listed.items()} == {
        "on base": ("base", "grant", Decimal(50)),
        "treasury": ("solanaLocal", "allotment", Decimal(50)),
    }
    assert [one.label for one in owner.client.list_sessions(chain="solanaLocal")] == ["treasury"]
    there, here = owner.payee(), PrivateKey.generate().address
    paid = owner.pay(sea, "3.5", there)
    assert (paid.amount, paid.token, paid.remaining_limit) == (Decimal("3.5"), "USDC", Decimal("46.5"))
    assert paid.receipt.fee_wei == 5_000
    assert paid.session_key_hash == sea.session_key_hash
    assert owner.pay(base, "2", here).remaining_limit == Decimal(48)
    assert owner.place.base.units(here) == 2 * USDC
    # A session never pays on another chain.
    for session, payee in ((base, there), (sea, here)):
        with pytest.raises(InvalidInput):
            owner.pay(session, "1", payee)
    assert owner.client.allotment(sea).status == "open"

    def captured() -> bool:
        return owner.client.owner.get_spend(paid.hold_id).state == "captured"

    wait_for(captured, 30)
    assert owner.place.sea.rpc.units(str(_account_of(owner, there))) == 3_500_000
    for one in (base, sea):
        owner.client.revoke_session(one)
    assert {one.status for one in owner.client.list_sessions()} == {"revoked"}


def _account_of(owner: Owner, wallet: str) -> str:
    return owner.place.sea.rpc.give(wallet, owner.place.sea.usdc, 0)


def test_beyond_the_budget_the_gate_refuses_and_nothing_is_signed(owner: Owner) -> None:
    payee = owner.payee()
    session = owner.client.create_session(**RULES, allowed_payees=[payee], per_transaction_limit="40")
    owner.pay(session, "30", payee)
    with pytest.raises(BudgetExceeded):
        owner.pay(session, "20.000001", payee)
    with pytest.raises(PayeeNotAllowed):
        owner.pay(session, "1")
    assert len(list((owner.folder / PAYMENTS).iterdir())) == 1
    assert owner.client.get_session(session).remaining_limit == Decimal(20)


def test_the_same_key_pays_once_also_elsewhere_and_after_a_crash(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, payee = owner.client.create_session(**RULES), owner.payee()
    first = owner.pay(session, "4", payee, idempotency_key="one")
    assert owner.pay(session, "4", payee, idempotency_key="one") == first

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(SolanaDesk, "pay", killed)
        with pytest.raises(KeyboardInterrupt):
            owner.pay(session, "5", payee, idempotency_key="two")
    owner.client.close()
    owner.client = owner.again()
    again = owner.pay(session, "5", payee, idempotency_key="two")
    assert again.remaining_limit == Decimal(41)
    assert owner.place.sea.rpc.units(_account_of(owner, payee)) == 9 * USDC
    with pytest.raises(IdempotencyMismatch):
        owner.pay(session, "6", payee, idempotency_key="two")


@pytest.mark.parametrize("step", ["open", "presign"])
def test_making_goes_on_where_it_was_interrupted(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    asked = {**RULES, "idempotency_key": "treasury of today"}
    with monkeypatch.context() as dying:
        dying.setattr(SolanaDesk, step, killed)
        with pytest.raises(KeyboardInterrupt):
            owner.client.create_session(**asked)
    owner.client.close()
    owner.client = owner.again()
    session = owner.client.create_session(**asked)
    assert len(owner.client.list_sessions()) == 1
    assert owner.at_home() == WEALTH - 50 * USDC
    assert owner.pay(session, "1").remaining_limit == Decimal(49)


def test_revoked_by_the_platform_then_reclaimed(owner: Owner) -> None:
    session = owner.client.create_session(**RULES)
    owner.pay(session, "10")
    assert owner.client.revoke_session(session).status == "revoked"
    with pytest.raises(SessionRevoked):
        owner.pay(session, "1")
    wait_for(lambda: owner.client.allotment(session).status == "revoked", 30)
    shown = owner.client.allotment(session)
    assert shown.revocation_signature is not None
    assert owner.place.sea.delegate(shown.account) is None
    lamports = owner.place.sea.rpc.lamports(owner.wallet.address)
    assert owner.client.reclaim_session(session) is not None
    owner.place.sea.rpc.settle()
    assert owner.at_home() == WEALTH - 10 * USDC
    assert owner.place.sea.rpc.lamports(session.wallet_address or "") == 0
    assert owner.place.sea.rpc.lamports(owner.wallet.address) > lamports
    assert owner.client.reclaim_session(session) is None


def test_the_owner_revokes_on_chain_itself_and_without_the_keystore(owner: Owner) -> None:
    session = owner.client.create_session(**RULES)
    with owner.again(state_dir=owner.folder.parent / "elsewhere") as other:
        other.revoke_session(session, on_chain=True)
        assert owner.place.sea.delegate(other.allotment(session).account) is None
        other.reclaim_session(session)
        owner.place.sea.rpc.settle()
        assert owner.at_home() == WEALTH
    evm = owner.client.create_session(**{**RULES, "chain": "base"})
    with pytest.raises(InvalidInput):
        owner.client.revoke_session(evm, on_chain=True)


def test_an_expired_session_ends_on_chain_while_nobody_is_there(
    owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    session = owner.client.create_session(**{**RULES, "valid_until": timedelta(seconds=8)})
    owner.client.close()
    with owner.again(solana_signer=None) as looking:
        wait_for(lambda: looking.allotment(session).status == "revoked", 40)
        late = looking.allotment(session).lateness_seconds
    with capsys.disabled():
        print(f"\nlateness after expiry: {late} s")
    assert late is not None
    assert late <= 10


def test_what_is_not_for_solana_is_refused(owner: Owner) -> None:
    session, router = owner.client.create_session(**RULES), PrivateKey.generate().address
    for action in (
        {"type": "approve", "spender": router, "amount": "1"},
        {"type": "contract_call", "to": router, "function": "ping()"},
        {"type": "transfer", "to": owner.payee(), "amount": "1", "token": "ETH"},
        {"type": "transfer", "to": owner.payee()[:-2], "amount": "1"},
        {"type": "transfer", "to": "1" * 32, "amount": "1"},
        {"type": "transfer", "to": owner.payee(), "amount": "1.0000001"},
    ):
        with pytest.raises(InvalidInput):
            owner.client.execute(session, action)
    for rules in (
        {"spending_limit": None},
        {"limits": {"SOL": 1}},
        {"allowed_payees": [router]},
        {"allowed_contracts": {router: ["ping()"]}},
        {"allowed_routers": [router]},
        {"allowed_tokens": ["ETH"]},
        {"funding": "wallet"},
        {"chain": "base", "funding": "allotment"},
        {"chain": "base", "allowed_payees": [owner.payee()]},
    ):
        with pytest.raises(InvalidInput):
            owner.client.create_session(**{**RULES, **rules})
    with pytest.raises(InvalidInput):
        owner.client.fund_session(session)
    with pytest.raises(InvalidInput):
        owner.client.reclaim_session(session, to=owner.payee())
    with owner.again(solana_signer=None) as keyless, pytest.raises(NotConfigured):
        keyless.create_session(**RULES)
    assert len(owner.client.list_sessions()) == 1


def test_a_client_for_solana_alone_and_an_async_one(owner: Owner) -> None:
    sea = owner.place.sea
    named = {"chain": "solanaLocal", "rpc_url": sea.rpc.rpc_url, "signer": None}
    with owner.again(**named) as client:
        session = client.create_session(**{**RULES, "chain": None})
        assert client.execute(session, {"type": "transfer", "to": owner.payee(), "amount": "1"}).tx_hash

    async def story() -> None:
        async with AsyncClient(owner.api_key, **{**owner.arguments, **named}) as client:
            made = await client.create_session(**{**RULES, "label": "async"})
            done = await client.execute(made, {"type": "transfer", "to": owner.payee(), "amount": "2"})
            assert done.remaining_limit == Decimal(48)
            await client.revoke_session(made, on_chain=True)
            await client.reclaim_session(made)

    asyncio.run(story())


def test_keys_are_kept_encrypted_and_named_in_every_way(owner: Owner) -> None:
    session = owner.client.create_session(**RULES)
    keys = SessionKeys(open_keystore(owner.folder / "keys.db", WORDS))
    kept = keys.find(session.session_key_hash)
    assert kept is not None
    assert kept.solana_key.address == session.wallet_address
    assert kept.seed not in repr(kept)
    assert bytes.fromhex(kept.seed) not in (owner.folder / "keys.db").read_bytes()
    wallet = owner.wallet
    pair = base58.encode(wallet.secret() + wallet.public_key)
    for text in (wallet.secret().hex(), "0x" + wallet.secret().hex(), pair):
        assert solana_signer_of(text).address == wallet.address
    wrong = base58.encode(wallet.secret() + SigningKey.generate().public_key)
    for text in ("", "zz", wallet.address, wrong, "0" * 64 + "g"):
        with pytest.raises(InvalidInput) as refused:
            solana_signer_of(text)
        assert text == "" or text not in str(refused.value)
