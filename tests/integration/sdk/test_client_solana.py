"""The Client on Solana: sessions opened, listed, told to pay, revoked, reclaimed; beside one of an EVM chain."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures_allotments import USDC, WEALTH, World
from tests.fixtures_networks import RELAYER, RunningNetwork, start_network
from tests.fixtures_solana import SLOT_MILLISECONDS, wait_for
from tests.integration.platform.serving import Server, serve
from valetkey import AsyncClient, Client, InvalidInput, SessionRevoked
from valetkey.chains.devsolana import DevSolana
from valetkey.crypto import base58
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.settings import Settings
from valetkey.sdk._sync.client_solana import PAYMENTS
from valetkey.sdk.errors import BudgetExceeded, IdempotencyMismatch, NotConfigured, PayeeNotAllowed
from valetkey.sdk.kept_sessions import SessionKeys
from valetkey.sdk.opening import open_keystore
from valetkey.sdk.solana.blocking import SolanaDesk
from valetkey.sdk.solana.desks import solana_signer_of

WORDS = "a passphrase of the tests"
RULES: dict[str, Any] = {
    "label": "treasury",
    "spending_limit": "50",
    "valid_until": timedelta(hours=1),
    "chain": "solanaLocal",
}


@dataclass
class Place:
    """A platform that serves Base and a cluster of Solana."""

    base: RunningNetwork
    sea: World
    server: Server


@dataclass
class Owner:
    """An owner with money on both, and its client."""

    place: Place
    key: PrivateKey
    wallet: SigningKey
    api_key: str
    folder: Path
    client: Client

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "chain": "base",
            "rpc_url": self.place.base.rpc_url,
            "base_url": self.place.server.base_url,
            "state_dir": self.folder,
            "signer": self.key,
            "passphrase": WORDS,
            "solana_signer": self.wallet,
        }

    def again(self, **changes: Any) -> Client:
        return Client(self.api_key, **{**self.arguments, **changes})

    def pay(self, session: Any, amount: str, to: str | None = None, **more: Any) -> Any:
        action = {"type": "transfer", "to": to or self.payee(), "amount": amount, "token": "USDC"}
        return self.client.execute(session, action, **more)

    def payee(self) -> str:
        return SigningKey.generate().address

    def at_home(self) -> int:
        """What the owner has on Solana, beside its sessions' accounts."""
        sea = self.place.sea
        found = sea.rpc(
            "getTokenAccountsByOwner", self.wallet.address, {"mint": sea.usdc}, {"encoding": "base64"}
        )
        home = sea.rpc.give(self.wallet.address, sea.usdc, 0)
        assert any(one["pubkey"] == home for one in found["value"])
        return sea.rpc.units(home)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    base = start_network(8453)
    with DevSolana.start(slot_milliseconds=SLOT_MILLISECONDS) as running:
        sea = World(running)
        evm = {
            "network": "base",
            "rpcUrl": base.rpc_url,
            "escrow": base.at.escrow,
            "score": base.at.score,
            "usdc": base.at.usdc,
            "allowance": base.at.allowance,
        }
        server = serve(
            Settings.from_env(
                {
                    "VALETKEY_DATABASE": str(tmp_path_factory.mktemp("both") / "valetkey.db"),
                    "VALETKEY_NETWORKS": json.dumps(
                        [evm, {"network": "solanaLocal", "rpcUrl": sea.rpc.rpc_url, "usdc": sea.usdc}]
                    ),
                    "VALETKEY_MASTER_SECRET": "the-master-secret-of-these-tests-only",
                    "VALETKEY_WEBHOOK_SECRET": "whsec_of_these_tests_only",
                    "VALETKEY_TEST_MODE": "1",
                    "VALETKEY_RELAYER_KEY": RELAYER.to_hex(),
                }
            )
        )
        yield Place(base, sea, server)
        server.stop()
        sea.rpc.close()
    base.rpc.close()
    base.chain.stop()


@pytest.fixture
def owner(place: Place, tmp_path: Path) -> Iterator[Owner]:
    key = PrivateKey.generate()
    place.base.supply(key.address, 1_000 * USDC)
    agent = place.server.register(key=key)
    made = Owner(place, key, place.sea.wallet(), agent.credential, tmp_path / "state", None)  # type: ignore[arg-type]
    made.client = made.again()
    yield made
    made.client.close()


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


def _exposure(owner: Owner, *sessions: Any) -> list[int]:
    """What each key could take on the cluster now."""
    sea = owner.place.sea
    sea.rpc.settle()
    with SolanaDesk(sea.rpc.chain_id, sea.rpc.rpc_url, sea.usdc, owner=owner.wallet) as desk:
        return [desk.exposure(one.wallet_address or "") for one in sessions]


def test_new_keys_take_what_the_old_ones_left(owner: Owner) -> None:
    client, payee = owner.client, owner.payee()
    old = client.create_session(**RULES)
    owner.pay(old, "10", payee)
    new = client.rotate_session(old, grace_seconds=60)
    # Both are good, and one account has all the money.
    assert _exposure(owner, old, new) == [40 * USDC, 0]
    owner.pay(old, "5", payee)
    assert owner.pay(new, "3", payee).remaining_limit == Decimal(32)
    assert _exposure(owner, old, new) == [0, 32 * USDC]
    with pytest.raises(SessionRevoked):
        owner.pay(old, "1", payee)
    assert client.allotment(new).status == "open"
    assert client.rotate_session(old, grace_seconds=60).session_id == new.session_id
    with pytest.raises(InvalidInput):
        client.rotate_session(new, spending_limit="20")
    with pytest.raises(InvalidInput):
        client.rotate_session(new, spending_limit=None, grace_seconds=0)
    third = client.rotate_session(new, grace_seconds=0, spending_limit="60")
    assert _exposure(owner, new, third) == [0, 42 * USDC]
    fourth = client.rotate_session(third, grace_seconds=0, spending_limit="20")
    assert (fourth.remaining_limit, _exposure(owner, third, fourth)) == (Decimal(2), [0, 2 * USDC])
    fifth = client.rotate_session(fourth, grace_seconds=0, carry=False)
    assert (fifth.remaining_limit, _exposure(owner, fourth, fifth)) == (Decimal(20), [0, 20 * USDC])
    for one in (old, new, third, fourth, fifth):
        client.reclaim_session(one)
        assert owner.place.sea.rpc.lamports(one.wallet_address or "") == 0
    owner.place.sea.rpc.settle()
    assert owner.at_home() == WEALTH - 18 * USDC
    with pytest.raises(InvalidInput):
        client.rotate_session(fifth)


def test_a_capture_between_two_looks_makes_the_new_keys_part_no_smaller(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = owner.client.create_session(**RULES)
    owner.pay(old, "10")
    wait_for(lambda: owner.client.get_session(old).remaining_limit == Decimal(40), 30)
    wait_for(lambda: Decimal(owner.client.get_session(old).view.held_usdc) == 0, 30)
    asked = owner.client.owner
    real, looks = asked.get_session, []

    def before_the_capture(session: str) -> Any:
        view = real(session)
        if session == old.session_id:
            looks.append(session)
            if len(looks) == 1:
                return msgspec.structs.replace(view, held_usdc="10", spent_usdc="0")
        return view

    new = owner.client.rotate_session(old, grace_seconds=60)
    monkeypatch.setattr(asked, "get_session", before_the_capture)
    owner.pay(new, "3")
    assert _exposure(owner, old, new) == [0, 37 * USDC]
    assert len(looks) > 1


@pytest.mark.parametrize(("carry", "part"), [(True, 40), (False, 50)])
def test_a_payment_that_is_held_yet_makes_the_new_keys_part_no_smaller(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, *, carry: bool, part: int
) -> None:
    old = owner.client.create_session(**RULES)
    owner.pay(old, "10")
    real = owner.client.owner.get_session

    def not_captured_yet(session: str) -> Any:
        # As the ledger was before it saw the block; the cluster has moved the money already.
        view = real(session)
        if session == old.session_id or carry:
            return msgspec.structs.replace(view, held_usdc="10", spent_usdc="0", remaining_usdc="40")
        return view

    new = owner.client.rotate_session(old, grace_seconds=60, carry=carry)
    wait_for(lambda: owner.client.get_session(new).remaining_limit == Decimal(part), 30)
    monkeypatch.setattr(owner.client.owner, "get_session", not_captured_yet)
    owner.pay(new, "3")
    assert _exposure(owner, old, new) == [0, (part - 3) * USDC]


def test_what_the_old_key_took_unasked_is_not_given_once_more(owner: Owner) -> None:
    old = owner.client.create_session(**RULES)
    sea, thief = owner.place.sea, owner.payee()
    kept = SessionKeys(open_keystore(owner.folder / "keys.db", WORDS)).find(old.session_key_hash)
    assert kept is not None
    with SolanaDesk(sea.rpc.chain_id, sea.rpc.rpc_url, sea.usdc) as desk:
        desk.pay(desk.sign(kept.solana_key, owner.wallet.address, thief, 7 * USDC, "a theft"))
    new = owner.client.rotate_session(old, grace_seconds=0)
    assert _exposure(owner, old, new) == [0, 43 * USDC]
    wait_for(lambda: owner.client.get_session(new).remaining_limit == Decimal(43), 30)


@pytest.mark.parametrize(("step", "is_done"), [("left", False), ("hand_over", True), ("presign", True)])
def test_a_rotation_goes_on_where_it_was_killed(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, step: str, *, is_done: bool
) -> None:
    old = owner.client.create_session(**RULES)
    real = getattr(SolanaDesk, step)

    def killed(*given: Any) -> None:
        if is_done:
            real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(SolanaDesk, step, killed)
        with pytest.raises(KeyboardInterrupt):
            owner.client.rotate_session(old, grace_seconds=0)
    assert sum(_exposure(owner, old)) in (0, 50 * USDC)
    owner.client.close()
    owner.client = owner.again()
    new = owner.client.rotate_session(old, grace_seconds=0)
    assert owner.client.rotate_session(old, grace_seconds=0).session_id == new.session_id
    assert len(owner.client.list_sessions()) == 2
    assert _exposure(owner, old, new) == [0, 50 * USDC]
    assert owner.at_home() == WEALTH - 50 * USDC
    assert owner.pay(new, "1").remaining_limit == Decimal(49)


def test_two_processes_rotate_at_once_and_no_signer_asks_nothing(owner: Owner) -> None:
    old = owner.client.create_session(**RULES)
    with owner.again(solana_signer=None) as keyless, pytest.raises(NotConfigured):
        keyless.rotate_session(old)
    assert owner.client.get_session(old).view.successor_id is None

    def rotated(_: int) -> str:
        with owner.again() as client:
            return client.rotate_session(old, grace_seconds=0).session_id

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(rotated, range(2))
    assert first == second
    assert _exposure(owner, old, owner.client.get_session(first)) == [0, 50 * USDC]
    assert owner.at_home() == WEALTH - 50 * USDC


def test_reclaiming_the_old_one_first_leaves_its_successor_the_money(owner: Owner) -> None:
    old = owner.client.create_session(**RULES)
    new = owner.client.rotate_session(old, grace_seconds=60)
    newest = owner.client.rotate_session(new, grace_seconds=60)
    assert _exposure(owner, old, new, newest) == [0, 50 * USDC, 0]
    owner.client.reclaim_session(new)
    assert _exposure(owner, new, newest) == [0, 50 * USDC]
    owner.client.reclaim_session(newest)
    owner.place.sea.rpc.settle()
    assert owner.at_home() == WEALTH
