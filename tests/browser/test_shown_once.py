"""A secret is on the page once: no message to a page carries it, no second request is answered with it."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Page, Response, WebSocket, expect

from tests.browser.owners import Studio
from tests.browser.wizards import Wallets, create, delegate_of, fill_in, shown_secret


def test_no_socket_carries_it_and_none_that_comes_back_is_told_it_again(
    new_page: Callable[[], Page], making_studio: Studio, maker: Wallets, tmp_path: Path
) -> None:
    page = new_page()
    frames: list[str] = []
    taken: list[Response] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda told: frames.append(str(told)))

    page.on("websocket", listen)
    page.on("response", lambda answer: taken.append(answer) if "/once/" in answer.url else None)
    making_studio.sign_in(page, maker.api_key, "/new")
    fill_in(page, "seen once")
    create(page)
    secret = shown_secret(page, "Show the bundle")
    (answer,) = taken
    assert (answer.status, answer.request.method) == (200, "POST")
    assert answer.header_value("cache-control") == "no-store"
    assert answer.text() == secret
    # Whoever has the cookie and the address asks in vain.
    cookies = {one["name"]: one["value"] for one in page.context.cookies()}
    again = httpx.post(answer.url, cookies=cookies)
    assert (again.status_code, secret[30:60] in again.text) == (410, False)
    assert httpx.post(answer.url).status_code == 401
    # A socket that broke, and comes back to the same page, is told again what was on its way: never the secret.
    before = len(frames)
    page.evaluate("window.socket.io.engine.close()")
    page.wait_for_function("window.socket.connected")
    page.get_by_role("button", name="Light or dark").click()
    page.wait_for_function("window.did_handshake")
    assert page.locator("#secret").input_value() == secret, "it is with the browser alone"
    assert len(frames) > before
    page.reload()
    expect(page.get_by_text("is not shown again")).to_be_visible()
    assert len(frames) > 10, "pages speak over a socket"
    for part in (secret[30:60], secret[-60:-30], json.dumps(secret)[1:50]):
        assert not any(part in one for one in frames)
        assert part not in page.content()
        assert part not in making_studio.log.read_text()
    with delegate_of(secret, maker, tmp_path) as delegate:
        assert delegate.session is not None
        assert delegate.session.label == "seen once"
