"""Money: what is an amount and what is not, exactly, and rounding that never favours the spender."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.build import ETH, FINE_USDC, USDC
from valetkey.core.errors import InvalidAmount
from valetkey.core.money import (
    CURRENCY_DECIMALS,
    DIGITS_MAX,
    Asset,
    Money,
    format_units,
    parse_units,
    rescale,
    to_decimal,
)

THIRTY = "123456789012345678901234567891"
MOST = 10**DIGITS_MAX - 1


@pytest.mark.parametrize(
    ("amount", "decimals", "units"),
    [
        ("0", 6, 0),
        ("0.0", 6, 0),
        ("00.100", 6, 100_000),
        ("0.1", 6, 100_000),
        ("50", 6, 50_000_000),
        ("0.000001", 6, 1),
        ("0.0000010", 6, 1),
        ("1.0000000000000000000000000", 6, 1_000_000),
        ("7", 0, 7),
        ("7.000", 0, 7),
        ("1", 18, 10**18),
        ("0.000000000000000001", 18, 1),
        ("1E+2", 6, 100_000_000),
        ("1e2", 6, 100_000_000),
        ("1e-6", 6, 1),
        ("1.25e1", 6, 12_500_000),
        ("1.25e-1", 6, 125_000),
        ("12.5e-2", 6, 125_000),
        ("0e30", 6, 0),
        ("1e23", 6, 10**29),
        ("0" * 59 + "1", 6, 1_000_000),
        (THIRTY, 0, int(THIRTY)),
        (THIRTY[:24] + "." + THIRTY[24:], 6, int(THIRTY)),
        (0, 6, 0),
        (50, 6, 50_000_000),
        (MOST, 0, MOST),
        (Decimal("0.1"), 6, 100_000),
        (Decimal("-0"), 6, 0),
        (Decimal("-0.000"), 6, 0),
        (Decimal("0E+30"), 6, 0),
        (Decimal("1E+2"), 6, 100_000_000),
        (Decimal("1E-6"), 6, 1),
        (Decimal("1.1000000"), 6, 1_100_000),
        (Decimal(THIRTY), 0, int(THIRTY)),
        (Decimal(THIRTY[:24] + "." + THIRTY[24:]), 6, int(THIRTY)),
    ],
)
def test_amounts_are_read_exactly(amount: Decimal | int | str, decimals: int, units: int) -> None:
    assert parse_units(amount, decimals) == units


SIGNED = "an amount is written as digits with at most one decimal point, without a sign"
DIGITS = "an amount has at most 30 digits"
NEGATIVE = "an amount is not negative"
FINITE = "an amount is a finite number"
DECIMALS = "an amount of this currency has at most 6 decimals"


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        (Decimal("NaN"), FINITE),
        (Decimal("-NaN"), FINITE),
        (Decimal("sNaN"), FINITE),
        (Decimal("NaN123"), FINITE),
        (Decimal("Infinity"), FINITE),
        (Decimal("-Infinity"), FINITE),
        (Decimal("-1"), NEGATIVE),
        (Decimal("-0.000001"), NEGATIVE),
        (Decimal("-1E-999999"), NEGATIVE),
        (Decimal("1E+999999999"), DIGITS),
        (Decimal("1E-999999999"), DIGITS),
        (Decimal("0E-999999999"), DIGITS),
        (Decimal("1E+31"), DIGITS),
        (Decimal("1E+24"), DIGITS),
        (Decimal("1" * 31), DIGITS),
        (Decimal("0.0000001"), DECIMALS),
        (Decimal("1.1234567"), DECIMALS),
        (-1, NEGATIVE),
        (10**30, DIGITS),
        (10**24, DIGITS),
        ("1" * 31, DIGITS),
        ("1" * 61, DIGITS),
        ("0" * 61, DIGITS),
        ("1e24", DIGITS),
        ("1e31", DIGITS),
        ("1e-31", DIGITS),
        ("0.0000001", DECIMALS),
        ("1e-7", DECIMALS),
        ("NaN", SIGNED),
        ("sNaN", SIGNED),
        ("Infinity", SIGNED),
        ("inf", SIGNED),
        ("-1", SIGNED),
        ("-0", SIGNED),
        ("+1", SIGNED),
        ("", SIGNED),
        (" ", SIGNED),
        (" 1", SIGNED),
        ("1 ", SIGNED),
        ("1\n", SIGNED),
        ("1 000", SIGNED),
        ("1_000", SIGNED),
        ("1,000", SIGNED),
        ("1.", SIGNED),
        (".5", SIGNED),
        ("1.2.3", SIGNED),
        ("0x10", SIGNED),
        ("1e", SIGNED),
        ("1e999999999", SIGNED),
        ("1e2.5", SIGNED),
        ("１２", SIGNED),
        ("٣", SIGNED),
        ("1\u00a0", SIGNED),
        ("1\x00", SIGNED),
    ],
    ids=lambda one: repr(one)[:24],
)
def test_what_is_no_amount_is_refused(amount: Decimal | int | str, message: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_units(amount, 6)
    assert str(caught.value) == message
    assert caught.value.code == "invalid_amount"


def test_an_integer_too_long_to_print_is_refused_before_it_is_printed() -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_units(10**5_000, 6)
    assert str(caught.value) == DIGITS


@pytest.mark.parametrize("amount", [True, False, 0.1, 1.0, float("nan"), None, b"1", [1], 1 + 0j])
def test_other_types_are_no_amounts(amount: object) -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_units(amount, 6)  # type: ignore[arg-type]
    expected = f"an amount is a number or a decimal string, not {type(amount).__name__}"
    assert str(caught.value) == expected


@pytest.mark.parametrize("precision", [2, 28, 78])
def test_the_decimal_context_of_the_thread_rounds_nothing(precision: int) -> None:
    with localcontext(prec=precision):
        assert parse_units(Decimal(THIRTY), 0) == int(THIRTY)
        assert to_decimal(int(THIRTY), 0) == Decimal(THIRTY)


@given(units=st.integers(0, MOST), decimals=st.integers(0, 24))
def test_every_amount_round_trips(units: int, decimals: int) -> None:
    text = format_units(units, decimals)
    assert parse_units(text, decimals) == units
    assert parse_units(Decimal(text), decimals) == units
    assert to_decimal(units, decimals) == Decimal(text)
    assert parse_units(to_decimal(units, decimals), decimals) == units


@given(st.text(alphabet="0123456789.eE+-_ aN\u0663", max_size=12), st.integers(0, 18))
def test_a_text_is_its_exact_value_or_refused(text: str, decimals: int) -> None:
    try:
        units = parse_units(text, decimals)
    except InvalidAmount:
        return
    assert 0 <= units <= MOST
    assert Decimal(text).scaleb(decimals) == units


@given(st.decimals(allow_nan=True, allow_infinity=True), st.integers(0, 18))
def test_a_decimal_is_its_exact_value_or_refused(amount: Decimal, decimals: int) -> None:
    try:
        units = parse_units(amount, decimals)
    except InvalidAmount:
        return
    with localcontext(prec=200):
        assert amount.scaleb(decimals) == units


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (0, 6, "0"),
        (1, 6, "0.000001"),
        (100_000, 6, "0.1"),
        (1_000_000, 6, "1"),
        (50_000_001, 6, "50.000001"),
        (-1, 6, "-0.000001"),
        (-2_500_000, 6, "-2.5"),
        (-7, 0, "-7"),
        (700, 0, "700"),
        (MOST, 18, "999999999999.999999999999999999"),
    ],
)
def test_amounts_are_written_in_the_fewest_digits(units: int, decimals: int, text: str) -> None:
    assert format_units(units, decimals) == text
    assert str(to_decimal(units, decimals)) == str(Decimal(text))


@pytest.mark.parametrize(
    ("units", "decimals", "wanted", "up", "down"),
    [
        (1, 6, 6, 1, 1),
        (1, 6, 18, 10**12, 10**12),
        (10**12, 18, 6, 1, 1),
        (1, 18, 6, 1, 0),
        (10**12 + 1, 18, 6, 2, 1),
        (10**12 - 1, 18, 6, 1, 0),
        (0, 18, 6, 0, 0),
        (-1, 18, 6, 0, -1),
    ],
)
def test_a_change_of_decimals_rounds_as_it_is_told(
    units: int, decimals: int, wanted: int, up: int, down: int
) -> None:
    assert rescale(units, decimals, wanted, up=True) == up
    assert rescale(units, decimals, wanted, up=False) == down


@given(st.integers(0, MOST), st.integers(0, 18), st.integers(0, 18))
def test_rounding_never_favours_the_spender(units: int, decimals: int, wanted: int) -> None:
    spent = rescale(units, decimals, wanted, up=True)
    limit = rescale(units, decimals, wanted, up=False)
    assert spent * 10**decimals >= units * 10**wanted >= limit * 10**decimals
    assert 0 <= spent - limit <= 1
    if wanted >= decimals:
        assert rescale(spent, wanted, decimals, up=True) == units


def test_assets_are_named_by_chain_and_contract() -> None:
    assert USDC.id == "eip155:84532/erc20:0x036cbd53842c5426634e7929541ec2318f3dcf7e"
    assert CURRENCY_DECIMALS == {"USDC": 6, "ETH": 18, "SOL": 9}


def test_money_of_one_asset_adds_up() -> None:
    assert Money(2, USDC) + Money(3, USDC) == Money(5, USDC)
    assert Money(2, USDC) - Money(3, USDC) == Money(-1, USDC)
    assert str(Money(2_500_000, USDC)) == "2.5 USDC"
    assert str(Money(1, ETH)) == "0.000000000000000001 ETH"


@pytest.mark.parametrize("other", [FINE_USDC, ETH, Asset("USDC", 8453, USDC.address, 6)])
def test_money_of_two_assets_does_not(other: Asset) -> None:
    for both in (Money.__add__, Money.__sub__):
        with pytest.raises(InvalidAmount) as caught:
            both(Money(1, USDC), Money(1, other))
        assert str(caught.value) == f"{USDC.id} and {other.id} do not add up"
