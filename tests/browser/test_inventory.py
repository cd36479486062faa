"""The inventory in a browser: what the filters find, what arrives by itself, and what a click does to a delegate."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.owners import PAYEE, Owner, Studio, row
from valetkey import BuyerAgent
from valetkey.sdk.errors import Refused, Unauthenticated

HOSTILE = "<img src=x onerror=alert(1)>"


def test_filters_find_by_label_chain_agent_and_status(page: Page, studio: Studio, owner: Owner) -> None:
    papers, _ = owner.session("Papers", delegate="scout")
    bills, _ = owner.session("Bills", delegate="desk", allowed_chains=[84532])
    elsewhere, _ = owner.session("Elsewhere", delegate="scout", allowed_chains=[1])
    everything = (papers, bills, elsewhere)

    def shows(*wanted: str) -> None:
        for one in everything:
            expect(row(page, one)).to_have_count(1 if one in wanted else 0)

    shows(*everything)
    page.get_by_role("searchbox", name="Label").fill("Papers")
    shows(papers)
    expect(page).to_have_url(f"{studio.url}/sessions?label=Papers")
    page.get_by_role("searchbox", name="Label").fill("")
    shows(*everything)
    page.get_by_role("searchbox", name="Agent").fill("scout")
    shows(papers, elsewhere)
    page.get_by_role("searchbox", name="Agent").fill("")
    page.get_by_role("combobox", name="Chain").select_option("84532")
    shows(papers, bills)
    # The view is in the URL: another tab shows the same.
    other = page.context.new_page()
    other.goto(page.url)
    expect(row(other, bills)).to_have_count(1)
    expect(row(other, elsewhere)).to_have_count(0)
    other.close()
    owner.agent.pause_session(papers)
    page.get_by_role("button", name="Paused").click()
    shows(papers)
    page.get_by_role("button", name="Clear filters").click()
    shows(*everything)
    page.get_by_role("searchbox", name="Find").fill(bills)
    shows(bills)
    page.get_by_role("searchbox", name="Find").fill("SCOU")
    shows(papers, elsewhere)
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("combobox", name="Asset").select_option("EURC")
    shows()
    page.get_by_role("combobox", name="Asset").select_option("USDC")
    shows(*everything)


def test_a_spend_made_elsewhere_appears_within_a_second(page: Page, owner: Owner) -> None:
    session_id, delegate = owner.session("Watched")
    cell = row(page, session_id).locator("td.left")
    expect(cell).to_contain_text("50 of 50 USDC")
    delegate.spend("12.34", payee=PAYEE)
    expect(cell).to_contain_text("37.66 of 50 USDC", timeout=1_000)


def test_revoked_from_the_page_the_delegates_next_call_is_answered_401(page: Page, owner: Owner) -> None:
    session_id, delegate = owner.session("Stopped")
    delegate.spend("1", payee=PAYEE)
    row(page, session_id).get_by_role("button", name="Revoke Stopped").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row(page, session_id)).to_contain_text("revoked")
    with pytest.raises(Unauthenticated):
        delegate.spend("1", payee=PAYEE)


def test_a_hostile_label_stays_text(page: Page, owner: Owner) -> None:
    session_id, _ = owner.session(HOSTILE, delegate=HOSTILE)
    expect(row(page, session_id)).to_contain_text(HOSTILE)
    row(page, session_id).get_by_role("button", name="Pause").click()
    expect(page.get_by_text(f"Paused {HOSTILE}.")).to_be_visible()
    row(page, session_id).get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("heading", name=f"Revoke {HOSTILE}?")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    assert page.locator("img").count() == 0


def test_revoke_by_keyboard_alone(page: Page, owner: Owner) -> None:
    session_id, delegate = owner.session("By hand")
    expect(row(page, session_id)).to_have_count(1)
    target = "Revoke By hand"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == target:
            break
    else:
        pytest.fail("no Tab reaches the button")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    # Escape says no, and the focus is where it was.
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row(page, session_id).get_by_role("button", name=target)).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Revoke")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, session_id)).to_contain_text("revoked")
    with pytest.raises(Unauthenticated):
        delegate.spend("1", payee=PAYEE)


def test_several_are_revoked_after_one_question(page: Page, owner: Owner) -> None:
    crowd = [owner.session(f"Crowd {number}") for number in range(3)]
    ids = [session_id for session_id, _ in crowd]
    kept, _ = owner.session("Kept")
    expect(row(page, kept)).to_have_count(1)
    # At once, before the studio has answered the first of them: none is lost.
    page.evaluate(
        "(ids) => ids.forEach((id) => document.querySelector(`tr[data-session='${id}'] input`).click())", ids
    )
    page.get_by_text("3 chosen").locator("..").get_by_role("button", name="Revoke").click()
    revoke = page.get_by_role("dialog").get_by_role("button", name="Revoke 3")
    expect(revoke).to_be_visible()
    # What happens meanwhile is drawn below the dialog, and does not take it away.
    crowd[0][1].spend("1", payee=PAYEE)
    expect(row(page, ids[0])).to_contain_text("49 of 50 USDC")
    revoke.click()
    for one in ids:
        expect(row(page, one)).to_contain_text("revoked")
    expect(row(page, kept)).to_contain_text("active")


def test_freezing_everything_takes_two_steps_and_says_how_long_it_took(page: Page, owner: Owner) -> None:
    session_id, delegate = owner.session("Frozen")
    expect(row(page, session_id)).to_contain_text("active")
    page.get_by_role("button", name="Freeze").click()
    page.get_by_role("dialog").get_by_role("button", name="Freeze everything").click()
    expect(page.get_by_text("1 active sessions stopped")).to_contain_text("ms to effect")
    expect(row(page, session_id)).to_contain_text("paused")
    assert not delegate.check_spend("1", payee=PAYEE).allowed


def test_what_was_refused_and_is_unknown_is_told_also_of_before_anybody_looked(
    new_page: Callable[[], Page], studio: Studio, owner: Owner
) -> None:
    """Both are the platform's to know: this owner signs in only now, and another row has none of it."""
    session_id, delegate = owner.session("Knocks", budget=5)
    quiet, _ = owner.session("Quiet")
    for _ in range(3):
        assert refusal_of(delegate) == "budget_exceeded"
    paid = delegate.spend("1", payee=PAYEE)
    paid.mark_signed(b"signed elsewhere")
    page = new_page()
    studio.sign_in(page, owner.api_key)
    expect(row(page, session_id).locator("td.number")).to_have_text("3")
    expect(row(page, session_id).locator("td", has_text="ago")).to_contain_text("1, ")
    expect(row(page, quiet).locator("td.number")).to_have_text("–")
    assert refusal_of(delegate) == "budget_exceeded"
    expect(row(page, session_id).locator("td.number")).to_have_text("4")
    page.goto(f"{studio.url}/sessions/{session_id}")
    expect(page.get_by_role("listitem").filter(has_text="spends in the last hour")).to_contain_text("4")
    expect(page.get_by_role("listitem").filter(has_text="Not proven")).to_contain_text("1")
    page.goto(f"{studio.url}/")
    expect(page.get_by_text("Most in the last hour").locator("..")).to_contain_text("Knocks")


def refusal_of(delegate: BuyerAgent) -> str:
    with pytest.raises(Refused) as told:
        delegate.spend("50", payee=PAYEE)
    return told.value.code


def test_views_are_saved_by_name_and_a_hostile_name_stays_text(
    page: Page, studio: Studio, owner: Owner
) -> None:
    near, delegate = owner.session("Nearly spent", budget=10)
    calm, _ = owner.session("Calm")
    delegate.spend("9", payee=PAYEE)
    views = page.locator(".views-menu > summary")
    views.click()
    page.get_by_role("link", name="Needs attention").click()
    expect(row(page, near)).to_have_count(1)
    expect(row(page, calm)).to_have_count(0)
    page.goto(f"{studio.url}/sessions?label=Calm")
    expect(row(page, near)).to_have_count(0)
    views.click()
    page.get_by_role("textbox", name="Name of this view").fill(HOSTILE)
    page.get_by_role("button", name="Save").click()
    page.goto(f"{studio.url}/sessions")
    expect(row(page, near)).to_have_count(1)
    views.click()
    page.get_by_role("link", name=HOSTILE).click()
    expect(page).to_have_url(f"{studio.url}/sessions?label=Calm")
    expect(row(page, calm)).to_have_count(1)
    assert page.locator("img").count() == 0
    views.click()
    page.get_by_role("button", name=f"Forget view {HOSTILE}").click()
    expect(page.get_by_role("link", name=HOSTILE)).to_have_count(0)
