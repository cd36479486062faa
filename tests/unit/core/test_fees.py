"""The fee: 2 % on top of the price, and the escrow's split gives the price back to the last base unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.fees import FEE_BPS, escrow_split, platform_fee

SUBTOTALS = st.one_of(st.integers(0, 10_000), st.integers(0, 10**30), st.integers(0, 2**256 - 1))


@pytest.mark.parametrize(
    ("subtotal", "fee"),
    [
        (0, 0),
        (1, 0),
        (49, 0),
        (50, 1),
        (51, 1),
        (99, 1),
        (100, 2),
        (101, 2),
        (2_500_000, 50_000),
        (10_000_000, 200_000),
        (10**30, 2 * 10**28),
    ],
)
def test_the_fee_is_a_fiftieth_rounded_down(subtotal: int, fee: int) -> None:
    assert platform_fee(subtotal) == fee
    assert escrow_split(subtotal + fee) == (subtotal, fee)


def test_the_rate_is_two_percent() -> None:
    assert FEE_BPS == 200


def test_the_split_gives_every_small_subtotal_back() -> None:
    for subtotal in range(20_000):
        assert escrow_split(subtotal + platform_fee(subtotal)) == (subtotal, platform_fee(subtotal))


@given(SUBTOTALS)
def test_the_split_gives_every_subtotal_back(subtotal: int) -> None:
    fee = platform_fee(subtotal)
    assert fee == subtotal // 50
    assert escrow_split(subtotal + fee) == (subtotal, fee)


@given(SUBTOTALS)
def test_a_split_loses_nothing(amount: int) -> None:
    locked, fee = escrow_split(amount)
    assert locked + fee == amount
    assert 0 <= fee <= locked // 50 + 1
    assert (fee == 0) is (amount < 51)


@given(SUBTOTALS, st.integers(0, 10**12))
def test_more_never_costs_less(subtotal: int, more: int) -> None:
    assert platform_fee(subtotal + more) >= platform_fee(subtotal)
    assert escrow_split(subtotal + more)[0] >= escrow_split(subtotal)[0]
