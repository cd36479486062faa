"""Tokens that answer nothing, lie, take a fee or call back, and callers who are mean with gas."""

import boa
import pytest

from contracts.tests.purse import USDC, Purse, spend_values
from contracts.tests.world import (
    BABBLING,
    GREEDY,
    LYING,
    PLAIN,
    QUIET,
    REFUSING,
    SCOLDING,
    TAXING,
    call,
    send,
)
from valetkey.wire.grants import grant_hash, grant_terms


@pytest.mark.parametrize("mode", [PLAIN, QUIET, TAXING])
def test_a_token_that_returns_nothing_or_takes_a_fee_moves_no_more_than_was_asked(
    purse: Purse, mode: int
) -> None:
    purse.must(purse.stranger, purse.odd, "behave", mode)
    grant = purse.known(token=str(purse.odd.address))
    before = purse.balance(purse.owner.address, purse.odd)
    assert purse.spend(grant, USDC).ok
    assert purse.balance(purse.owner.address, purse.odd) == before - USDC
    assert purse.spent_units(grant) == USDC // 100


@pytest.mark.parametrize("mode", [REFUSING, SCOLDING, BABBLING])
def test_a_token_that_returns_false_changes_nothing(purse: Purse, mode: int) -> None:
    purse.must(purse.stranger, purse.odd, "behave", mode)
    grant = purse.known(token=str(purse.odd.address))
    wanted = purse.wanted(USDC)
    assert not purse.spend(grant, USDC).ok
    assert not purse.relay(grant, wanted).ok
    assert purse.spent_units(grant) == 0
    purse.must(purse.stranger, purse.odd, "behave", PLAIN)
    assert purse.relay(grant, wanted).ok, "its nonce was not used up"


@pytest.mark.parametrize("mode", [LYING, GREEDY])
def test_what_a_lying_token_does_is_counted_as_asked(purse: Purse, mode: int) -> None:
    """The contract counts what it let out. A token that takes more from who approved it needs no contract for that."""
    purse.must(purse.stranger, purse.odd, "behave", mode)
    grant = purse.known(token=str(purse.odd.address))
    assert purse.spend(grant, USDC).ok
    assert purse.spent_units(grant) == USDC // 100


def test_a_token_without_code_is_no_token(purse: Purse) -> None:
    grant = purse.known(token=str(purse.stranger))
    assert not purse.spend(grant, 1).ok
    assert purse.spent_units(grant) == 0


def test_a_token_that_re_enters_finds_nothing_half_done(purse: Purse) -> None:
    """It calls back in the middle of a spend: a second spend counts, and the same one is not paid twice."""
    token = str(purse.odd.address)
    grant = purse.known(token=token, window_cap=0, window_seconds=0, cap=3 * USDC)
    wanted, again = purse.wanted(2 * USDC), purse.wanted(2 * USDC)
    strikes = [
        purse.allowance.spendSigned.prepare_calldata(
            grant_terms(grant), spend_values(one), *purse.spend_signature(grant, one)
        )
        for one in (wanted, again)
    ]
    purse.must(purse.stranger, purse.odd, "set_hook", purse.puppet.address)
    for strike in strikes:
        with boa.env.anchor():
            purse.must(purse.stranger, purse.puppet, "arm", purse.allowance.address, strike)
            assert purse.relay(grant, wanted).ok
            assert call(purse.puppet, "struck") == 1
            assert call(purse.puppet, "landed") == 0
            assert purse.balance(purse.payee, purse.odd) == 2 * USDC
    small = purse.wanted(USDC)
    strike = purse.allowance.spendSigned.prepare_calldata(
        grant_terms(grant), spend_values(small), *purse.spend_signature(grant, small)
    )
    purse.must(purse.stranger, purse.puppet, "arm", purse.allowance.address, strike)
    assert purse.relay(grant, wanted).ok
    assert purse.spent_units(grant) == 3 * USDC // 100
    assert purse.balance(purse.payee, purse.odd) == 3 * USDC


def test_a_batch_that_is_re_entered_and_revoked_stops(purse: Purse) -> None:
    """The owner's contract revokes from inside the first payment: the rest of the batch does not come through."""
    wallet = str(purse.puppet.address)
    token = str(purse.odd.address)
    purse.must(purse.stranger, purse.odd, "mint", wallet, 10 * USDC)
    approve = purse.odd.approve.prepare_calldata(purse.allowance.address, 2**256 - 1)
    purse.must(purse.stranger, purse.puppet, "act", token, approve)
    grant = purse.grant(owner=wallet, token=token)
    purse.must(purse.stranger, purse.puppet, "sign", purse.domain.digest(grant_hash(grant)))
    purse.must(purse.stranger, purse.allowance, "register", grant_terms(grant), b"x" * 200)
    purse.must(purse.stranger, purse.odd, "set_hook", wallet)
    strike = purse.allowance.revoke.prepare_calldata(grant_hash(grant))
    purse.must(purse.stranger, purse.puppet, "arm", purse.allowance.address, strike)
    wanted = [purse.wanted(USDC) for _ in range(2)]
    many = [
        (0, one.amount, one.reference, one.nonce, one.deadline, *purse.spend_signature(grant, one))
        for one in wanted
    ]
    arguments = (grant_terms(grant), [(str(purse.payee), [])], many)
    assert send(purse.relayer, purse.allowance, "spendMany", *arguments).reason == "revoked"
    assert purse.balance(purse.payee, purse.odd) == 0


# Gas


def test_gas_griefing_never_counts_what_was_not_paid(purse: Purse) -> None:
    """Whoever submits chooses the gas. With any amount of it a spend is made whole, or not at all."""
    grant = purse.known()
    wanted = purse.wanted(USDC)
    passed = 0
    for gas in range(30_000, 130_000, 2_500):
        with boa.env.anchor():
            signed = purse.spend_signature(grant, wanted)
            arguments = (grant_terms(grant), spend_values(wanted), *signed)
            outcome = send(purse.relayer, purse.allowance, "spendSigned", *arguments, gas=gas)
            paid = purse.balance(purse.payee)
            assert (paid, purse.spent_units(grant)) == ((USDC, USDC // 100) if outcome.ok else (0, 0))
            passed += outcome.ok
    assert passed
