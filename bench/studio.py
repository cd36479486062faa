"""The console before many sessions: how soon its pages are there, how soon a filter answers, and what they hold.

A real platform, a real studio and a real browser, all on this machine; and beside them the platform's own answers.
"""

import asyncio
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.accounts import add_owner, add_session
from bench.result import Result
from bench.servers import platform, studio
from bench.sessions import LABELS, fill
from valetkey.stores.sqlite import open_store

PAINT_MS_MOST, FILTER_MS_MOST, TYPED_MS_MOST, PAGES_MB_MOST = 1_000, 300, 700, 250
OPEN_PAGES = 20
SUMS_MOST = 10
"""Looks at the overview: it adds up everything, and takes its time."""
PATIENCE_MS = 60_000
KEY = "aba_" + "5e" * 32
ROWS = "tr[data-session]"

FIRST_PAINT = """
(() => {
  const look = () => {
    if (!document.querySelector(window.benchLooksFor)) return requestAnimationFrame(look);
    // What is there in one frame is seen in the next one.
    requestAnimationFrame(() => setTimeout(() => { window.benchSeen = performance.now(); }));
  };
  requestAnimationFrame(look);
})();
"""

ANSWERED = """
([act, value, fits]) => new Promise((done) => {
  const began = performance.now();
  const rows = () => [...document.querySelectorAll("tr[data-session]")];
  const look = () => {
    if (performance.now() - began > 30000) return done(null);
    const found = rows();
    const fit = (row) => fits === "status"
      ? row.querySelector(".status")?.classList.contains(value)
      : row.querySelector(".label")?.textContent.includes(value);
    if (!found.length || !found.every(fit)) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
  };
  if (act === "status") {
    const words = value[0].toUpperCase() + value.slice(1);
    [...document.querySelectorAll("button[aria-pressed]")].find((one) => one.textContent.trim() === words).click();
  } else {
    const field = document.querySelector("input[name=find]");
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (act === "enter") field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  }
  look();
})
"""


def results(many: int, loads: int, filters: int) -> list[Result]:
    """Everything; without a browser what the platform answers alone."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as held:
        folder = Path(name)
        database = folder / "platform.db"
        asyncio.run(_owner(database))
        fill(database, many)
        port, _ = held.enter_context(platform(str(database), folder))
        told, floors = _of_the_platform(port, many, loads)
        chromium = _chromium()
        if chromium is None:
            print(
                "studio: no Chromium here, so nothing was measured in a browser", file=sys.stderr, flush=True
            )
            return told
        door, pid = held.enter_context(studio(port, folder))
        return [*told, *_in_a_browser(chromium, door, pid, many, loads, filters, floors)]


async def _owner(database: Path) -> None:
    store = open_store(database)
    await add_session(store, await add_owner(store, KEY))
    await store.close()


# Without a browser


def _of_the_platform(port: int, many: int, rounds: int) -> tuple[list[Result], dict[str, float]]:
    """The requests behind the pages, asked one after the other over one connection; and the p50 of each in ms."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(path: str) -> None:
        connection.request("GET", path, headers={"X-API-Key": KEY})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)

    page = "/api/v1/agents/sessions?" + urlencode({"limit": 25})
    asked = {
        "list": page,
        "by status": page + "&status=revoked",
        "by words": page + "&search=label+77",
        "overview": "/api/v1/overview",
    }
    found: list[Result] = []
    floors: dict[str, float] = {}
    for what, path in asked.items():
        times = _times(lambda path=path: ask(path), min(rounds, SUMS_MOST) if what == "overview" else rounds)  # type: ignore[misc]
        floors[what] = statistics.median(times)
        found += _told(f"platform over HTTP, {many:,} sessions, {what}", times)
    connection.close()
    return found, floors


def _times(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds; the first one warms up."""
    work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return times


# In a browser


def _chromium() -> str | None:
    """The browser of this machine; None where there is none."""
    from tests.browser.conftest import chromium_path

    try:
        return chromium_path()
    except AssertionError:
        return None


def _in_a_browser(
    chromium: str, door: int, pid: int, many: int, loads: int, filters: int, floors: dict[str, float]
) -> list[Result]:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import FLAGS

    url = f"http://127.0.0.1:{door}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"{url}/sign-in?next=/sessions")
        # Somebody is signed in and no page is open: what pages hold is what is more than that.
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.locator(ROWS).first.wait_for()
        found = [
            *_painted(
                page, f"{url}/sessions", ROWS, f"inventory of {many:,} sessions", loads, floors["list"]
            ),
            *_painted(
                page,
                f"{url}/",
                ".tile",
                f"overview of {many:,} sessions",
                min(loads, SUMS_MOST),
                floors["overview"],
            ),
            *_filtered(page, f"{url}/sessions", many, filters, floors),
        ]
        page.close()
        found += _held(context, f"{url}/sessions", pid, many)
        browser.close()
    return found


def _painted(page: Any, address: str, what: str, name: str, loads: int, floor: float) -> list[Result]:
    """From the start of the navigation until the first of what is looked for is on the screen."""
    page.add_init_script(f"window.benchLooksFor = {what!r};{FIRST_PAINT}")
    times = []
    for _ in range(loads + 1):
        page.goto(address)
        page.wait_for_function("window.benchSeen")
        times.append(page.evaluate("window.benchSeen"))
    return _told(f"{name}, first paint", times[1:], PAINT_MS_MOST, floor)


def _filtered(page: Any, address: str, many: int, rounds: int, floors: dict[str, float]) -> list[Result]:
    """From the click, or the key, until only rows that fit are on the screen. Each round changes what is seen."""
    page.goto(address)
    page.locator(ROWS).first.wait_for()

    def answers(act: str, values: list[str], fits: str) -> list[float]:
        found = [page.evaluate(ANSWERED, [act, value, fits]) for value in values]
        assert None not in found, f"{act}: rows that fit never came"
        return found

    statuses = [("active", "revoked")[number % 2] for number in range(1, rounds + 1)]
    words = [f"label {1 + number * 7 % min(LABELS - 1, many - 1)}" for number in range(1, rounds + 1)]
    by_status = answers("status", statuses, "status")
    page.goto(address)
    page.locator(ROWS).first.wait_for()
    entered = answers("enter", words, "label")
    typed = answers("type", list(reversed(words))[1:], "label")
    name = f"inventory of {many:,} sessions"
    return [
        *_told(f"{name}, a status chosen", by_status, FILTER_MS_MOST, floors["by status"]),
        *_told(f"{name}, Find and Enter", entered, FILTER_MS_MOST, floors["by words"]),
        *_told(f"{name}, Find while typing", typed, TYPED_MS_MOST, floors["by words"]),
    ]


def _held(context: Any, address: str, pid: int, many: int) -> list[Result]:
    """Memory of the studio's process with open pages of one owner, beside it with none."""
    time.sleep(5)
    bare = _megabytes(pid)
    pages = []
    for _ in range(OPEN_PAGES):
        page = context.new_page()
        page.goto(address)
        page.locator(ROWS).first.wait_for()
        pages.append(page)
    time.sleep(2)
    full = _megabytes(pid)
    for page in pages:
        page.close()
    name = f"memory of a studio, {OPEN_PAGES} open inventories of {many:,} sessions"
    note = f"resident {full['Rss']:.0f} MB; with none {bare['Pss']:.0f} and {bare['Rss']:.0f} MB"
    return [Result(name, full["Pss"], "MB", bare["Pss"], most=PAGES_MB_MOST, note=note, judges_value=True)]


def _megabytes(pid: int) -> dict[str, float]:
    """The process's share of memory, and all that is resident of it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return {
        one.split(":")[0]: int(one.split()[1]) / 1024 for one in lines if one.startswith(("Pss:", "Rss:"))
    }


def _told(
    name: str, times: list[float], most: float | None = None, floor: float | None = None
) -> list[Result]:
    middle, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    note = "" if floor is None else "the floor is the platform's answer alone"
    return [
        Result(f"{name}, p50", middle, "ms", floor, most=most, note=note, judges_value=True),
        Result(f"{name}, p95", slow, "ms"),
    ]
