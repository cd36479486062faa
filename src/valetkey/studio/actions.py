"""What an operator does to sessions: pause, resume, revoke, one or many, and what is asked before."""

import asyncio
from collections.abc import Sequence

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.dialogs import close, dialog, sure
from valetkey.studio.elements.fields import Field
from valetkey.studio.elements.html import Tag, button, div, paragraph, span
from valetkey.studio.page import Page
from valetkey.wire.sessions import SessionView

AT_ONCE = 4
REVOKE = (
    "For ever: it buys nothing any more and its token opens nothing, and so for everything that was made out of it."
    " The key of its own wallet can still sign on chain until the wallet is swept: reclaim what is in it."
)


async def act(page: Page, action: str, session_id: str, name: str) -> bool:
    """One action on one session; whether it was done."""
    if action == "pause":
        done = await page.doing(page.agent.pause_session(session_id))
        told = f"Paused {name}."
    elif action == "resume":
        done = await page.doing(page.agent.resume_session(session_id))
        told = f"{name} goes on."
    elif action == "revoke":
        if not await sure(f"Revoke {name}?", REVOKE, "Revoke"):
            return False
        done = await page.doing(page.agent.revoke_session(session_id))
        told = f"Revoked {name}: its token opens nothing any more."
    else:
        return False
    page.owner.changed()
    if done is not None:
        page.tell(told)
    return done is not None


async def revoke_many(page: Page, session_ids: Sequence[str]) -> bool:
    """Revoke several after one question; whether it was said yes to."""
    count = len(session_ids)
    if not await sure(f"Revoke {count} session{'' if count == 1 else 's'}?", REVOKE, f"Revoke {count}"):
        return False
    turns, failed = asyncio.Semaphore(AT_ONCE), []

    async def revoke(session_id: str) -> None:
        async with turns:
            try:
                await page.agent.revoke_session(session_id)
            except ValetkeyError as error:
                failed.append(str(error))

    await asyncio.gather(*map(revoke, session_ids))
    page.owner.changed()
    if failed:
        page.tell(f"Revoked {count - len(failed)} of {count}; {len(failed)} failed: {failed[0]}", bad=True)
    else:
        page.tell(f"Revoked {count} sessions.")
    return True


LONGER = {
    "": "As it is",
    "3600": "1 hour from now",
    "14400": "4 hours from now",
    "86400": "1 day from now",
    "604800": "7 days from now",
    "2592000": "30 days from now",
}


async def extend(page: Page, view: SessionView) -> bool:
    """A later end, a larger budget, or both; whether it was done."""
    wanted = {"expiry": "", "budget": ""}
    with dialog(f"Extend {view.label or view.session_id}") as asked:
        paragraph(
            "It keeps its keys and its token. An end is never earlier than it is, a budget never smaller."
        )
        with Tag("label", "", "field"):
            span("Ends", "field-name")
            Field("expiry", wanted.__setitem__, choices=LONGER)
        if view.budget_usdc is not None:
            with Tag("label", "", "field"):
                span(f"Budget in all, USDC; {view.budget_usdc} now", "field-name")
                Field("budget", wanted.__setitem__, hint=view.budget_usdc)
        with div("buttons"):
            button("Cancel", lambda: asked.submit(False), autofocus=True)
            button("Extend", lambda: asked.submit(True), kind="primary")
    answer = await asked
    close(asked)
    expiry, budget = wanted["expiry"], wanted["budget"].strip()
    if not answer or not (expiry or budget):
        return False
    done = await page.doing(
        page.agent.extend_session(
            view.session_id,
            expiry=int(expiry) if expiry in LONGER and expiry else None,
            budget_usdc=budget or None,
        )
    )
    page.owner.changed()
    if done is not None:
        page.tell("Extended.")
    return done is not None
