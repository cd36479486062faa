"""The console while there is load: pages in a real browser, over their websockets, each opened anew now and then."""

import asyncio
import random
import time
from typing import Any

from load.asking import Meter

PATHS = {"/sessions": "tr[data-session]", "/": ".tile", "/alerts": "main", "/approvals": "main"}
"""Pages of the console, and what is there when they are."""

PATIENCE_MS = 60_000
AGAIN_SECONDS = 20.0


class Console:
    """Some pages of one browser, of one owner who is signed in."""

    def __init__(self, url: str, meter: Meter, chromium: str) -> None:
        self.opened = 0
        self.problems: list[str] = []
        self._url = url
        self._meter = meter
        self._chromium = chromium
        self._playwright: Any = None
        self._browser: Any = None
        self._pages: list[tuple[Any, str, str]] = []

    async def open(self, api_key: str) -> None:
        """Sign in, and open the pages."""
        from playwright.async_api import async_playwright

        from tests.browser.conftest import FLAGS

        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(executable_path=self._chromium, args=FLAGS)
        context = await self._browser.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        await page.goto(f"{self._url}/sign-in?next=/sessions")
        await page.get_by_label("API key").fill(api_key)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.locator("tr[data-session]").first.wait_for()
        await page.close()
        for path, there in PATHS.items():
            page = await context.new_page()
            page.on("pageerror", lambda error: self.problems.append(str(error)[:200]))
            self._pages.append((page, path, there))
            await self._load(page, path, there)

    async def run(self) -> None:
        """Keep the pages open, and open one after the other again."""
        while True:
            for page, path, there in self._pages:
                await asyncio.sleep(random.uniform(0.5, 1.5) * AGAIN_SECONDS / len(self._pages))
                began = time.perf_counter()
                try:
                    await self._load(page, path, there)
                except Exception as error:  # noqa: BLE001 - told in the report, and fails the run
                    self.problems.append(f"{path}: {type(error).__name__}")
                    continue
                self._meter.count("page of the console", time.perf_counter() - began, 200, "")
                self.opened += 1

    async def _load(self, page: Any, path: str, there: str) -> None:
        await page.goto(f"{self._url}{path}")
        await page.locator(there).first.wait_for()

    async def close(self) -> None:
        """End the browser."""
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()
