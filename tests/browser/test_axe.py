"""axe-core on every page, light and dark: nothing serious."""

import shutil
import subprocess
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.owners import PATIENCE_MS, PAYEE, Owner, Studio

NPM = Path(__file__).parent / "npm"
INSTALL_SECONDS = 240
SERIOUS = ("serious", "critical")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The official script. Without npm there is nothing to try, and the summary says so."""
    if shutil.which("npm") is None:
        raise SkipTest("needs npm: the pages were not looked at by axe-core")
    home = tmp_path_factory.mktemp("axe")
    shutil.copy(NPM / "package.json", home)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    assert ran.returncode == 0, ran.stderr
    return (home / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_finding(
    scheme: Any, axe: str, browser: Browser, studio: Studio, owner: Owner
) -> None:
    session_id, delegate = owner.session(
        "Papers", windows={86_400: 40}, approval_above_usdc=30, delegate="scout"
    )
    delegate.spend("15", payee=PAYEE, note="for papers").mark_signed(b"signed", "0x" + "1" * 64)
    owner.agent.pause_session(owner.session("Resting")[0])
    owner.agent.revoke_session(owner.session("Gone")[0])
    # The script of the test is none of the studio's.
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    found: list[Any] = []

    def look(where: str) -> None:
        page.evaluate(axe)
        told = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found.extend(
            (where, one["id"], [node["html"][:120] for node in one["nodes"][:3]])
            for one in told["violations"]
            if one["impact"] in SERIOUS
        )

    page.goto(f"{studio.url}/sign-in")
    look("door")
    studio.sign_in(page, owner.api_key)
    expect(page.get_by_text("Resting")).to_be_visible()
    look("sessions")
    page.get_by_role("button", name="Revoke Papers").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    look("dialog")
    for path, seen in (
        ("/", "Money at risk"),
        ("/approvals", "Nothing waits"),
        ("/alerts", "Nothing new"),
        (f"/sessions/{session_id}", "for papers"),
        (f"/sessions/{session_id}/rotate", "New keys take the place"),
        (f"/sessions/{session_id}/narrow", "It spends out of"),
        (f"/sessions/{session_id}/fund", "How much does its wallet get?"),
        (f"/sessions/{session_id}/reclaim", "It still lives"),
    ):
        page.goto(studio.url + path)
        expect(page.get_by_text(seen).first).to_be_visible()
        look(path)
    owner.agent.freeze()
    page.goto(f"{studio.url}/sessions/{session_id}")
    expect(page.get_by_text("Everything is frozen")).to_be_visible()
    look("everything is frozen")
    owner.agent.thaw()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("every hash and signature holds")).to_be_visible()
    look("audit trail")
    page.goto(f"{studio.url}/new")
    page.get_by_label("Label", exact=True).fill("Made here")
    look("purpose")
    for heading, folded in (("Limits", "More limits"), ("Where", "Services by id"), ("Money", "")):
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name=heading)).to_be_focused()
        if folded:
            page.get_by_text(folded).click()
        if heading == "Limits":
            page.get_by_role("button", name="Continue").click()
            expect(page.get_by_label("Exact price")).to_be_focused()
            look("a complaint")
            page.get_by_label("Exact price").fill("5")
        look(heading)
    page.get_by_label("Plain bundle").check()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("With this policy, last week's spends")).to_be_visible()
    look("review")
    page.get_by_role("button", name="Create session").click()
    expect(page.get_by_text("There is no wallet in this browser.")).to_be_visible()
    look("a making that failed")
    context.close()
    assert found == []
