"""Amounts, times and rows as people read them."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.studio.sessions import NETWORKS, NOW, session
from valetkey.core.audit import Kind
from valetkey.core.money import format_units
from valetkey.core.refusal import Code
from valetkey.studio.elements.spend_chart import points_of
from valetkey.studio.words.amounts import grouped, money, share, short_address
from valetkey.studio.words.events import facts_in_words, kind_in_words
from valetkey.studio.words.refusals import BINDING, WHY
from valetkey.studio.words.rows import row_of
from valetkey.studio.words.times import about, moment, span
from valetkey.wire.limits import WindowView
from valetkey.wire.sessions import HealthView
from valetkey.wire.spends import SpendView

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        *(("0", "0"), ("5000", "5,000"), ("12.5", "12.50"), ("0.000001", "0.000001")),
        *(("1234567.89", "1,234,567.89"), ("3.00", "3"), ("-7.5", "-7.50")),
    ],
)
def test_amounts_are_grouped_and_exact(amount: str, words: str) -> None:
    assert grouped(amount) == words


@given(st.integers(0, 10**30))
def test_no_digit_of_an_amount_is_lost(units: int) -> None:
    amount = format_units(units, 6)
    whole, _, decimals = grouped(amount).replace(",", "").partition(".")
    assert int(whole) * 10**6 + int(decimals.ljust(6, "0") or 0) == units


def test_money_always_says_its_asset() -> None:
    assert money(None) == "unlimited USDC"
    assert money("1", "ETH") == "1 ETH"


@pytest.mark.parametrize(
    ("part", "whole", "percent"),
    [
        *(("5", "10", 50), ("0", "10", 0), ("0", "0", 0), ("9.99", "10", 99), ("11", "10", 100)),
        *(("-1", "10", 0), (None, "10", None), ("1", None, None), ("1", "3", 33)),
    ],
)
def test_a_share_is_rounded_against_the_spender(
    part: str | None, whole: str | None, percent: int | None
) -> None:
    assert share(part, whole) == percent


def test_long_names_keep_both_ends() -> None:
    assert short_address("0x52908400098527886E0F7030069857D2E4169EE7") == "0x5290…9EE7"
    assert short_address("short") == "short"
    assert short_address(None) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((60, "minute"), (3_600, "hour"), (7_200, "2 hours"), (86_400, "day"), (604_800, "week")),
        *((90, "90 seconds"), (1, "second"), (2_592_000, "30 days"), (0, "0 seconds")),
    ],
)
def test_spans(seconds: int, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("after", "words"),
    [
        *(
            (0, "today 11:00"),
            (46_799, "today 23:59"),
            (46_800, "tomorrow 00:00"),
            (-86_400, "yesterday 11:00"),
        ),
        *((2 * 86_400, "Friday 11:00"), (6 * 86_400, "Tuesday 11:00"), (7 * 86_400, "2 December 11:00")),
        *((60 * 86_400, "24 January 2027 11:00"), (-30 * 86_400, "26 October 11:00")),
    ],
)
def test_moments_are_of_the_viewers_day(after: int, words: str) -> None:
    assert moment(NOW + after, NOW, BERLIN) == words


def test_about_says_roughly_how_long() -> None:
    assert [about(one) for one in (1, 59, 61, 7_300, 90_000, 200_000)] == [
        *("1 second", "59 seconds", "1 minute", "2 hours", "1 day", "2 days")
    ]


def test_a_row_has_every_figure_that_a_glance_needs() -> None:
    view = session(
        remaining_usdc="1250",
        windows=[WindowView(86_400, "100", "0")],
        status="paused",
        allowed_chains=None,
        health=HealthView(refused_last_hour=3, unknown=2, unknown_since="2026-11-25T10:00:00.000Z"),
    )
    row = row_of(view, NETWORKS, may_change=True)
    assert (row["left"], row["budget"], row["share"]) == ("1,250", "of 5,000 USDC", 25)
    assert row["windows"] == [{"name": "day", "left": "0 of 100", "share": 0}]
    assert row["unknown"] == {"count": 2, "since": NOW}
    assert row["refusals"] == 3
    assert row["chain"] == "any"
    assert row["may"] == {"pause": False, "resume": True, "revoke": True, "extend": True}
    unlimited = row_of(session(budget_usdc=None, remaining_usdc=None), NETWORKS, may_change=True)
    assert (unlimited["left"], unlimited["share"]) == ("unlimited", None)
    over = row_of(session(status="revoked"), NETWORKS, may_change=True)
    assert not any(over["may"].values())


def test_facts_are_told_with_their_asset_and_never_as_base_units_of_nothing() -> None:
    facts = {"amount": "12340000", "currency": "USDC", "payee": "0x" + "5" * 40, "hold": "h", "x": [1]}
    assert facts_in_words(facts) == "amount 12.34 USDC, payee 0x5555…5555"
    assert facts_in_words({"captured": "1"}) == "captured 1 units"
    assert facts_in_words({"captured": "1"}, "USDC") == "captured 0.000001 USDC"
    assert kind_in_words("session_created") == "Session created"
    assert all(kind_in_words(str(kind)) for kind in Kind)


def test_explanations_are_of_codes_that_exist() -> None:
    assert {*WHY, *BINDING} <= {str(code) for code in Code}


def spend(at: str, amount: str, state: str = "captured", **members: str) -> SpendView:
    return SpendView(
        spend_id="s", session_id="x", state=state, amount=amount, currency="USDC", asset="a",
        operation="payment", placed_at=at, expires_at=at, **members,
    )  # fmt: skip


def test_a_chart_ends_at_what_was_spent_and_held() -> None:
    listed = [
        spend("2026-11-25T09:00:00.000Z", "3", "held"),
        spend("2026-11-25T08:30:00.000Z", "9", "voided"),
        spend("2026-11-25T08:00:00.000Z", "5", captured="4"),
    ]
    points = points_of(session(spent_usdc="14", held_usdc="3"), listed, NOW)
    # Ten were spent before what is listed.
    assert [str(amount) for _, amount in points] == ["10", "14", "17", "17"]
    assert [at for at, _ in points] == sorted(at for at, _ in points)
    assert points[-1][0] == NOW
    assert points_of(session(), [], NOW) == []
