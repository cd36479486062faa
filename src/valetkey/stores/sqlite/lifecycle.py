"""Stopping sessions: one, or every session of an owner, for a while or for ever. Each is durable when it returns."""

import apsw

from valetkey.core.errors import Contradiction
from valetkey.ports.accounts import SessionRecord
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.rows import RECORD, record_of
from valetkey.stores.sqlite.statements import Row, row

_RECORD = f"SELECT {RECORD} FROM sessions s WHERE s.id = ?"  # noqa: S608 - constants of ours

_REVOKE = "UPDATE sessions SET revoked_at = coalesce(revoked_at, :now) WHERE id = :id"
_PAUSE = "UPDATE sessions SET paused_at = coalesce(paused_at, :now) WHERE id = :id"
_RESUME = "UPDATE sessions SET paused_at = NULL WHERE id = :id"


class SqliteLifecycle(Tables):
    """The part of the account store that stops sessions. There is one writer, so what stops them comes in between
    no decision and its hold."""

    async def revoke_session(self, session_id: str) -> SessionRecord:
        """See ports/accounts.py. Raises Contradiction when there is no such session."""
        return record_of(await self._database.write(lambda db, now: _changed(db, _REVOKE, session_id, now)))

    async def pause_session(self, session_id: str, *, paused: bool) -> SessionRecord:
        """See ports/accounts.py. Raises Contradiction when there is no such session."""
        sql = _PAUSE if paused else _RESUME
        return record_of(await self._database.write(lambda db, now: _changed(db, sql, session_id, now)))

    async def freeze(self, owner_id: str, *, frozen: bool) -> int | None:
        """See ports/accounts.py. Raises Contradiction when there is no such agent."""

        def work(db: apsw.Connection, now: int) -> Row | None:
            if frozen:
                sql = "UPDATE agents SET frozen_at = coalesce(frozen_at, ?) WHERE id = ? RETURNING frozen_at"
                return row(db, sql, now, owner_id)
            return row(db, "UPDATE agents SET frozen_at = NULL WHERE id = ? RETURNING frozen_at", owner_id)

        found = await self._database.write(work)
        if found is None:
            raise Contradiction("there is no such agent")
        since: int | None = found[0]
        return since

    async def revoke_sessions(self, owner_id: str) -> int:
        """See ports/accounts.py."""

        def work(db: apsw.Connection, now: int) -> int:
            db.execute(
                "UPDATE sessions SET revoked_at = ? WHERE owner_id = ? AND revoked_at IS NULL",
                (now, owner_id),
            )
            return db.changes()

        return await self._database.write(work)


def _changed(db: apsw.Connection, sql: str, session_id: str, now: int) -> Row:
    values = {"id": session_id, "now": now}
    db.execute(sql, {name: value for name, value in values.items() if f":{name}" in sql})
    found = row(db, _RECORD, session_id)
    if found is None:
        raise Contradiction("there is no such session")
    return found
