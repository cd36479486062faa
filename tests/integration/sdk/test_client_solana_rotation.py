"""New keys on Solana: they take what the old ones left, once, whatever is under way or is killed."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.fixtures_allotments import USDC, WEALTH
from tests.fixtures_solana import wait_for
from tests.integration.sdk.on_solana import RULES, WORDS, Owner, owner, place
from valetkey import InvalidInput, SessionRevoked
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.kept_sessions import SessionKeys
from valetkey.sdk.opening import open_keystore
from valetkey.sdk.solana.blocking import SolanaDesk

__all__ = ["owner", "place"]


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
