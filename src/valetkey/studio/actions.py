"""What an operator does to sessions: pause, resume, revoke, one or many, and what is asked before."""

import asyncio
from collections.abc import Sequence

from valetkey.core.errors import ValetkeyError
from valetkey.studio.elements.dialogs import sure
from valetkey.studio.page import Page

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
