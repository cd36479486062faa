"""JSON shapes around the audit log: what is asked of it, and its key. The export itself is in audit_file.py."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from valetkey.wire.audit_file import Format
from valetkey.wire.shape import Id, Request, View


class AuditExportQuery(Request):
    """Query of GET /audit. `tree` is the id of one chain, `session` any session of it; both absent for all chains."""

    format: Format = "jsonl"
    tree: Id | None = None
    session: Id | None = None


class AuditKey(View):
    """GET /audit/key: the public key, 64 hex digits."""

    algorithm: str
    public_key: str


class EventQuery(Request):
    """Query of GET /events. `cursor` is where to go on, `0` for everything, absent for what happens from now on.

    `wait` 0 answers one page as JSON instead of a stream; `limit` is for that page.
    """

    cursor: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    wait: Literal[0, 1] = 1
    limit: Annotated[int, Meta(ge=1)] = 100


class EventView(View, kw_only=True, omit_defaults=False):
    """One thing that happened. `facts` are those of the audit log, `session` the one it is about, `at` ISO-8601."""

    cursor: str
    kind: str
    at: str
    session: str | None
    chain: str
    seq: int
    facts: msgspec.Raw


class EventPage(View):
    """GET /events as JSON: what happened, the oldest first, and the cursor after which to go on."""

    events: list[EventView]
    cursor: str


class Event(View, kw_only=True):
    """One thing that happened, as a client reads it. `cursor` is where to go on after it, `at` ISO-8601.

    `kind` and `facts` are those of docs/reference/audit.md; amounts in `facts` are decimal text of base units.
    """

    cursor: str
    kind: str
    at: str
    session: str | None = None
    chain: str
    seq: int
    facts: dict[str, Any]
