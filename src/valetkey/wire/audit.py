"""JSON shapes around the audit log: what is asked of it, and its key. The export itself is in audit_file.py."""

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
