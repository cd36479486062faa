"""Making a session in a browser, as the tests do it: owners whose wallets the studio has the key of, and the steps."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent
from valetkey.cli.dev_rpc import USDC

WORDS = "a passphrase of the tests"
MADE_MS = 60_000


class Wallets:
    """Owners with the keys of their wallets, which nobody else has."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.key = stack.wallet(1_000 * USDC)
        self.agent = BuyerAgent.register(
            self.key.to_hex(),
            f"maker-{self.key.address[2:14]}",
            base_url=stack.base_url,
            state_dir=folder / "o",
        )

    @property
    def api_key(self) -> str:
        assert self.agent.api_key is not None
        return self.agent.api_key.reveal()


def options_of(maker: Wallets, folder: Path, passphrase: str) -> tuple[str, ...]:
    """A key file, and a passphrase file where there is a keystore."""
    key, words = folder / "owner.key", folder / "passphrase"
    for file, text in ((key, maker.key.to_hex()), (words, passphrase)):
        file.write_text(text)
        file.chmod(0o600)
    return ("--key-file", str(key), *(("--passphrase-file", str(words)) if passphrase else ()))


def go_on(page: Page, heading: str) -> None:
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name=heading)).to_be_focused()


def fill_in(page: Page, label: str, budget: str = "5", handing: str = "Plain bundle") -> None:
    """Everything up to the review, of a per chain session."""
    page.get_by_label("Per chain").check()
    page.get_by_label("Label", exact=True).fill(label)
    go_on(page, "Limits")
    page.get_by_label("Budget on this chain").fill(budget)
    go_on(page, "Where")
    go_on(page, "Money")
    page.get_by_label(handing).check()
    go_on(page, "Review")


def create(page: Page) -> None:
    page.get_by_role("button", name="Create session").click()
    expect(page.get_by_role("heading", name="Your session is made")).to_be_focused(timeout=MADE_MS)


def shown_secret(page: Page, button: str) -> str:
    page.get_by_role("button", name=button).click()
    expect(page.locator("#secret")).to_be_visible()
    return page.locator("#secret").input_value()


def delegate_of(bundle: str, maker: Wallets, folder: Path, **secret: str) -> BuyerAgent:
    made = BuyerAgent(base_url=maker.stack.base_url, state_dir=folder / "delegate")
    made.init_with_session(bundle, **secret)
    return made
