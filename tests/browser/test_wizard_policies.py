"""What the form says is the policy that the platform keeps: every template, every rule, every field that is wrong."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.browser.owners import PAYEE, Studio
from tests.browser.wizards import Wallets, create, go_on

BERLIN = ZoneInfo("Europe/Berlin")
"""Where the tests' browsers are."""


def midnight(now: float) -> int:
    day = datetime.fromtimestamp(now, BERLIN).date() + timedelta(days=1)
    return int(datetime(day.year, day.month, day.day, tzinfo=BERLIN).timestamp())


@pytest.mark.parametrize(
    ("title", "amounts", "seconds", "policy"),
    [
        ("One-off task", {"Exact price": "2.60"}, 3_600, ("buyer", "2.6", "2.6", [], False)),
        (
            "Multi-task",
            {"Expected purchases": "2.50, 3 x 0.75"},
            14_400,
            ("buyer", "4.75", None, [], False),
        ),
        ("Long-running", {"Daily cap": "20"}, 86_400, ("buyer", "20", None, [(86_400, "20")], False)),
        ("Daily budget", {"Budget of today": "7"}, None, ("buyer", "7", None, [], True)),
        ("Per chain", {"Budget on this chain": "5"}, 86_400, ("buyer", "5", None, [], False)),
        ("Seller", {}, 86_400, ("seller", "0", None, [], False)),
    ],
    ids=["once", "several", "long", "daily", "chain", "seller"],
)
def test_a_template_makes_the_policy_that_it_says(
    wizard: Page, maker: Wallets, title: str, amounts: dict[str, str], seconds: int | None, policy: Any
) -> None:
    label = f"as {title}"
    wizard.get_by_label(title).check()
    wizard.get_by_label("Label", exact=True).fill(label)
    go_on(wizard, "Limits")
    for field, amount in amounts.items():
        wizard.get_by_label(field, exact=True).fill(amount)
    go_on(wizard, "Where")
    go_on(wizard, "Money")
    wizard.get_by_label("Plain bundle").check()
    go_on(wizard, "Review")
    began = int(time.time())
    create(wizard)
    (made,) = maker.agent.sessions(label=label)
    windows = [(one.seconds, one.limit_usdc) for one in made.windows]
    assert (made.role, made.budget_usdc, made.per_spend_usdc, windows, made.sole_label) == policy
    assert made.allowed_chains == [maker.stack.chain_id]
    if seconds is None:
        assert made.expiry == midnight(began)
    else:
        assert began - 2 <= made.expiry - seconds <= int(time.time())


def test_whatever_a_policy_says_can_be_said(wizard: Page, maker: Wallets) -> None:
    wizard.get_by_label("Per chain").check()
    wizard.get_by_label("Label", exact=True).fill("all rules")
    go_on(wizard, "Limits")
    wizard.get_by_text("More limits", exact=True).click()
    begins = (datetime.now(BERLIN) + timedelta(hours=2)).replace(second=0, microsecond=0, tzinfo=None)
    for field, text in {
        "At most at once": "20",
        "Ask me above": "15",
        "Number of spends": "50",
        "At most, in any length of time": "30",
        "Further limits by time": "60 per day\n90.5 in any 2 weeks",
        "Begins": begins.isoformat(timespec="minutes"),
    }.items():
        wizard.get_by_label(field, exact=True).fill(text)
    wizard.get_by_label("What is given back to it may be spent again").check()
    wizard.get_by_label("No budget in all").check()
    wizard.get_by_text("Other currencies", exact=True).click()
    for currency in ("ETH", "WETH"):
        wizard.locator("summary", has_text=currency).get_by_text(currency, exact=True).click()
    for field, text in {
        "ETH in all": "0.05",
        "ETH at once": "0.01",
        "Ask me above, ETH": "0.005",
        "ETH by time": "0.02 in 6 hours",
    }.items():
        wizard.get_by_label(field, exact=True).fill(text)
    wizard.get_by_label("Any amount of WETH").check()
    go_on(wizard, "Where")
    wizard.get_by_label("Buy services").uncheck()
    wizard.get_by_label("Pay over HTTP").uncheck()
    wizard.get_by_text("Services by id, tokens").click()
    wizard.get_by_label("Only to these payees").fill(PAYEE)
    wizard.get_by_label("Only these tokens").fill("USDC\nETH")
    wizard.get_by_label("Further operations").fill("refund")
    go_on(wizard, "Money")
    # What no grant can say pays out of a wallet, and it is said why.
    expect(wizard.get_by_label("Your balance, by a grant")).to_have_count(0)
    expect(wizard.get_by_text("A grant has a cap")).to_be_visible()
    wizard.get_by_label("Plain bundle").check()
    go_on(wizard, "Review")
    said = wizard.locator(".sentence")
    expect(said).to_contain_text("May spend any amount of USDC and up to 0.05 ETH and any amount of WETH")
    expect(said).to_contain_text("asks its owner first above 15 USDC and 0.005 ETH")
    expect(wizard.get_by_text("What its wallet holds: whoever has its key")).to_be_visible()
    create(wizard)
    (made,) = maker.agent.sessions(label="all rules")
    assert (made.status, made.not_before) == ("pending", int(begins.replace(tzinfo=BERLIN).timestamp()))
    assert made.expiry - made.not_before == 86_400
    assert (made.budget_usdc, made.per_spend_usdc, made.spends_max) == (None, "20", 50)
    assert (made.approval_above_usdc, made.refunds_restore, made.funding_mode) == ("15", True, "wallet")
    assert [(one.seconds, one.limit_usdc) for one in made.windows] == [
        (3_600, "30"),
        (86_400, "60"),
        (1_209_600, "90.5"),
    ]
    ether, wrapped = made.limits
    assert (ether.currency, ether.budget, ether.per_spend, ether.approval_above) == (
        "ETH",
        "0.05",
        "0.01",
        "0.005",
    )
    assert [(one.seconds, one.limit, one.left) for one in ether.windows] == [(21_600, "0.02", "0.02")]
    assert (wrapped.currency, wrapped.budget, wrapped.windows) == ("WETH", None, [])
    assert made.allowed_operations == ["payment", "refund"]
    assert made.allowed_payees == [PAYEE.lower()]
    assert len(made.allowed_assets or []) == 2


WRONG = [
    ("Budget on this chain", "", "How much may it spend?"),
    ("Budget on this chain", "NaN", "digits with at most one decimal point"),
    ("Budget on this chain", "-5", "without a sign"),
    ("Budget on this chain", "2,50", "digits with at most one decimal point"),
    ("Budget on this chain", "0.0000001", "at most 6 decimals"),
    ("Budget on this chain", "1" + "0" * 40, "at most 30 digits"),
    ("Budget on this chain", "1e40", "at most 30 digits"),
    ("Budget on this chain", "\N{ARABIC-INDIC DIGIT FIVE}", "digits with at most one decimal point"),
    ("Budget on this chain", "0", "it could spend nothing"),
    ("Lives for", "0", "whole number"),
    ("Lives for", "2.5", "whole number"),
    ("At most at once", "much", "digits with at most one decimal point"),
    ("Number of spends", "-1", "whole number"),
    ("Length of limit 1", "x", "whole number"),
    ("Further limits by time", "20 in 6 fortnights", "“20 in 6 fortnights”: write an amount and a length"),
    ("Begins", "2020-01-01T00:00", "It would be over already"),
    ("ETH in all", "0.1234567890123456789", "at most 18 decimals"),
]
PLACES = [
    ("Only to these payees", "0x" + "0" * 40, "is the zero address, which is nobody's"),
    ("Only to these payees", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "its checksum is wrong"),
    (
        "Only to these payees",
        "<img src=x onerror=alert(1)>",
        "“<img src=x onerror=alert(1)>”: it is not an address",
    ),
    ("Only these tokens", "DOGE", "“DOGE”: "),
    ("Further operations", "Not A Word", "lower-case words"),
    ("Routers that it may swap through", "0x12", "“0x12”: it is not an address"),
    ("Contracts that it may call", f"{PAYEE}: mint all", "“mint all”"),
]


def told_at(page: Page, field: str, text: str, words: str) -> None:
    """A complaint at its field: seen, read out with it, and the keyboard is there."""
    found = page.get_by_label(field, exact=True)
    before = found.input_value()
    found.fill(text)
    page.get_by_role("button", name="Continue").click()
    expect(found).to_be_focused()
    expect(found).to_have_attribute("aria-invalid", "true")
    complaint = (found.get_attribute("aria-describedby") or "").split()[-1]
    expect(page.locator(f"#{complaint}")).to_contain_text(words)
    expect(page.locator(f"#{complaint}")).to_be_visible()
    found.fill(before)


def test_what_is_wrong_is_told_at_its_field_in_words(wizard: Page) -> None:
    label = wizard.get_by_label("Label", exact=True)
    wizard.get_by_label("Per chain").check()
    told_at(wizard, "Label", "   ", "A label has 1 to 200 characters")
    label.evaluate("(at) => at.removeAttribute('maxlength')")
    told_at(wizard, "Label", "x" * 201, "A label has 1 to 200 characters")
    label.fill("wrong fields ")
    go_on(wizard, "Limits")
    wizard.get_by_text("More limits", exact=True).click()
    wizard.get_by_text("Other currencies", exact=True).click()
    wizard.locator("summary", has_text="ETH").get_by_text("ETH", exact=True).click()
    wizard.get_by_label("Budget on this chain").fill("5")
    wizard.get_by_label("At most, in any length of time").fill("4")
    for field, text, words in WRONG:
        told_at(wizard, field, text, words)
    go_on(wizard, "Where")
    wizard.get_by_text("Services by id, tokens").click()
    for field, text, words in PLACES:
        told_at(wizard, field, text, words)
    # What is folded opens where something in it is wrong.
    wizard.get_by_label("Only to these payees").fill("nobody")
    expect(wizard.get_by_label("Only to these payees")).to_have_value("nobody")
    wizard.get_by_text("Services by id, tokens").click()
    wizard.get_by_role("button", name="Continue").click()
    expect(wizard.get_by_label("Only to these payees")).to_be_focused()


def test_a_step_that_is_skipped_is_asked_for_on_the_way(wizard: Page, making_studio: Studio) -> None:
    wizard.get_by_label("Label", exact=True).fill("in haste")
    go_on(wizard, "Limits")
    wizard.goto(wizard.url.replace("/limits", "/review"))
    expect(wizard.get_by_role("alert")).to_contain_text("How much may it spend?")
    expect(wizard.get_by_role("button", name="Create session")).to_have_count(0)
    wizard.get_by_role("link", name="Mend it").click()
    expect(wizard.get_by_label("Exact price")).to_be_focused()
    expect(wizard.get_by_label("Exact price")).to_have_attribute("aria-invalid", "true")
    answer = wizard.goto(f"{making_studio.url}/new/nothing/what")
    assert answer is not None
    assert answer.status == 404


def test_a_session_is_the_pattern_of_the_next_one(
    wizard: Page, maker: Wallets, making_studio: Studio, new_page: Callable[[], Page]
) -> None:
    made = maker.agent.create_session(
        budget_usdc=12,
        expiry=7_200,
        label="the pattern",
        delegate="planner-9",
        windows={3_600: 4},
        limits={"ETH": "0.5"},
        allowed_payees=[PAYEE],
        allowed_operations=["payment", "refund"],
    )
    wizard.goto(f"{making_studio.url}/sessions/{made.session_id}")
    wizard.get_by_role("link", name="Make one like this").click()
    expect(wizard.get_by_label("Agent (optional)")).to_have_value("planner-9")
    expect(wizard.get_by_label("Label", exact=True)).to_have_value("")
    wizard.get_by_label("Label", exact=True).fill("like it")
    go_on(wizard, "Limits")
    expect(wizard.get_by_label("Further limits by time")).to_have_value("4 in 1 hour")
    for heading in ("Where", "Money"):
        go_on(wizard, heading)
    wizard.get_by_label("Plain bundle").check()
    go_on(wizard, "Review")
    create(wizard)
    (alike,) = maker.agent.sessions(label="like it")
    (model,) = maker.agent.sessions(label="the pattern")
    for rule in (
        "budget_usdc",
        "per_spend_usdc",
        "windows",
        "limits",
        "allowed_payees",
        "allowed_operations",
    ):
        assert getattr(alike, rule) == getattr(model, rule), rule
    assert (alike.delegate, alike.allowed_chains) == ("planner-9", [maker.stack.chain_id])
    # Nothing is copied of what is not the owner's.
    wizard.goto(f"{making_studio.url}/new?like=ses_of_somebody_else")
    expect(wizard.get_by_label("Agent (optional)")).to_have_value("")
    # Both ways in from the inventory.
    wizard.goto(f"{making_studio.url}/sessions")
    wizard.get_by_role("main").get_by_role("link", name="New session").click()
    expect(wizard.get_by_role("heading", name="Purpose")).to_be_visible()
