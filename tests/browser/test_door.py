"""Signing in and out: what a wrong key gets, what the browser holds, and what a stranger's page may do."""

import json
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.browser.owners import Owner, Studio


def test_a_wrong_key_stays_outside(new_page: Callable[[], Page], studio: Studio) -> None:
    page = new_page()
    page.goto(f"{studio.url}/sessions")
    expect(page).to_have_url(f"{studio.url}/sign-in?next=/sessions")
    page.get_by_label("Owner's API key").fill("aba_" + "0" * 64)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The platform does not know this API key.")
    page.goto(f"{studio.url}/sessions")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_right_key_comes_in_and_the_browser_holds_a_cookie_alone(
    new_page: Callable[[], Page], studio: Studio, owner: Owner
) -> None:
    page = new_page()
    studio.sign_in(page, owner.api_key)
    expect(page).to_have_url(f"{studio.url}/sessions")
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "valetkey_studio"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["expires"] == -1, "it ends with the browser"
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert owner.api_key not in stored + json.dumps(page.context.cookies()) + page.content()
    assert owner.api_key.encode() not in studio.log.read_bytes()


def test_who_signs_out_is_out_on_every_page(page: Page, studio: Studio, owner: Owner) -> None:
    other = page.context.new_page()
    other.goto(f"{studio.url}/sessions")
    expect(other.get_by_role("heading", name="Sessions")).to_be_visible()
    cookies = {one["name"]: one["value"] for one in page.context.cookies()}
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    # The cookie is worth nothing to whoever kept it.
    answer = httpx.get(f"{studio.url}/sessions", cookies=cookies, headers={"Accept": "text/html"})
    assert answer.status_code == 303


def test_another_site_can_neither_call_nor_frame(page: Page, studio: Studio) -> None:
    jar = {one["name"]: one["value"] for one in page.context.cookies()}
    for origin in ("https://evil.example", "http://localhost:1", "null"):
        answer = httpx.post(f"{studio.url}/sign-out", cookies=jar, headers={"Origin": origin})
        assert answer.status_code == 403, origin
    forged = httpx.post(
        f"{studio.url}/sign-out", cookies=jar, headers={"Origin": studio.url}, data={"form": "x"}
    )
    assert forged.status_code == 403
    rebound = httpx.get(f"{studio.url}/sessions", cookies=jar, headers={"Host": "evil.example"})
    assert rebound.status_code == 403
    shown = httpx.get(f"{studio.url}/sessions", cookies=jar)
    assert shown.status_code == 200
    policy = shown.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Cache-Control"] == "no-store"


def test_no_page_asks_anything_of_another_host(
    new_page: Callable[[], Page], studio: Studio, owner: Owner
) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    studio.sign_in(page, owner.api_key)
    expect(page.get_by_text("There are no sessions yet.")).to_be_visible()
    assert asked
    assert [one for one in asked if not one.startswith((studio.url, "data:"))] == []
