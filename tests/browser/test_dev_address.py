"""`valetkey dev` from end to end: the address that it prints opens its console as the owner that it made, once."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.processes import arguments, descendants
from tests.fixtures_stack import start_stack
from valetkey import BuyerAgent


def test_the_address_that_dev_prints_shows_the_owner_s_sessions_once(
    new_page: Callable[[], Page], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    running = start_stack("--data", str(data), studio=True)
    try:
        address = running.studio_sign_in
        assert address is not None
        assert running.studio_url is not None
        assert address.startswith(f"{running.studio_url}/sign-in#")
        page = new_page()
        page.goto(address)
        expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
        place = {"base_url": running.base_url, "state_dir": tmp_path / "agent"}
        with BuyerAgent.sign_in(running.owner_key, scopes=["sessions:write", "keys:read"], **place) as agent:
            made = agent.create_session(budget_usdc=3, expiry=600, label="made by the owner of dev")
            listed = {one.name: one.status for one in reversed(agent.api_keys())}
            agent.sign_out()
        assert listed == {"registration": "revoked", "wallet sign-in": "active"}, "no key is left over"
        page.get_by_role("link", name="Sessions").first.click()
        expect(page.locator(f'tr[data-session="{made.session_id}"]')).to_be_visible()
        second = new_page()
        second.goto(address)
        expect(second.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(second.get_by_role("alert")).to_contain_text("This address opens nothing any more")
        token = address.partition("#")[2]
        written = [one for one in data.rglob("*") if one.is_file() and token.encode() in one.read_bytes()]
        assert written == [], "in no file, and in no log"
        below = descendants(running.process.pid)
        assert [pid for pid in below if token.encode() in arguments(pid)] == []
    finally:
        running.stop()
    # The same owner again, who is registered already.
    again = start_stack("--data", str(data), studio=True)
    try:
        assert again.owner_key == running.owner_key
        assert again.studio_sign_in is not None
        assert again.studio_sign_in.partition("#")[2] != token
        page = new_page()
        page.goto(again.studio_sign_in)
        expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
    finally:
        again.stop()
