"""Lives of sessions: made, stopped, let go on, extended, rotated. Each is durable when it returns."""

from valetkey.core.refusal import Refused
from valetkey.core.tree import rotations
from valetkey.ports.accounts import Answer, Child, SessionRecord
from valetkey.ports.enrollments import Claim
from valetkey.ports.ledger import Idempotency
from valetkey.stores.book import life
from valetkey.stores.sqlite.book import SqliteBook
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import rows

_SUCCESSORS = (
    "SELECT id, successor_id FROM sessions WHERE tree_id = (SELECT tree_id FROM sessions WHERE id = ?)"
    " AND successor_id IS NOT NULL"
)


class SqliteLifecycle(Tables):
    """The part of the account store that makes and stops sessions. There is one writer, so what stops them comes in
    between no decision and its hold."""

    async def set_unique_labels(self, owner_id: str, *, unique: bool, by: str = "owner") -> None:
        """See ports/accounts.py."""
        await self._database.keep(lambda book: life.set_unique_labels(book, owner_id, by, unique=unique))

    async def add_session(
        self,
        record: SessionRecord,
        token_hash: bytes,
        answer: Answer | None = None,
        by: str = "owner",
        *,
        idempotency: Idempotency | None = None,
        claim: Claim | None = None,
    ) -> SessionRecord | Refused:
        """See ports/accounts.py."""

        def work(book: SqliteBook) -> SessionRecord | Refused:
            done = life.add(book, record, token_hash, answer, by, idempotency, claim)
            return done if isinstance(done, Refused) else book.record(done)

        return await self._database.keep(work)

    async def add_children(self, children: list[Child]) -> list[SessionRecord] | Refused:
        """See ports/accounts.py. Raises Contradiction when a parent is unknown."""
        return await self._database.keep(lambda book: life.add_children(book, children))

    async def extend_session(
        self, session_id: str, expires_at: int, budget: int | None, by: str
    ) -> SessionRecord | Refused:
        """See ports/accounts.py. Raises Contradiction when there is no such session, InvalidInput for less."""
        return await self._database.keep(
            lambda book: life.extend_one(book, session_id, expires_at, budget, by)
        )

    async def rotate_session(
        self,
        session_id: str,
        record: SessionRecord,
        token_hash: bytes,
        *,
        grace_seconds: int,
        carry: bool,
        answer: Answer | None = None,
        by: str = "owner",
        claim: Claim | None = None,
    ) -> SessionRecord | Refused:
        """See ports/accounts.py."""
        successors: dict[str, str] = dict(
            await self._database.read(lambda db: rows(db, _SUCCESSORS, session_id))
        )
        rotated = rotations(session_id, successors)
        return await self._database.keep(
            lambda book: life.rotate_one(
                book,
                session_id,
                record,
                token_hash,
                answer,
                by,
                grace_seconds=grace_seconds,
                carry=carry,
                rotated=rotated,
                claim=claim,
            )
        )

    async def revoke_session(self, session_id: str, by: str = "owner") -> SessionRecord:
        """See ports/accounts.py. Raises Contradiction when there is no such session."""
        return await self._database.keep(lambda book: life.revoke(book, session_id, by))

    async def pause_session(self, session_id: str, *, paused: bool, by: str = "owner") -> SessionRecord:
        """See ports/accounts.py. Raises Contradiction when there is no such session."""
        return await self._database.keep(lambda book: life.pause(book, session_id, by, paused=paused))

    async def freeze(self, owner_id: str, *, frozen: bool, by: str = "owner") -> int | None:
        """See ports/accounts.py. Raises Contradiction when there is no such agent."""
        return await self._database.keep(lambda book: life.freeze(book, owner_id, by, frozen=frozen))

    async def revoke_sessions(self, owner_id: str, by: str = "owner") -> int:
        """See ports/accounts.py."""
        return await self._database.keep(lambda book: life.revoke_all(book, owner_id, by))
