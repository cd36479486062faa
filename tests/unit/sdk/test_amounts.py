"""Amounts at the outermost door: what people mean, exactly, or nothing."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.errors import InvalidAmount
from valetkey.core.money import format_units
from valetkey.sdk.amounts import usdc_of, usdc_units


@pytest.mark.parametrize(
    ("amount", "units"),
    [(50, 50_000_000), (0, 0), (0.1, 100_000), (0.3, 300_000), ("0.1", 100_000), (Decimal("2.5"), 2_500_000),
     (1e-6, 1), (1e6, 10**12), ("1e3", 10**9), (0.0, 0), (-0.0, 0), (2.50, 2_500_000), (1.005, 1_005_000)],
)  # fmt: skip
def test_amounts_as_they_are_written(amount: Any, units: int) -> None:
    assert usdc_units(amount) == units
    assert usdc_of(amount) == Decimal(format_units(units, 6))


@pytest.mark.parametrize(
    "amount",
    [float("nan"), float("inf"), float("-inf"), True, False, -1, -0.1, "-1", "+1", "0.0000001", 0.1 + 0.2, 1e-7, 1e40,
     10**40, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e999999"), "1e999", "", " 1", "1,5", "1_0",
     "\u0661", "0x10", None, [], b"1", 1j],
)  # fmt: skip
def test_what_is_no_amount(amount: Any) -> None:
    for ask in (usdc_units, usdc_of):
        with pytest.raises(InvalidAmount):
            ask(amount)


@given(st.integers(0, 10**24 - 1))
def test_every_amount_of_base_units_comes_back(units: int) -> None:
    assert usdc_units(format_units(units, 6)) == units
    assert usdc_units(usdc_of(format_units(units, 6))) == units


@given(st.floats(0, 1e9).map(lambda amount: round(amount, 6)))
def test_a_float_counts_as_it_prints(amount: float) -> None:
    assert usdc_units(amount) == int(Decimal(str(amount)) * 10**6)
