"""What is done to a session from its page, in the browser: rotate, narrow, fund, reclaim; who signs; and the freeze."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.owners import Owner, Studio, running_studio
from tests.browser.test_wizard import WORDS, Wallets, delegate_of, options_of, shown_secret
from tests.browser.test_wizard_wallet import BrowserWallet
from tests.fixtures_stack import RunningStack
from valetkey.cli.dev_rpc import USDC
from valetkey.sdk.errors import Unauthenticated

DONE_MS = 90_000
HOSTILE = "<img src=x onerror=alert(1)> papers"


@pytest.fixture(scope="module")
def doer(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wallets]:
    """An owner whose key the studio has."""
    made = Wallets(stack, tmp_path_factory.mktemp("doer"))
    made.agent.init_eoa_wallet(made.key)
    yield made
    made.agent.close()


@pytest.fixture(scope="module")
def doing_studio(doer: Wallets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("doing")
    with running_studio(doer.stack.base_url, folder, *options_of(doer, folder, WORDS)) as running:
        yield running


def a_session(doer: Wallets, label: str, money: int = 0, **rules: Any) -> Any:
    """With a wallet of its own and a recovery copy."""
    info = doer.agent.create_session(budget_usdc=50, expiry=3_600, label=label, **rules)
    doer.agent.keep_recovery(info)
    if money:
        doer.agent.fund_session(info, amount=money)
    return info


def at(new_page: Callable[[], Page], studio: Studio, doer: Wallets, session_id: str) -> Page:
    """The page of a session, signed in."""
    page = new_page()
    studio.sign_in(page, doer.api_key, f"/sessions/{session_id}")
    return page


def go_to(page: Page, deed: str) -> None:
    page.get_by_role("main").get_by_role("link", name=deed, exact=True).click()
    expect(page.locator("#deed-heading")).to_be_focused()
    # What speaks to a chain is loaded once.
    expect(page.locator("#said")).to_be_visible(timeout=DONE_MS)


def test_money_is_sent_from_the_page_once(
    new_page: Callable[[], Page], doing_studio: Studio, doer: Wallets
) -> None:
    info = a_session(doer, HOSTILE, 2)
    page = at(new_page, doing_studio, doer, info.session_id)
    go_to(page, "Fund")
    expect(page.get_by_role("heading", name=f"Fund {HOSTILE}")).to_be_visible()
    said = page.locator("#said")
    page.get_by_label("Amount").fill("3000")
    expect(said).to_contain_text("Your wallet has 998 USDC")
    page.get_by_label("Amount").fill("3")
    expect(said).to_contain_text("Its wallet has 2 USDC now, and 5 then; yours 995.")
    expect(said).to_contain_text("the transactions themselves cost about 0.0")
    # A double click, a second window and a reload send it once.
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_label("Amount").fill("3")
    expect(other.locator("#said")).to_contain_text("and 5 then")
    page.get_by_role("button", name="Send the money").dblclick()
    other.get_by_role("button", name="Send the money").click()
    page.wait_for_url(re.compile(r"/fund/.+"))
    page.reload()
    done = page.get_by_text("Money sent: done")
    expect(done.first).to_be_attached(timeout=DONE_MS)
    expect(
        other.get_by_text("Money sent: done").or_(other.get_by_text("done meanwhile")).first
    ).to_be_attached(timeout=DONE_MS)
    assert doer.stack.units(info.wallet_address) == 5 * USDC


def test_new_keys_by_keyboard_alone(
    new_page: Callable[[], Page], doing_studio: Studio, doer: Wallets, tmp_path: Path
) -> None:
    info = a_session(doer, "by keyboard", 4)
    page = at(new_page, doing_studio, doer, info.session_id)

    def tab_to(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if name in page.evaluate(
                "(() => { const at = document.activeElement;"
                " return [at.id, at.name, at.value, at.innerText].join(' '); })()"
            ):
                return
        raise AssertionError(f"the keyboard does not come to {name}")

    expect(page.get_by_role("link", name="Rotate", exact=True)).to_be_visible()
    tab_to("Rotate")
    page.keyboard.press("Enter")
    expect(page.locator("#deed-heading")).to_be_focused()
    expect(page.locator("#said")).to_be_visible(timeout=DONE_MS)
    tab_to("f-grace")
    page.keyboard.press("Home")
    tab_to("handing")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Plain bundle")).to_be_checked()
    said = page.locator("#said")
    expect(said).to_contain_text("The old keys end at once")
    expect(said).to_contain_text("What is in the old wallet, 4 USDC")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The new keys are made")).to_be_focused(timeout=DONE_MS)
    tab_to("Show the bundle")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Bundle: shown once")).to_be_focused()
    bundle = page.locator("#secret").input_value()
    tab_to("I have it")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The secret is gone from this page")).to_be_visible()
    page.reload()
    expect(page.get_by_text("is not shown again")).to_be_visible()
    assert bundle[-80:] not in page.content()
    with delegate_of(bundle, doer, tmp_path) as delegate:
        assert delegate.session is not None
        new = delegate.session
        assert delegate.check_spend("1", payee=doer.key.address).allowed
    assert doer.agent.get_session(info.session_id).successor_id == new.session_id
    assert (doer.stack.units(info.wallet_address), doer.stack.units(new.session_wallet or "")) == (
        0,
        4 * USDC,
    )
    with pytest.raises(Unauthenticated), delegate_of(info.serialize(), doer, tmp_path / "old") as old:
        old.check_spend("1", payee=doer.key.address)


def test_a_narrower_one_says_by_how_much_and_what_is_wider(
    new_page: Callable[[], Page], doing_studio: Studio, doer: Wallets, tmp_path: Path
) -> None:
    info = a_session(doer, "wide", per_spend_usdc=20)
    page = at(new_page, doing_studio, doer, info.session_id)
    go_to(page, "Narrow")
    page.get_by_label("Label", exact=True).fill(HOSTILE)
    page.get_by_label("Plain bundle").check()
    said = page.locator("#said")
    page.get_by_label("Budget in all").fill("60")
    expect(said).to_contain_text("wider: 60 USDC is more than this session's 50 USDC")
    page.get_by_role("button", name="Make the narrower one").click()
    expect(page.get_by_label("Budget in all")).to_be_focused()
    page.get_by_label("Budget in all").fill("5")
    page.get_by_label("At most at once").fill("2")
    expect(said).to_contain_text("In all: 5 USDC, 45 USDC less than this session's 50 USDC.")
    expect(said).to_contain_text("At a time: 2 USDC, 18 USDC less than this session's 20 USDC.")
    page.get_by_role("button", name="Make the narrower one").click()
    expect(page.get_by_role("heading", name="The narrower session is made")).to_be_focused(timeout=DONE_MS)
    bundle = shown_secret(page, "Show the bundle")
    with delegate_of(bundle, doer, tmp_path) as delegate:
        assert not delegate.check_spend("3", payee=doer.key.address).allowed
        assert delegate.check_spend("2", payee=doer.key.address).allowed
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("link", name="Look at the new one").click()
    expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    child = doer.agent.get_session(page.url.rpartition("/")[2])
    assert (child.parent_id, child.budget_usdc) == (info.session_id, "5")


def test_what_is_left_comes_home(new_page: Callable[[], Page], doing_studio: Studio, doer: Wallets) -> None:
    info = a_session(doer, "left over", 6)
    before = doer.stack.units(doer.key.address)
    page = at(new_page, doing_studio, doer, info.session_id)
    go_to(page, "Reclaim")
    expect(page.locator("#said")).to_contain_text("It still lives, so it is revoked first")
    expect(page.locator("#said")).to_contain_text("6 USDC")
    page.get_by_role("button", name="Bring it home").click()
    expect(page.get_by_role("heading", name="What was left is yours again.")).to_be_focused(timeout=DONE_MS)
    expect(page.get_by_text("6 USDC came home: ")).to_be_visible()
    assert doer.stack.units(doer.key.address) == before + 6 * USDC
    assert doer.agent.get_session(info.session_id).status == "revoked"


def test_the_wallet_in_the_browser_sends_and_brings_home(
    new_page: Callable[[], Page], studio: Studio, stack: RunningStack, tmp_path: Path
) -> None:
    owner = Wallets(stack, tmp_path)
    owner.agent.init_eoa_wallet(owner.key)
    info = a_session(owner, "by the browser")
    wallet = BrowserWallet(stack, owner.key)
    page = new_page()
    wallet.connect(page)
    studio.sign_in(page, owner.api_key, f"/sessions/{info.session_id}")
    go_to(page, "Fund")
    page.get_by_label("Amount").fill("3")
    expect(page.locator("#said")).to_contain_text("3 USDC go from your wallet")
    # Whoever says no sent nothing, and is told so.
    wallet.no = 1
    page.get_by_role("button", name="Send the money").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("You said no in the wallet.", timeout=DONE_MS)
    expect(alert).to_contain_text("No money has moved")
    expect(page.get_by_role("button", name="Leave it at that")).to_be_visible()
    # Whoever left finds it again.
    page.goto(f"{studio.url}/sessions/{info.session_id}")
    expect(page.get_by_text("Fund was begun, and is not over.")).to_be_visible()
    page.get_by_role("link", name="Go on").click()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="The money is in the session's wallet.")).to_be_focused(
        timeout=DONE_MS
    )
    assert stack.units(info.wallet_address) == 3 * USDC
    assert wallet.asked.count("eth_sendTransaction") == 2, "gas and money, once each"
    page.get_by_role("link", name="Back to the session").click()
    go_to(page, "Reclaim")
    page.get_by_role("button", name="Bring it home").click()
    expect(page.get_by_role("heading", name="What was left is yours again.")).to_be_focused(timeout=DONE_MS)
    assert (stack.units(info.wallet_address), stack.units(owner.key.address)) == (0, 1_000 * USDC)
    owner.agent.close()


def test_a_key_that_only_reads_is_offered_nothing(page: Page, studio: Studio, owner: Owner) -> None:
    session_id, _ = owner.session("Looked at")
    key = owner.agent.create_api_key("reader", scopes=["read"])
    page.context.clear_cookies()
    studio.sign_in(page, key.secret.reveal(), f"/sessions/{session_id}")
    expect(page.get_by_role("region", name="On chain")).to_contain_text("In its wallet")
    main = page.get_by_role("main")
    for name in ("Rotate", "Narrow", "Fund", "Reclaim"):
        expect(main.get_by_role("link", name=name, exact=True)).to_have_count(0)
    for name in ("Pause", "Extend", "Revoke", "Freeze"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.goto(f"{studio.url}/sessions/{session_id}/rotate")
    expect(page.get_by_text("takes one with sessions:write")).to_be_visible()


def test_everything_frozen_is_told_on_every_page_wherever_it_was_done(
    page: Page, studio: Studio, owner: Owner
) -> None:
    session_id, _ = owner.session("Stopped")
    banner = page.get_by_text("Everything is frozen")
    page.goto(f"{studio.url}/sessions/{session_id}")
    expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
    expect(banner).to_have_count(0)
    owner.agent.freeze()
    expect(banner).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/sessions", "/approvals", "/alerts", f"/sessions/{session_id}/rotate"):
        page.goto(studio.url + path)
        expect(banner).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.get_by_role("button", name="Thaw").click()
    expect(banner).to_have_count(0)
    assert owner.agent.itself().frozen_at is None
    owner.agent.freeze()
    expect(banner).to_be_visible()
    owner.agent.thaw()
    expect(banner).to_have_count(0)
