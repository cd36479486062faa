"""Signing in with the wallet in the browser (EIP-4361), and by the address that works once; and what ends with it."""

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.owners import Owner, Studio, running_studio
from tests.browser.test_wizard_wallet import BrowserWallet
from tests.e2e.processes import wait_until
from tests.fixtures_stack import RunningStack
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.keys import KeyView

PRINTED = re.compile(r"sign in once, within an hour: (http://\S+)")
CONTINUE = "Continue with your wallet"


def wallet_of(owner: Owner, stack: RunningStack) -> BrowserWallet:
    return BrowserWallet(stack, owner.agent._need_crypto())


def door(
    new_page: Callable[[], Page], studio: Studio, wallet: BrowserWallet, path: str = "/sessions"
) -> Page:
    page = new_page()
    wallet.connect(page)
    page.goto(f"{studio.url}/sign-in?next={path}")
    return page


def enter(page: Page, may: str = "look only") -> None:
    page.get_by_label(may, exact=False).first.check()
    page.get_by_role("button", name=CONTINUE).click()
    expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()


def signs_in(page: Page) -> None:
    """Until the studio has let it in; how long that lasts is another matter."""
    with page.expect_response(lambda answer: answer.url.endswith("/sign-in/wallet")) as answered:
        page.get_by_role("button", name=CONTINUE).click()
    assert answered.value.ok


def given(owner: Owner) -> list[KeyView]:
    """Keys that sign-ins gave, newest first."""
    return [one for one in owner.agent.api_keys() if one.name == "wallet sign-in"]


def test_the_wallet_signs_in_and_signing_out_ends_its_key(
    new_page: Callable[[], Page], studio: Studio, stack: RunningStack, owner: Owner
) -> None:
    owner.session("seen by its wallet")
    wallet = wallet_of(owner, stack)
    page = door(new_page, studio, wallet)
    enter(page)
    expect(page).to_have_url(f"{studio.url}/sessions")
    expect(page.get_by_text("seen by its wallet")).to_be_visible()
    assert wallet.asked == ["eth_requestAccounts", "eth_chainId", "personal_sign"]
    (key,) = given(owner)
    assert (key.scopes, key.status) == (["read"], "active")
    assert key.expires_at is not None
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "valetkey_studio"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Strict", -1)
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "aba_" not in stored + json.dumps(page.context.cookies()) + page.content()
    assert b"aba_" not in studio.log.read_bytes()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    wait_until(lambda: given(owner)[0].status == "revoked", "the end of the key")


@pytest.mark.parametrize(
    ("may", "scopes"),
    [
        ("operate: make sessions", ["read", "sessions:write"]),
        ("operate, and approve", ["read", "sessions:write", "spends:approve"]),
    ],
)
def test_the_wallet_shows_what_is_asked_for(
    new_page: Callable[[], Page],
    studio: Studio,
    stack: RunningStack,
    owner: Owner,
    may: str,
    scopes: list[str],
) -> None:
    shown: list[str] = []

    class Showing(BrowserWallet):
        def __call__(self, text: str) -> str:
            asked = json.loads(text)
            if asked["method"] == "personal_sign":
                shown.append(bytes.fromhex(asked["params"][0][2:]).decode())
            return super().__call__(text)

    key = owner.agent._need_crypto()
    enter(door(new_page, studio, Showing(stack, key)), may)
    (message,) = shown
    host = studio.url.removeprefix("http://")
    assert message.startswith(f"{host} wants you to sign in with your Ethereum account:\n{key.address}\n")
    assert f"\nURI: {stack.base_url}/api/v1/agents/sign-in\n" in message
    assert message.endswith("".join(f"\n- urn:valetkey:scope:{one}" for one in scopes))
    assert given(owner)[0].scopes == scopes


def test_signing_out_of_a_pasted_key_leaves_it(
    new_page: Callable[[], Page], studio: Studio, owner: Owner
) -> None:
    page = new_page()
    studio.sign_in(page, owner.api_key)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert [one.status for one in owner.agent.api_keys()] == ["active"]


def test_what_goes_wrong_is_said_in_words(
    new_page: Callable[[], Page], studio: Studio, stack: RunningStack, owner: Owner
) -> None:
    wallet = wallet_of(owner, stack)
    page = door(new_page, studio, wallet)
    wallet.no = 1
    page.get_by_role("button", name=CONTINUE).click()
    expect(page.get_by_role("alert")).to_have_text("You said no in the wallet.")
    # It shows one account and signs with another.
    wallet.signer = BrowserWallet(stack, PrivateKey.generate()).signer
    page.get_by_role("button", name=CONTINUE).click()
    expect(page.get_by_role("alert")).to_have_text("The wallet signed with another account than it showed.")
    stranger = door(new_page, studio, BrowserWallet(stack, PrivateKey.generate()))
    stranger.get_by_role("button", name=CONTINUE).click()
    expect(stranger.get_by_role("alert")).to_contain_text("This wallet has no account at the platform.")
    without = new_page()
    without.goto(f"{studio.url}/sign-in")
    without.get_by_role("button", name=CONTINUE).click()
    expect(without.get_by_role("alert")).to_have_text("There is no wallet in this browser.")
    assert given(owner) == []
    page.goto(f"{studio.url}/sessions")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


get = functools.partial(httpx.get, timeout=60)
post = functools.partial(httpx.post, timeout=60)


def test_another_site_makes_nobody_sign_in(studio: Studio) -> None:
    shown = get(f"{studio.url}/sign-in")
    word = re.search(r'name="form" value="([^"]+)"', shown.text)
    assert word
    cookies, origin = dict(shown.cookies), {"Origin": studio.url}
    for path in ("/sign-in/message", "/sign-in/wallet", "/sign-in/once"):
        url, fields = f"{studio.url}{path}", {"form": word[1], "may": "look", "token": "x", "address": "x"}
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            assert post(url, data=fields, cookies=cookies, headers=headers).status_code == 403
        forged = [
            post(url, data=fields, headers=origin),
            post(url, data={**fields, "form": "x"}, cookies=cookies, headers=origin),
            post(url, data={**fields, "form": ""}, cookies={"valetkey_studio_form": ""}, headers=origin),
        ]
        for answer in forged:
            assert answer.status_code == 403
            assert "no longer valid" in answer.json()["problem"]
            assert "valetkey_studio=" not in answer.headers.get("set-cookie", "")
        assert get(url, cookies=cookies).status_code == 401
        wrong = post(url, data=fields, cookies=cookies, headers=origin)
        assert wrong.status_code in (400, 401)
        assert wrong.headers["Cache-Control"] == "no-store"
        assert "set-cookie" not in wrong.headers


def test_a_sitting_that_is_over_ends_its_key_and_so_does_the_studio_s_end(
    new_page: Callable[[], Page], stack: RunningStack, owner: Owner, tmp_path: Path
) -> None:
    with running_studio(stack.base_url, tmp_path, "--idle", "5s") as brief:
        first, second = (door(new_page, brief, wallet_of(owner, stack)) for _ in range(2))
        signs_in(first)
        wait_until(lambda: [one.status for one in given(owner)] == ["revoked"], "the end of the first key")
        # It is stopped before anybody was idle.
        signs_in(second)
    assert [one.status for one in given(owner)] == ["revoked", "revoked"]


def once(studio: Studio) -> str:
    found = PRINTED.search(studio.log.read_text())
    assert found, studio.log.read_text()
    return found[1]


def test_the_printed_address_opens_the_studio_once(
    new_page: Callable[[], Page], stack: RunningStack, owner: Owner, tmp_path: Path
) -> None:
    owner.session("seen by its operator")
    key_file = tmp_path / "owner.key"
    key_file.write_text(owner.agent._need_crypto().to_hex())
    key_file.chmod(0o600)
    options = ("--key-file", str(key_file))
    with running_studio(stack.base_url, tmp_path, *options, "--print-address") as studio:
        wait_until(lambda: PRINTED.search(studio.log.read_text()) is not None, "the address")
        address = once(studio)
        token = address.partition("#")[2]
        assert len(token) == 43
        wrong = new_page()
        wrong.goto(f"{studio.url}/sign-in#{token[:-1]}x")
        expect(wrong.get_by_role("alert")).to_contain_text("This address opens nothing")
        page = new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url + str(request.headers)))
        page.goto(address)
        expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
        expect(page).to_have_url(f"{studio.url}/")
        assert [one for one in asked if token in one] == [], "neither a URL nor a Referer has it"
        page.goto(f"{studio.url}/sessions")
        expect(page.get_by_text("seen by its operator")).to_be_visible()
        (key,) = given(owner)
        assert key.scopes == ["read", "sessions:write", "spends:approve"]
        # Back, there is no address with the token any more.
        for _ in range(3):
            page.go_back()
            assert token not in page.url
        page.goto(address)
        expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
        assert token not in page.url
        second = new_page()
        second.goto(address)
        expect(second.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(second.get_by_role("alert")).to_contain_text("This address opens nothing")
        assert token not in second.url
        assert len(given(owner)) == 1
    (tmp_path / "quiet").mkdir()
    with running_studio(stack.base_url, tmp_path / "quiet", *options) as quiet:
        assert httpx.get(f"{quiet.url}/healthz", timeout=30).text == "ok"
        assert "#" not in quiet.log.read_text(), "no terminal, no token: logs are read by others"
