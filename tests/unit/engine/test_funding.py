"""Which escrow pays a purchase, and which one does not."""

from dataclasses import replace

import pytest

from tests.unit.engine.purchase import AGREED, BUYER, OTHER, PAID, USDC
from valetkey.core.refusal import Code
from valetkey.engine.funding import mismatch


def test_the_agreed_escrow_is_the_one() -> None:
    assert mismatch(AGREED, PAID) is None


def test_letters_of_addresses_may_differ_in_case() -> None:
    assert (
        mismatch(AGREED, replace(PAID, buyer=BUYER.lower(), token=USDC.upper().replace("0X", "0x"))) is None
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"buyer": OTHER}, "buyer"),
        ({"seller": OTHER}, "seller"),
        ({"token": OTHER}, "token"),
        ({"locked_amount": 2_499_999}, "amount"),
        ({"locked_amount": 2_500_001}, "amount"),
        ({"platform_fee": 0}, "amount"),
    ],
)
def test_any_difference_is_a_mismatch(change: dict[str, object], rule: str) -> None:
    refused = mismatch(AGREED, replace(PAID, **change))  # type: ignore[arg-type]
    assert refused is not None
    assert refused.first.code is Code.FUNDING_MISMATCH
    assert refused.first.rule == rule
