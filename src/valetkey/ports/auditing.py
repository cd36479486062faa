"""The audit log as it is read: entries by chain, where chains end, and the feed of what happened."""

from dataclasses import dataclass
from typing import Protocol

from valetkey.core.audit import Entry, Head

HEADS_MAX = 1_000
"""Heads of chains on one page."""

FEED_BEGINNING = "0"
"""The cursor that stands before everything."""


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An entry of the audit log as the events feed shows it; `cursor` is where to go on after it."""

    cursor: str
    entry: Entry


class AuditStore(Protocol):
    """Chains of entries. Who writes one is the transaction that decided, so nothing here adds any but anchors."""

    async def audit(self, owner_id: str, chain_id: str, after: int, limit: int) -> list[tuple[Entry, bytes]]:
        """Entries of one chain of an owner with their hashes, from the one after this number on."""
        ...

    async def heads(
        self, owner_id: str, *, chain_id: str | None = None, after: str = "", limit: int = HEADS_MAX
    ) -> list[Head]:
        """Where the chains of an owner end: its own, and one of each tree; by id, those after this one.

        With `chain_id` that chain alone. A chain without an entry has no head.
        """
        ...

    async def anchor(self, limit: int) -> int:
        """Write the heads of trees that went on into their owners' chains; how many, up to the limit."""
        ...

    async def feed(self, owner_id: str, cursor: str | None, limit: int) -> list[FeedEntry]:
        """What happened to an owner's sessions after a cursor, in an order that never changes; None: from now on.

        FEED_BEGINNING is the cursor before the first.
        With None one entry at most comes back, the newest, whose cursor is where to begin.
        """
        ...
