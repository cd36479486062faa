"""Routes of the audit log: its export, and the key that signs its heads."""

from starlette.responses import Response

from valetkey.core.api_key import Scope
from valetkey.platform.audit.exporting import Export, audit_key, start_of
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.refusing import NotFound
from valetkey.platform.streaming import Streamed
from valetkey.wire.audit import AuditExportQuery, AuditKey
from valetkey.wire.audit_file import MEDIA
from valetkey.wire.http import API_PREFIX

AUDIT = f"{API_PREFIX}/audit"


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
]
