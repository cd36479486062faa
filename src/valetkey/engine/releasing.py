"""A database that was restored from a copy: what must not come to life again is ended before it goes on.

The copy does not know what came after it. A session or an API key that was revoked since is alive in it, what was spent
since is missing from its budgets, and an idempotency key that was used since is free, so that the same call would pay
again. None of that can be found out here, so no authority of before goes on: owners come back with their wallets and
make new sessions. Money that may have moved is no matter of this: the reconciler and the followers prove it as ever.
"""

from dataclasses import dataclass
from typing import Protocol

from valetkey.core.agent import Agent
from valetkey.core.api_key import ApiKey

BY = "restore"
"""Who ended them, as the audit log says it."""

PAGE = 200


class Restored(Protocol):
    """What is asked of a store that was restored: parts of ports/accounts.py, and `release`."""

    async def agents(
        self, text: str, category: str | None, limit: int, offset: int
    ) -> tuple[list[Agent], int]: ...

    async def revoke_sessions(self, owner_id: str, by: str = "owner") -> int: ...

    async def keys(self, owner_id: str, limit: int, offset: int) -> tuple[list[ApiKey], int]: ...

    async def revoke_key(self, owner_id: str, key_id: str, by: str) -> ApiKey: ...

    async def release(self) -> None:
        """The store may be served again."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """What was ended: of so many agents so many sessions and keys, that were alive in the copy."""

    agents: int
    sessions: int
    keys: int


async def release(store: Restored, *, nothing_lost: bool = False) -> Ended:
    """End every session and every API key of a restored store, and then let it be served again.

    nothing_lost: it was moved, and nobody was served since the copy was taken; nothing is ended. After a kill in
    between, do it again: the store stays closed until everything is ended.
    """
    agents = sessions = keys = 0
    while not nothing_lost:
        page, _ = await store.agents("", None, PAGE, agents)
        for agent in page:
            sessions += await store.revoke_sessions(agent.id, BY)
            keys += await _end_keys(store, agent.id)
        agents += len(page)
        if len(page) < PAGE:
            break
    await store.release()
    return Ended(agents, sessions, keys)


async def _end_keys(store: Restored, owner_id: str) -> int:
    ended, offset = 0, 0
    while True:
        page, _ = await store.keys(owner_id, PAGE, offset)
        for key in page:
            if key.revoked_at is None:
                await store.revoke_key(owner_id, key.id, BY)
                ended += 1
        offset += len(page)
        if len(page) < PAGE:
            return ended
