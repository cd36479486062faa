"""Real Chromium before the studio: one picture of a page, once it is whole and nothing on it is wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from pictures.moments import NOW
from pictures.png import small

PATIENCE_MS = 30_000
ZONE = "Europe/Berlin"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
WRONG = re.compile(r"\{\{|\}\}|\[object |\b(undefined|NaN|null|[Ll]orem)\b|\{\w+\}")
"""What a page shows when something on it was not filled in."""

REST_MS = 500
AT_REST = """
([rest, patience]) => document.fonts.ready.then(() => new Promise((done) => {
  const over = () => { watching.disconnect(); done(); };
  let timer = setTimeout(over, rest);
  const watching = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(over, rest); });
  watching.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  setTimeout(over, patience);
}))
"""
"""Nothing was drawn anew for a while."""


@dataclass
class Camera:
    """Takes pictures into a folder, and remembers what was wrong on what it saw."""

    browser: Browser
    url: str
    into: Path
    wrong: list[str] = field(default_factory=list)
    taken: list[Path] = field(default_factory=list)
    cookies: Any = None

    @contextmanager
    def looking(self, scheme: Any = "light", size: Any = None) -> Iterator[Page]:
        """A page in a browser of this look, signed in when somebody was before."""
        phone = size == PHONE
        context = self.browser.new_context(
            viewport=size or DESKTOP,
            color_scheme=scheme,
            reduced_motion="reduce",
            timezone_id=ZONE,
            locale="en-GB",
            has_touch=phone,
            is_mobile=phone,
            storage_state=self.cookies,
        )
        context.clock.set_fixed_time(datetime.fromtimestamp(NOW, UTC))
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("console", lambda told: self._hear(page, told))
        page.on(
            "response",
            lambda answer: (
                self.wrong.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None
            ),
        )
        yield page
        context.close()

    def sign_in(self, page: Page, api_key: str) -> None:
        """By the form; browsers that look later are the same sitting."""
        page.goto(f"{self.url}/sign-in?next=/sessions")
        page.get_by_label("API key").fill(api_key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
        context: BrowserContext = page.context
        self.cookies = context.storage_state()

    def take(self, page: Page, name: str) -> None:
        """The window as it is, when it has come to rest."""
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.evaluate(AT_REST, [REST_MS, PATIENCE_MS])
        self._judge(page, name)
        path = self.into / f"{name}.png"
        path.write_bytes(small(self.browser, page.screenshot(animations="disabled", caret="hide")))
        self.taken.append(path)

    def _judge(self, page: Page, name: str) -> None:
        text = page.locator("body").inner_text()
        if found := WRONG.search(text):
            around = text[max(0, found.start() - 40) : found.end() + 40]
            self.wrong.append(f"{name}: {around!r}")
        for what in ("told-bad", "nicegui-error-popup"):
            if page.locator(f".{what}:visible").count():
                self.wrong.append(f"{name}: a {what}")
        if page.locator("main [role=alert]:visible").count():
            self.wrong.append(f"{name}: an alert")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            self.wrong.append(f"{name}: {wide} px wider than the window")

    def _hear(self, page: Page, told: Any) -> None:
        if told.type == "error":
            self.wrong.append(f"{page.url}: {told.text}")
