"""A session's page and the approvals: what they tell, what arrives by itself, and what their buttons do."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.owners import PAYEE, Owner, Studio, row
from valetkey import BuyerAgent
from valetkey.sdk.errors import ApprovalRequired, PerSpendExceeded

NOTE = "<script>alert(1)</script> for papers"


def test_its_policy_spends_and_refusals_are_told_and_arrive_by_themselves(
    page: Page, studio: Studio, owner: Owner
) -> None:
    session_id, delegate = owner.session(
        "Papers", per_spend_usdc=20, windows={86_400: 40}, allowed_payees=[PAYEE]
    )
    page.goto(f"{studio.url}/sessions/{session_id}")
    sentence = page.get_by_text("May spend up to 50 USDC")
    expect(sentence).to_contain_text(
        "at most 40 USDC in any day, at most 20 USDC at a time, only to the payee 0x5290"
    )
    expect(page.get_by_text("Nothing was spent yet.")).to_be_visible()
    delegate.spend("15", payee=PAYEE, note=NOTE)
    spends = page.get_by_role("region", name="Spends", exact=True)
    expect(spends.get_by_role("row").nth(1)).to_contain_text("held")
    expect(spends.get_by_role("row").nth(1)).to_contain_text(NOTE)
    expect(page.get_by_role("img", name="Spent and held over time: 15 USDC of 50 USDC")).to_be_visible()
    expect(page.get_by_role("region", name="Windows")).to_contain_text("25 of 40 USDC left")
    with pytest.raises(PerSpendExceeded):
        delegate.spend("21", payee=PAYEE)
    refused = page.get_by_role("region", name="Refused lately")
    expect(refused).to_contain_text("21 USDC to 0x5290")
    expect(refused).to_contain_text("It was more than one spend may cost.")


def test_its_audit_trail_is_checked_line_by_line(page: Page, studio: Studio, owner: Owner) -> None:
    session_id, delegate = owner.session("Audited")
    delegate.spend("3", payee=PAYEE)
    page.goto(f"{studio.url}/sessions/{session_id}")
    page.get_by_role("button", name="Check").click()
    trail = page.get_by_role("region", name="Audit trail")
    expect(trail).to_contain_text("every hash and signature holds")
    expect(trail).to_contain_text("Session created")
    expect(trail).to_contain_text("amount 3 USDC")


def test_it_is_paused_resumed_extended_and_revoked(page: Page, studio: Studio, owner: Owner) -> None:
    session_id, delegate = owner.session("Handled")
    page.goto(f"{studio.url}/sessions/{session_id}")
    status = page.locator("main .page-head .status")
    page.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("active")
    page.get_by_role("button", name="Extend").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Budget in all").fill("80")
    dialog.get_by_label("Ends").select_option("1 day from now")
    dialog.get_by_role("button", name="Extend").click()
    expect(page.get_by_text("May spend up to 80 USDC")).to_be_visible()
    assert delegate.check_spend("70", payee=PAYEE).allowed
    page.get_by_role("button", name="Extend").click()
    page.get_by_role("dialog").get_by_label("Budget in all").fill("ten")
    page.get_by_role("dialog").get_by_role("button", name="Extend").click()
    expect(page.locator(".q-notification.told-bad")).to_be_visible()
    page.get_by_role("button", name="Revoke").click()
    revoke = page.get_by_role("dialog").get_by_role("button", name="Revoke")
    expect(revoke).to_be_visible()
    owner.agent.pause_session(session_id)
    expect(status).to_have_text("paused")
    revoke.click()
    expect(status).to_have_text("revoked")
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)


@pytest.mark.parametrize(
    "label",
    ["</title><script>alert(1)</script>", "`${alert(1)}`", "{{ constructor.constructor('alert(1)')() }}"],
    ids=["markup", "template", "mustache"],
)
def test_a_hostile_label_is_text_in_heading_title_and_dialog(
    label: str, page: Page, studio: Studio, owner: Owner
) -> None:
    session_id, _ = owner.session(label, delegate=label)
    page.goto(f"{studio.url}/sessions/{session_id}")
    expect(page.get_by_role("heading", name=label, exact=True)).to_be_visible()
    assert page.title() == f"{label} · Valetkey Studio"
    page.get_by_role("button", name="Extend").click()
    expect(page.get_by_role("heading", name=f"Extend {label}", exact=True)).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    # Should a text ever become an element, it does not run.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'alert(2)'}))")
    page.wait_for_load_state("networkidle")


def test_another_owners_session_is_not_there(page: Page, studio: Studio) -> None:
    for name in ("ses_" + "a" * 25, "..%2f..%2fagents", "%3Cimg%20src=x%20onerror=alert(1)%3E"):
        page.goto(f"{studio.url}/sessions/{name}")
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_a_spend_that_waits_is_approved_with_its_exact_amount_payee_and_reason(
    page: Page, studio: Studio, owner: Owner
) -> None:
    page.goto(f"{studio.url}/approvals")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    _, delegate = owner.session("Asking", approval_above_usdc=5)
    with pytest.raises(ApprovalRequired) as asked:
        delegate.spend("7.5", payee=PAYEE, note=NOTE)
    waiting = page.get_by_role("region", name="7.50 USDC for Asking")
    expect(waiting).to_contain_text(PAYEE.lower())
    expect(waiting).to_contain_text(NOTE)
    waiting.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert delegate.get_spend(asked.value.approval_id).state == "approved"


def test_alerts_are_told_until_they_were_seen(page: Page, studio: Studio, owner: Owner) -> None:
    _, delegate = owner.session(NOTE, budget=10)
    delegate.spend("6", payee=PAYEE)
    page.goto(f"{studio.url}/alerts")
    alerts = page.get_by_role("region", name="Alerts")
    expect(alerts).to_contain_text(f'The session "{NOTE}" has reached 50 % of its budget')
    delegate.spend("3", payee=PAYEE)
    expect(alerts).to_contain_text("has reached 80 %")
    while (seen := alerts.get_by_role("button", name="Seen")).count():
        left = seen.count()
        seen.first.click()
        expect(seen).to_have_count(left - 1)
    expect(page.get_by_text("Nothing new.")).to_be_visible()
    page.get_by_role("link", name="Seen ones too").click()
    expect(alerts).to_contain_text("has reached 50 %")


def pay(delegate: BuyerAgent, amount: str) -> None:
    hold = delegate.spend(amount, payee=PAYEE)
    hold.mark_signed(b"signed")
    hold.capture()


def test_the_overview_adds_up_and_leads_on(page: Page, studio: Studio, owner: Owner) -> None:
    _, delegate = owner.session("Papers", budget=40, delegate="scout")
    owner.session("Bills", budget=60)
    pay(delegate, "15")
    page.goto(f"{studio.url}/")
    tiles = page.get_by_role("list")
    expect(tiles).to_contain_text("85USDC")
    expect(page.get_by_role("region", name="by agent")).to_contain_text("15 USDC")
    expect(page.get_by_role("region", name="Sessions")).to_contain_text("Active2")
    pay(delegate, "5")
    expect(page.get_by_role("region", name="by agent")).to_contain_text("20 USDC")
    page.get_by_role("region", name="Ending").get_by_role("link", name="Papers").click()
    expect(page.get_by_role("heading", name="Papers")).to_be_visible()


def test_a_key_that_only_reads_looks_and_changes_nothing(page: Page, studio: Studio, owner: Owner) -> None:
    session_id, delegate = owner.session("Looked at")
    key = owner.agent.create_api_key("reader", scopes=["read"])
    page.context.clear_cookies()
    studio.sign_in(page, key.secret.reveal())
    expect(row(page, session_id)).to_contain_text("active")
    # Nothing is offered that the platform would refuse, for one session or for many.
    row(page, session_id).get_by_role("checkbox").check()
    expect(page.get_by_text("1 chosen")).to_be_visible()
    changing = re.compile(r"^(Revoke|Pause|Resume|Freeze)\b")
    expect(page.get_by_role("button", name=changing)).to_have_count(0)
    assert delegate.check_spend("1", payee=PAYEE).allowed
    # Taken back, it is out.
    owner.agent.revoke_api_key(key.id)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_theme_follows_the_system_until_it_is_switched(page: Page, studio: Studio, owner: Owner) -> None:
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.emulate_media(color_scheme="light")
    light = ground()
    page.emulate_media(color_scheme="dark")
    dark = ground()
    assert light != dark
    page.get_by_role("button", name="Light or dark").click()
    assert ground() == light
    page.reload()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    assert ground() == light


def test_a_phone_shows_rows_as_cards_and_scrolls_nothing_sideways(
    page: Page, studio: Studio, owner: Owner
) -> None:
    session_id, _ = owner.session("A label that is quite long, as people write them on Mondays " * 3)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/sessions", f"/sessions/{session_id}", "/approvals", "/"):
        page.goto(studio.url + path)
        expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
