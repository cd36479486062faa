"""The feed of what happens to an owner's sessions: a page as JSON, or a stream of server-sent events that resumes."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import msgspec

from valetkey.core.audit import Kind
from valetkey.core.errors import EnvironmentFailure, ValetkeyError
from valetkey.ports.auditing import FEED_BEGINNING, AuditStore, FeedEntry
from valetkey.wire.audit import EventPage, EventView
from valetkey.wire.http import encode
from valetkey.wire.timestamps import iso_timestamp

PAGE_MAX = 100
POLL_SECONDS = 0.5
"""How often a stream looks for news, and its credential up again."""

HEARTBEAT_SECONDS = 15.0
"""A comment is sent when nothing else was for so long, so that proxies and readers know that the stream lives."""

RETRY_MILLISECONDS = 2_000
"""What a reader is told to wait before it comes back."""

BEAT = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class Feed:
    """The events of one owner."""

    store: AuditStore
    owner_id: str

    async def page(self, cursor: str | None, limit: int = PAGE_MAX) -> EventPage:
        """What happened after a cursor, and where to go on; with None nothing, and where to begin.

        Raises InvalidInput for a cursor that was never given.
        """
        found = await self.store.feed(self.owner_id, cursor, limit)
        after = found[-1].cursor if found else cursor or FEED_BEGINNING
        # Anchors are about the log itself: nothing happened to a session.
        told = [] if cursor is None else [_view(one) for one in found if one.entry.kind is not Kind.ANCHOR]
        return EventPage(events=told, cursor=after)

    async def stream(self, page: EventPage, recheck: Callable[[], Awaitable[None]]) -> AsyncGenerator[bytes]:
        """Server-sent events from a first page on, until the credential is taken back."""
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        told, sent_at = "", time.monotonic()
        while True:
            if page.cursor != told:
                yield b"".join([*map(_sent, page.events), _reached(page.cursor)])
                told, sent_at = page.cursor, time.monotonic()
            elif time.monotonic() - sent_at >= HEARTBEAT_SECONDS:
                yield BEAT
                sent_at = time.monotonic()
            if len(page.events) < PAGE_MAX:
                await asyncio.sleep(POLL_SECONDS)
            try:
                await recheck()
            except EnvironmentFailure:
                raise
            except ValetkeyError:
                # Taken back: the reader comes again, and is told so.
                return
            page = await self.page(page.cursor)


def _view(one: FeedEntry) -> EventView:
    entry = one.entry
    return EventView(
        cursor=one.cursor,
        kind=str(entry.kind),
        at=iso_timestamp(entry.at),
        session=entry.session_id,
        chain=entry.chain_id,
        seq=entry.seq,
        facts=msgspec.Raw(entry.body.encode("ascii")),
    )


def _sent(event: EventView) -> bytes:
    """One event. JSON has no line breaks, and neither has a cursor or a kind."""
    return f"id: {event.cursor}\nevent: {event.kind}\ndata: ".encode() + encode(event) + b"\n\n"


def _reached(cursor: str) -> bytes:
    """Where to go on, for a reader that remembers it: an id without data is no event."""
    return f"id: {cursor}\n\n".encode()
