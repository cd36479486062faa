"""Freeze everything: two steps, and how long it took until no session bought any more."""

import time

from valetkey.studio.elements.dialogs import close, dialog
from valetkey.studio.elements.html import button, div, paragraph
from valetkey.studio.page import Page


async def ask_to_freeze(page: Page) -> None:
    """The second step is a button of its own; thawing is in the same place."""
    with dialog("Freeze every session?") as asked:
        paragraph(
            "No session of this owner buys anything from now on, those that are made meanwhile neither."
            " What was bought goes its way. Nothing is lost: they go on when you thaw them."
        )
        paragraph(
            "The key of a session's own wallet can still sign on chain: revoke a session that is in wrong hands, and"
            " reclaim its money.",
            "quiet small",
        )
        with div("buttons"):
            button("Cancel", lambda: asked.submit(""), autofocus=True)
            button("Thaw", lambda: asked.submit("thaw"))
            button("Freeze everything", lambda: asked.submit("freeze"), kind="danger full", drawn="freeze")
    answer = await asked
    close(asked)
    if answer == "freeze":
        await page.doing(_freeze(page))
        page.owner.standing.look()
    elif answer == "thaw":
        await thaw(page)


async def thaw(page: Page) -> None:
    """Let all go on."""
    await page.doing(_thaw(page))
    page.owner.standing.look()


async def _freeze(page: Page) -> None:
    before = (await page.agent.list_sessions(status="active", limit=1)).total
    began = time.perf_counter()
    await page.agent.freeze()
    milliseconds = round((time.perf_counter() - began) * 1_000)
    after = (await page.agent.list_sessions(status="active", limit=1)).total
    if after:
        page.tell(f"Frozen in {milliseconds} ms, but {after} sessions are active again.", bad=True)
        return
    page.tell(f"Frozen: {before} active sessions stopped, {milliseconds} ms to effect.")


async def _thaw(page: Page) -> None:
    await page.agent.thaw()
    page.tell("Thawed: sessions go on; one that was paused by itself stays paused.")
