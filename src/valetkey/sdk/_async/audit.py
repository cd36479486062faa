"""What an owner reads of the audit log: its export as a file, and events as they happen."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec

from valetkey.sdk._async.agent import AsyncAgent
from valetkey.sdk.errors import NetworkError, PlatformError, TryLater
from valetkey.sdk.part_file import PartFile
from valetkey.seam import async_sleep
from valetkey.wire.audit import Event
from valetkey.wire.audit_file import MEDIA, Format, is_whole
from valetkey.wire.event_stream import EventStream, Message, StreamBroken

EVENT_STREAM = "text/event-stream"
TRIES = 6
PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 15.0
HEALTHY_SECONDS = 20.0
"""A stream that lived so long is no failure when it ends."""

TAIL_BYTES = 1_024


class AsyncAuditReader(AsyncAgent):
    """An agent that reads the audit log of its sessions."""

    async def export_audit(
        self,
        path: Path | str,
        *,
        format: Format = "jsonl",
        session: str | None = None,
    ) -> Path:
        """Write the owner's audit log with signed heads into a file, `jsonl` or `csv`.

        `session` is the id of a session whose tree alone is exported. The file is there when it is whole: one that was
        there stays until then. Check it with `valetkey audit verify`. Raises NotFound, RateLimited, and NetworkError
        when the export was cut off.
        """
        query = {"format": format, "session": session}
        tail = b""
        with PartFile(path) as file:
            async with aclosing(self._client.stream("/audit", query, {"Accept": MEDIA[format]})) as pieces:
                async for piece in pieces:
                    file.write(piece)
                    tail = (tail + piece)[-TAIL_BYTES:]
            if not is_whole(tail):
                raise NetworkError("the export was cut off", code="network")
        return Path(path)

    async def events(
        self, *, cursor: str | None = None, reached: Callable[[str], None] | None = None
    ) -> AsyncGenerator[Event]:
        """What happens to the owner's sessions, as it happens, without end.

        `cursor` is that of the last event that was seen; "0" begins with everything, None with what happens from now
        on. `reached` is called with the cursor at which the stream stands: first where it begins, so that whoever
        looked before then looks again, and after what was yielded. A connection that breaks is made again where it
        broke, nothing is told twice. Raises Unauthenticated when the API key was taken back, and NetworkError when
        the platform does not come back for half a minute. Whoever leaves it before its end closes it.
        """
        failures, told = 0, ""
        while True:
            problem: TryLater | None = None
            began = time.monotonic()
            try:
                stream = EventStream(cursor or "")
                headers = {"Accept": EVENT_STREAM}
                async with aclosing(self._client.stream("/events", {"cursor": cursor}, headers)) as pieces:
                    async for piece in pieces:
                        for message in _messages(stream, piece):
                            if message.data:
                                event, failures = _event(message), 0
                                cursor = event.cursor
                                yield event
                            if message.id and message.id != told:
                                cursor = told = message.id
                                if reached is not None:
                                    reached(cursor)
            except TryLater as failure:
                problem = failure
            failures = 1 if time.monotonic() - began >= HEALTHY_SECONDS else failures + 1
            if failures == TRIES:
                raise problem or NetworkError("the platform ends every stream of events", code="network")
            pause = min(PAUSE_SECONDS * 2**failures, PAUSE_SECONDS_MAX)
            asked = problem.retry_after if problem is not None else None
            await async_sleep(max(pause, min(asked or 0, PAUSE_SECONDS_MAX)))


def _messages(stream: EventStream, piece: bytes) -> list[Message]:
    problem = ""
    try:
        return stream.take(piece)
    except StreamBroken as broken:
        problem = str(broken)
    raise NetworkError(problem, code="network")


def _event(message: Message) -> Event:
    problem = ""
    try:
        return msgspec.json.decode(message.data, type=Event)
    except msgspec.MsgspecError as error:
        problem = str(error)
    # Asking again would bring the same one.
    raise PlatformError(f"the platform's event is not of the expected shape: {problem}", code="internal")
