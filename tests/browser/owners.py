"""A studio as a process, and owners with sessions for it to show."""

import contextlib
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.processes import wait_until
from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent
from valetkey.crypto.keys import PrivateKey

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 15_000
STOP_SECONDS = 20
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
COMMAND = ("-m", "valetkey", "studio", "--port", "0", "--stop-with-stdin")
TOLD = re.compile(r"studio at (http://\S+)")


@dataclass
class Studio:
    """A running `valetkey studio`, and what it wrote."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def sign_in(self, page: Page, api_key: str, path: str = "/sessions") -> None:
        """By the form, as people do; then to a page."""
        page.goto(f"{self.url}/sign-in?next={path}")
        page.get_by_label("Owner's API key").fill(api_key)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()


@contextlib.contextmanager
def running_studio(
    base_url: str, folder: Path, *options: str, command: Sequence[str] = COMMAND
) -> Iterator[Studio]:
    """Start one on a free port; it ends with us."""
    environment = {name: one for name, one in os.environ.items() if not name.startswith("VALETKEY_")}
    environment |= {"VALETKEY_BASE_URL": base_url, "VALETKEY_HOME": str(folder / "home")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    log = folder / "studio.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, *command, *options],
            stdin=subprocess.PIPE,
            stdout=written,
            stderr=written,
            env=environment,
            cwd=folder,
        )
    assert process.stdin is not None
    try:
        wait_until(lambda: TOLD.search(log.read_text()) or process.poll() is not None, "the studio's address")
        told = TOLD.search(log.read_text())
        assert told, log.read_text()
        yield Studio(process, told[1], log)
    finally:
        process.stdin.close()
        process.wait(STOP_SECONDS)


@dataclass
class Owner:
    """An owner, and the delegates of its sessions."""

    agent: BuyerAgent
    folder: Path
    delegates: list[BuyerAgent] = field(default_factory=list)

    @property
    def api_key(self) -> str:
        assert self.agent.api_key is not None
        return self.agent.api_key.reveal()

    def session(self, label: str | None = None, budget: Any = 50, **rules: Any) -> tuple[str, BuyerAgent]:
        """A session and its delegate, in a place of its own."""
        info = self.agent.create_session(budget_usdc=budget, expiry=3600, label=label, **rules)
        delegate = BuyerAgent(
            base_url=self.agent._base_url, state_dir=self.folder / f"delegate-{len(self.delegates)}"
        )
        delegate.init_with_session(info.serialize())
        self.delegates.append(delegate)
        return info.session_id, delegate

    def close(self) -> None:
        for one in (*self.delegates, self.agent):
            one.close()


def new_owner(stack: RunningStack, folder: Path) -> Owner:
    """Registered with a wallet of its own, empty: what is shown is asked of the gate, not of the chain."""
    wallet = PrivateKey.generate()
    agent = BuyerAgent.register(
        wallet.to_hex(),
        f"watched-{uuid.uuid4().hex[:12]}",
        base_url=stack.base_url,
        state_dir=folder / "owner",
    )
    agent.init_eoa_wallet(wallet.to_hex())
    return Owner(agent, folder)


def row(page: Page, session_id: str) -> Locator:
    """The row of a session in the inventory."""
    return page.locator(f'tr[data-session="{session_id}"]')
