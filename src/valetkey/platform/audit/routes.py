"""Routes of the audit log: its export, the key that signs its heads, and the feed of events."""

from starlette.responses import Response

from valetkey.core.api_key import Scope
from valetkey.platform.audit.events import PAGE_MAX, Feed
from valetkey.platform.audit.exporting import Export, audit_key, start_of
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import NotFound
from valetkey.platform.streaming import Streamed
from valetkey.wire.audit import AuditExportQuery, AuditKey, EventPage, EventQuery
from valetkey.wire.audit_file import MEDIA
from valetkey.wire.http import API_PREFIX, JSON_TYPE

AUDIT = f"{API_PREFIX}/audit"
LAST_EVENT_ID = "Last-Event-ID"
EVENT_STREAM = "text/event-stream"


async def export(call: Call) -> Response:
    query = call.query(AuditExportQuery)
    platform, owner_id = call.platform, call.caller.agent.id
    tree = await _tree(call, query)
    key = audit_key(platform.settings)
    start = start_of(owner_id, tree, platform.clock.now(), key)
    platform.exports.enter(owner_id)
    made = Export(platform.store, key, start, query.format, call.still_owner)
    headers = {
        "Content-Type": MEDIA[query.format],
        "Content-Disposition": f'attachment; filename="valetkey-audit-{start.at}.{query.format}"',
    }
    return Streamed(made.pieces(), headers, platform.exports, owner_id)


async def key(call: Call) -> AuditKey:
    return AuditKey(algorithm="Ed25519", public_key=audit_key(call.platform.settings).public_key.hex())


async def events(call: Call) -> Response | EventPage:
    query = call.query(EventQuery)
    platform, owner_id = call.platform, call.caller.agent.id
    feed = Feed(platform.store, owner_id)
    # A reader that comes back names what it saw last, and its address still says where it began.
    cursor = call.header(LAST_EVENT_ID) or query.cursor
    as_page = not query.wait or _wants_json(call.header("Accept") or "")
    page = await feed.page(cursor, page_limit(query.limit) if as_page else PAGE_MAX)
    if as_page:
        return page
    platform.event_streams.enter(owner_id)
    headers = {"Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"}
    return Streamed(feed.stream(page, call.still_owner), headers, platform.event_streams, owner_id)


def _wants_json(accept: str) -> bool:
    return JSON_TYPE in accept and EVENT_STREAM not in accept


async def _tree(call: Call, query: AuditExportQuery) -> str | None:
    """The one chain that is asked for. Raises NotFound for what is not the caller's."""
    store, owner_id = call.platform.store, call.caller.agent.id
    tree = query.tree
    if query.session is not None:
        record = await store.session(query.session)
        if record is None or record.session.owner_id != owner_id or tree not in (None, record.session.tree):
            raise NotFound("Session not found")
        tree = record.session.tree
    if tree is not None and not await store.heads(owner_id, chain_id=tree):
        raise NotFound("There is no such chain")
    return tree


ENDPOINTS = [
    Endpoint(
        method="GET",
        path=AUDIT,
        handler=export,
        summary="The owner's audit log with signed heads, as JSON Lines or CSV",
        query=AuditExportQuery,
        gives=str,
        access=Access.OWNER,
        scope=Scope.AUDIT_READ,
        media=tuple(MEDIA.values()),
    ),
    Endpoint(
        method="GET",
        path=f"{AUDIT}/key",
        handler=key,
        summary="The public key that signs the heads of audit exports",
        gives=AuditKey,
        access=Access.PUBLIC,
        limit=Limit.PUBLIC,
    ),
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/events",
        handler=events,
        summary="What happens to the owner's sessions: server-sent events, or one page as JSON",
        query=EventQuery,
        gives=EventPage,
        access=Access.OWNER,
        scope=Scope.AUDIT_READ,
        media=(EVENT_STREAM,),
    ),
]
