"""Making a session in the browser: what it makes can buy, nothing is lost or doubled, and the keyboard is enough."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pyrage import x25519

from tests.browser.owners import Owner, Studio, running_studio
from tests.browser.wizards import (
    MADE_MS,
    WORDS,
    Wallets,
    create,
    delegate_of,
    fill_in,
    go_on,
    options_of,
    shown_secret,
)
from valetkey import BuyerAgent


def test_what_is_made_buys_and_its_secret_is_shown_once(
    wizard: Page, making_studio: Studio, maker: Wallets, service: Any, tmp_path: Path
) -> None:
    label = "<img src=x onerror=alert(1)> trip"
    wizard.get_by_label("One-off task").check()
    wizard.get_by_label("Label", exact=True).fill(label)
    wizard.get_by_label("Agent (optional)").fill("planner-7")
    go_on(wizard, "Limits")
    wizard.get_by_label("Exact price").fill("2.60")
    go_on(wizard, "Where")
    wizard.get_by_label(service.title).check()
    go_on(wizard, "Money")
    identity = x25519.Identity.generate()
    wizard.get_by_label("Sealed to").fill(str(identity.to_public()))
    go_on(wizard, "Review")
    said = wizard.locator(".sentence")
    expect(said).to_contain_text("May spend up to 2.60 USDC on Base Sepolia until")
    expect(said).to_contain_text(f"at most 2.60 USDC at a time, only at the service {service.title}")
    expect(wizard.get_by_text(label, exact=True)).to_be_visible()
    create(wizard)
    sealed = shown_secret(wizard, "Show the sealed bundle")
    assert sealed.startswith("-----BEGIN AGE ENCRYPTED FILE-----")
    with delegate_of(sealed, maker, tmp_path, identity=str(identity)) as delegate:
        assert delegate.session is not None
        assert (delegate.session.label, delegate.session.delegate) == (label, "planner-7")
        bought = delegate.fund_and_verify(delegate.purchase(service.id))
        assert bought.status == "escrowed"
        session = delegate.session.session_id
    assert maker.agent.get_session(session).spends == 1
    # It is shown once: neither the page nor the process nor another page has it then.
    wizard.get_by_role("button", name="I have it").click()
    expect(wizard.get_by_text("The secret is gone from this page")).to_be_visible()
    assert sealed[60:120] not in wizard.content()
    wizard.reload()
    expect(wizard.get_by_text("is not shown again")).to_be_visible()
    assert wizard.get_by_role("button", name="Show the sealed bundle").count() == 0
    wizard.get_by_role("link", name="Look at it").click()
    expect(wizard).to_have_url(f"{making_studio.url}/sessions/{session}")
    # What it bought is what the next one is tried on.
    wizard.goto(f"{making_studio.url}/new")
    wizard.get_by_label("Label", exact=True).fill("too little")
    wizard.get_by_label("Agent (optional)").fill("planner-7")
    go_on(wizard, "Limits")
    wizard.get_by_label("Exact price").fill("1")
    go_on(wizard, "Where")
    go_on(wizard, "Money")
    wizard.get_by_label("Plain bundle").check()
    go_on(wizard, "Review")
    expect(wizard.get_by_text("last week's spends of planner-7: 0 pass, 1 refused.")).to_be_visible()


def test_back_refresh_and_a_double_click_lose_and_double_nothing(
    wizard: Page, maker: Wallets, making_studio: Studio
) -> None:
    label = "kept as typed"
    wizard.get_by_label("Per chain").check()
    wizard.get_by_label("Label", exact=True).fill(label)
    expect(wizard.get_by_label("Per chain")).to_be_checked()
    wizard.wait_for_timeout(400)
    wizard.reload()
    expect(wizard.get_by_label("Label", exact=True)).to_have_value(label)
    expect(wizard.get_by_label("Per chain")).to_be_checked()
    go_on(wizard, "Limits")
    wizard.get_by_label("Budget on this chain").fill("0.0000001")
    wizard.get_by_role("button", name="Continue").click()
    amount = wizard.get_by_label("Budget on this chain")
    expect(amount).to_be_focused()
    expect(amount).to_have_attribute("aria-invalid", "true")
    told = amount.get_attribute("aria-describedby") or ""
    expect(wizard.locator(f"#{told.split()[-1]}")).to_contain_text("decimal")
    amount.fill("5")
    go_on(wizard, "Where")
    wizard.go_back()
    expect(wizard.get_by_label("Budget on this chain")).to_have_value("5")
    wizard.go_forward()
    go_on(wizard, "Money")
    wizard.get_by_label("Plain bundle").check()
    go_on(wizard, "Review")
    # Another window at the same draft changes another page: both are kept.
    other = wizard.context.new_page()
    other.goto(wizard.url.replace("/review", "/what"))
    wizard.goto(wizard.url.replace("/review", "/limits"))
    other.get_by_label("Agent (optional)").fill("of the other window")
    go_on(other, "Limits")
    wizard.get_by_label("Budget on this chain").fill("6")
    for heading in ("Where", "Money", "Review"):
        go_on(wizard, heading)
    expect(wizard.get_by_text("of the other window")).to_be_visible()
    expect(wizard.locator(".sentence")).to_contain_text("up to 6 USDC")
    # A double click, a second window and a refresh in the middle make one session.
    other.goto(wizard.url)
    expect(other.get_by_role("button", name="Create session")).to_be_visible()
    wizard.get_by_role("button", name="Create session").dblclick()
    other.get_by_role("button", name="Create session").click()
    wizard.wait_for_url(re.compile("/made$"))
    wizard.reload()
    expect(wizard.get_by_role("heading", name="Your session is made")).to_be_visible(timeout=MADE_MS)
    other.close()
    assert [one.status for one in maker.agent.sessions(label=label)] == ["active"]
    # What is being made is not changed any more.
    wizard.goto(wizard.url.replace("/made", "/limits"))
    expect(wizard).to_have_url(re.compile("/made$"))


def test_a_refusal_of_the_platform_is_mended_where_it_belongs(wizard: Page, maker: Wallets) -> None:
    fill_in(wizard, "the only one")
    create(wizard)
    wizard.get_by_role("link", name="New session").click()
    expect(wizard.get_by_role("heading", name="Purpose")).to_be_visible()
    wizard.get_by_label("No other living session may have this label").check()
    fill_in(wizard, "the only one")
    wizard.get_by_role("button", name="Create session").click()
    expect(wizard.get_by_role("alert")).to_contain_text("label", timeout=MADE_MS)
    wizard.get_by_role("link", name="Change it").click()
    expect(wizard.get_by_role("heading", name="Review")).to_be_visible()
    wizard.get_by_role("link", name="Purpose").click()
    wizard.get_by_label("Label", exact=True).fill("another one")
    for heading in ("Limits", "Where", "Money", "Review"):
        go_on(wizard, heading)
    create(wizard)
    assert (
        len(maker.agent.sessions(label="the only one")) == len(maker.agent.sessions(label="another one")) == 1
    )


def test_somebody_else_s_draft_is_none(
    wizard: Page, new_page: Callable[[], Page], owner: Owner, making_studio: Studio
) -> None:
    page = new_page()
    making_studio.sign_in(page, owner.api_key)
    answer = page.goto(wizard.url)
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is no such draft")).to_be_visible()


def test_the_keyboard_is_enough(wizard: Page, maker: Wallets, tmp_path: Path) -> None:
    def press(*keys: str) -> None:
        for key in keys:
            wizard.keyboard.press(key)

    def tab_to(name: str) -> None:
        for _ in range(60):
            press("Tab")
            if name in wizard.evaluate(
                "(() => { const at = document.activeElement;"
                " return [at.id, at.name, at.value, at.innerText].join(' '); })()"
            ):
                return
        raise AssertionError(f"the keyboard does not come to {name}")

    expect(wizard.get_by_role("heading", name="Purpose")).to_be_focused()
    tab_to("template")
    press("ArrowDown", "ArrowDown")
    expect(wizard.get_by_label("Long-running")).to_be_checked()
    tab_to("f-label")
    wizard.keyboard.type("by keyboard")
    press("Enter")
    expect(wizard.get_by_role("heading", name="Limits")).to_be_focused()
    tab_to("f-daily")
    wizard.keyboard.type("3")
    press("Enter")
    expect(wizard.get_by_role("heading", name="Where")).to_be_focused()
    tab_to("Continue")
    press("Enter")
    expect(wizard.get_by_role("heading", name="Money")).to_be_focused()
    tab_to("handing")
    press("ArrowDown")
    expect(wizard.get_by_label("Bundle under a passphrase")).to_be_checked()
    press("Enter")
    expect(wizard.get_by_role("heading", name="Review")).to_be_focused()
    tab_to("Create session")
    press("Enter")
    expect(wizard.get_by_role("heading", name="Your session is made")).to_be_focused(timeout=MADE_MS)
    tab_to("passphrase")
    wizard.keyboard.type("six words that nobody else will guess")
    press("Enter")
    expect(wizard.get_by_role("heading", name="Sealed bundle: shown once")).to_be_focused()
    sealed = wizard.locator("#secret").input_value()
    with delegate_of(sealed, maker, tmp_path, passphrase="six words that nobody else will guess") as delegate:
        assert delegate.session is not None
        assert delegate.session.label == "by keyboard"
        assert [one.limit_usdc for one in delegate.session.windows] == ["3"]
    tab_to("I have it")
    press("Enter")
    expect(wizard.get_by_role("heading", name="Handed over", exact=True).last).to_be_focused()


def test_a_link_opens_once_and_an_enrolled_agent_picks_its_session_up(
    wizard: Page, maker: Wallets, service: Any, tmp_path: Path
) -> None:
    fill_in(wizard, "by link", handing="One-time link")
    create(wizard)
    link = shown_secret(wizard, "Make the link")
    with BuyerAgent(base_url=maker.stack.base_url, state_dir=tmp_path / "claimer") as claimer:
        claimer.claim(link)
        assert claimer.session is not None
        assert claimer.session.label == "by link"
        bought = claimer.fund_and_verify(claimer.purchase(service.id))
        assert bought.status == "escrowed"
    enrolling = BuyerAgent.enroll(
        "robot-1", lock="words", base_url=maker.stack.base_url, state_dir=tmp_path / "robot"
    )
    wizard.goto(wizard.url.partition("/new")[0] + "/new")
    wizard.get_by_label("Per chain").check()
    wizard.get_by_label("Label", exact=True).fill("enrolled")
    go_on(wizard, "Limits")
    wizard.get_by_label("Budget on this chain").fill("4")
    go_on(wizard, "Where")
    go_on(wizard, "Money")
    wizard.get_by_label("Enrolment code").check()
    wizard.get_by_label("Code of the enrolment").fill(enrolling.code)
    wizard.wait_for_timeout(400)
    wizard.get_by_role("button", name="Look it up").click()
    expect(wizard.get_by_text("robot-1")).to_be_visible()
    go_on(wizard, "Review")
    create(wizard)
    with enrolling.wait(timeout=30) as robot:
        assert robot.session is not None
        assert (robot.session.label, robot.session.funding_mode) == ("enrolled", "grant")
        bought = robot.fund_and_verify(robot.purchase(service.id))
        assert bought.status == "escrowed"
    assert len(maker.agent.sessions(label="enrolled")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("passphrase", [WORDS, ""], ids=["with a keystore", "without one"])
def test_a_studio_that_is_killed_goes_on_with_the_same_session(
    new_page: Callable[[], Page], maker: Wallets, tmp_path: Path, passphrase: str
) -> None:
    options = options_of(maker, tmp_path, passphrase)
    label = f"killed {bool(passphrase)}"
    place = ""
    with running_studio(maker.stack.base_url, tmp_path, *options) as studio:
        page = new_page()
        studio.sign_in(page, maker.api_key, "/new")
        expect(page.get_by_role("heading", name="Purpose")).to_be_visible()
        fill_in(page, label)
        page.get_by_role("button", name="Create session").click()
        expect(page.locator(".progress .done").first).to_be_visible(timeout=MADE_MS)
        studio.process.kill()
        place = page.url.partition("/new")[2]
    # Nothing else is known of it than what is on disk; it may have come to its end before it was killed.
    with running_studio(maker.stack.base_url, tmp_path, *options) as studio:
        page = new_page()
        studio.sign_in(page, maker.api_key, f"/new{place}")
        done = page.get_by_role("heading", name="Your session is made")
        lost = page.get_by_role("alert")
        expect(done.or_(lost)).to_be_visible(timeout=MADE_MS)
        (made,) = maker.agent.sessions(label=label)
        if lost.is_visible():
            # Its keys were in memory, and no recovery copy was made yet.
            assert not passphrase
            expect(lost).to_contain_text("nobody can use it")
            return
        with delegate_of(shown_secret(page, "Show the bundle"), maker, tmp_path) as delegate:
            assert delegate.session is not None
            assert delegate.session.session_id == made.session_id
            assert delegate.check_spend("1", payee=maker.key.address).allowed
