"""What closed pages leave behind in the studio: nothing. And the studio without any network but loopback."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.owners import Owner, running_studio
from tests.e2e.processes import wait_until
from tests.fixtures_stack import RunningStack

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_closed_pages_leave_no_listener_and_no_task(
    stack: RunningStack, owner: Owner, new_page: Callable[[], Page], tmp_path: Path
) -> None:
    session_id, _ = owner.session("Left")
    told = tmp_path / "held.json"
    module = ("-m", "tests.browser.counting", stack.base_url, str(tmp_path / "home"), str(told))
    with running_studio(stack.base_url, tmp_path, command=module) as studio:

        def held() -> Any:
            told.unlink(missing_ok=True)
            os.kill(studio.process.pid, signal.SIGUSR1)
            wait_until(told.exists, "the figures")
            return json.loads(told.read_text())

        page = new_page()
        studio.sign_in(page, owner.api_key)
        expect(page.get_by_text("Left", exact=True)).to_be_visible()
        before = held()
        others = []
        for path in ("/sessions", f"/sessions/{session_id}", "/approvals", "/"):
            other = page.context.new_page()
            other.goto(studio.url + path)
            expect(other.get_by_text("Live", exact=True)).to_be_visible()
            others.append(other)
        wait_until(lambda: held()["listeners"] > before["listeners"] + 3, "the listeners of four pages")
        for other in others:
            other.close()
        wait_until(lambda: held() == before, f"what was held before: {before}")


@pytest.mark.slow
def test_who_does_nothing_is_signed_out_on_the_page_too(
    stack: RunningStack, owner: Owner, new_page: Callable[[], Page], tmp_path: Path
) -> None:
    with running_studio(stack.base_url, tmp_path, "--idle", "4s") as studio:
        page = new_page()
        studio.sign_in(page, owner.api_key)
        cookies = {one["name"]: one["value"] for one in page.context.cookies()}
        expect(page.get_by_text("nobody was here for a while")).to_be_visible()
        answer = httpx.get(f"{studio.url}/sessions", cookies=cookies, headers={"Accept": "text/html"})
        assert answer.status_code == 303


@pytest.mark.slow
def test_the_whole_suite_passes_where_loopback_is_the_only_network() -> None:
    unshare = shutil.which("unshare")
    assert unshare, "this needs unshare (util-linux), and a system that lets it make a network of its own"
    ran = subprocess.run(
        [
            *(unshare, "--map-root-user", "--net", sys.executable, "-m", "tests.browser.alone"),
            *("-q", "-p", "no:cacheprovider", "-m", "not slow", "tests/browser"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
    )
    assert ran.returncode == 0, ran.stdout[-4_000:] + ran.stderr[-2_000:]
