"""A real browser on a real studio, before the platform and the chain of this worker; a Chromium for each module."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.owners import PATIENCE_MS, Owner, Studio, new_owner, running_studio
from tests.browser.wizards import WORDS, Wallets, options_of
from tests.fixtures_stack import RunningStack
from valetkey import SellerAgent

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chromium_path() -> str:
    """The browser of this machine, as scripts/need_chromium.sh looks for it."""
    named = os.environ.get("VALETKEY_TEST_CHROMIUM")
    found = named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    assert found, "these tests need Chromium: scripts/need_chromium.sh"
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Of a module and no wider: Playwright keeps a loop in this thread, where other tests run theirs."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def studio(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running_studio(stack.base_url, tmp_path_factory.mktemp("studio")) as running:
        yield running


@pytest.fixture
def owner(stack: RunningStack, tmp_path: Path) -> Iterator[Owner]:
    made = new_owner(stack, tmp_path)
    yield made
    made.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Pages of browsers that know nothing of each other. No test passes over an error in a page's script."""
    expect.set_options(timeout=PATIENCE_MS)
    contexts, errors = [], []

    def opened() -> Page:
        context = browser.new_context(timezone_id="Europe/Berlin", viewport={"width": 1400, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}") or dialog.dismiss())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(new_page: Callable[[], Page], studio: Studio, owner: Owner) -> Page:
    """The inventory of the owner, signed in."""
    made = new_page()
    studio.sign_in(made, owner.api_key)
    return made


@pytest.fixture(scope="session")
def maker(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wallets]:
    """An owner whose key the studio has."""
    made = Wallets(stack, tmp_path_factory.mktemp("maker"))
    yield made
    made.agent.close()


@pytest.fixture(scope="session")
def making_studio(maker: Wallets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with the key of the owner's wallet, and a keystore."""
    folder = tmp_path_factory.mktemp("making")
    with running_studio(maker.stack.base_url, folder, *options_of(maker, folder, WORDS)) as running:
        yield running


@pytest.fixture(scope="session")
def service(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    wallet = stack.wallet()
    seller = SellerAgent.register(
        wallet.to_hex(),
        f"shop-{wallet.address[2:14]}",
        base_url=stack.base_url,
        state_dir=tmp_path_factory.mktemp("shop"),
    )
    seller.init_eoa_wallet(wallet.to_hex())
    yield seller.list_service(
        title=f"Stories of {wallet.address[2:8]}",
        description="One paragraph",
        category="summarization",
        price="2.50",
        price_unit="per_document",
    )
    seller.close()


@pytest.fixture
def wizard(new_page: Callable[[], Page], making_studio: Studio, maker: Wallets) -> Page:
    """The first step, signed in."""
    page = new_page()
    making_studio.sign_in(page, maker.api_key, "/new")
    expect(page.get_by_role("heading", name="Purpose")).to_be_visible()
    return page
