"""A session's audit trail: the export of its tree, checked here, line by line, and what it tells of the session."""

import asyncio
import json
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.wire.audit_check import Report, check
from valetkey.wire.audit_file import LINE_BYTES_MAX, EntryLine, Illegible, read_line

SHOWN_MAX = 200


@dataclass(frozen=True, slots=True)
class Trail:
    """What was checked, and the newest entries of the session, newest first. `more`: there are older ones."""

    report: Report
    entries: list[EntryLine]
    more: bool


async def trail_of(agent: AsyncBuyerAgent, session_id: str) -> Trail:
    """Export and check. Raises what the SDK raises."""
    with tempfile.TemporaryDirectory(prefix="valetkey-studio-") as folder:
        path = await agent.export_audit(Path(folder) / "audit.jsonl", session=session_id)
        return await asyncio.to_thread(_read, path, session_id)


def _read(path: Path, session_id: str) -> Trail:
    with path.open("rb") as file:
        report = check(iter(lambda: file.readline(LINE_BYTES_MAX), b""))
    entries: deque[EntryLine] = deque(maxlen=SHOWN_MAX + 1)
    with path.open("rb") as file:
        for text in iter(lambda: file.readline(LINE_BYTES_MAX), b""):
            try:
                line = read_line(text, "jsonl")
            except Illegible:
                break
            if isinstance(line, EntryLine) and line.session == session_id:
                entries.append(line)
    newest = list(reversed(entries))
    return Trail(report, newest[:SHOWN_MAX], len(newest) > SHOWN_MAX)


def facts_of_entry(entry: EntryLine) -> dict[str, Any]:
    """The facts of an entry. Raises InvalidInput for what is no object."""
    found = json.loads(entry.body)
    if not isinstance(found, dict):
        raise InvalidInput("an entry's body is an object")
    return found
