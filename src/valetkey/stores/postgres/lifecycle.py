"""Lives of sessions: made, stopped, let go on, extended, rotated. Each takes the lock of its tree."""

from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.core.tree import rotations
from valetkey.ports.accounts import Answer, Child, SessionRecord
from valetkey.ports.enrollments import Claim
from valetkey.ports.ledger import Idempotency
from valetkey.stores.book import life
from valetkey.stores.postgres.batch import Work
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.database import Place, T, Tables
from valetkey.stores.postgres.overlay import Wanted
from valetkey.stores.postgres.sessions import find_record

TREES_MAX = 200
"""So many trees are locked at once, where all of an owner's are stopped."""

_LIVING = (
    "SELECT DISTINCT tree_id FROM sessions WHERE owner_id = $1 AND revoked_at IS NULL AND tree_id > $2"
    " ORDER BY tree_id LIMIT $3"
)
_SUCCESSORS = (
    "SELECT id, successor_id FROM sessions WHERE owner_id = $1 AND tree_id = $2 AND successor_id IS NOT NULL"
)
_WAIT = "SELECT 1 FROM chains WHERE owner_id = $1 AND id = ANY($2::text[]) ORDER BY id FOR UPDATE"


class PostgresLifecycle(Tables):
    """The part of the account store that makes and stops sessions.

    What gives a session a label or a key, or lets it keep a label for longer, takes the lock of the owner's own chain.
    """

    async def set_unique_labels(self, owner_id: str, *, unique: bool, by: str = "owner") -> None:
        """See ports/accounts.py."""
        await self._database.batch(
            owner_id,
            frozenset({owner_id}),
            lambda book: life.set_unique_labels(book, owner_id, by, unique=unique),
        )

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
        session = record.session

        def work(book: PostgresBook) -> SessionRecord | Refused | str:
            done = life.add(book, record, token_hash, answer, by, idempotency, claim)
            return book.record(done) if done == session.id else done

        done = await self._database.batch(
            session.owner_id,
            frozenset({session.tree, session.owner_id}),
            work,
            _names(record, answer.idempotency if answer else idempotency, claim),
        )
        if isinstance(done, str):
            # The first caller's session, whose tree is not locked here; it is there for ever.
            found = await find_record(self._database, done)
            assert found is not None
            return found
        if isinstance(done, SessionRecord):
            self._database.know(session.id, Place(session.owner_id, session.tree, session.id))
        return done

    async def add_children(self, children: list[Child]) -> list[SessionRecord] | Refused:
        """See ports/accounts.py. Raises Contradiction when a parent is unknown."""
        places = []
        for child in children:
            # Its parent is known, or comes before it among the children, whose own parent is.
            place = await self._database.find_session(child.id) or await self._database.find_session(
                child.parent_id
            )
            if place is not None:
                places.append(place)
        if not children:
            return []
        if not places or len({place.owner_id for place in places}) > 1:
            raise Contradiction("there is no such session")
        ids = {one for child in children for one in (child.id, child.parent_id)}
        return await self._database.batch(
            places[0].owner_id,
            frozenset(place.tree_id for place in places) | {places[0].owner_id},
            lambda book: life.add_children(book, children),
            Wanted(sessions=ids, session_keys={one.key_hash for one in children if one.key_hash}),
        )

    async def extend_session(
        self, session_id: str, expires_at: int, budget: int | None, by: str
    ) -> SessionRecord | Refused:
        """See ports/accounts.py. Raises Contradiction when there is no such session, InvalidInput for less."""
        return await self._of(
            session_id,
            lambda book: life.extend_one(book, session_id, expires_at, budget, by),
            names=True,
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
        place = await self._database.session_place(session_id)
        successors: dict[str, str] = dict(
            await self._database.rows(_SUCCESSORS, place.owner_id, place.tree_id)
        )
        rotated = rotations(session_id, successors)
        return await self._of(
            session_id,
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
            ),
            _names(record, answer.idempotency if answer else None, claim),
            names=True,
        )

    async def revoke_session(self, session_id: str, by: str = "owner") -> SessionRecord:
        """See ports/accounts.py. Raises Contradiction when there is no such session."""
        return await self._of(session_id, lambda book: life.revoke(book, session_id, by))

    async def pause_session(self, session_id: str, *, paused: bool, by: str = "owner") -> SessionRecord:
        """See ports/accounts.py. Raises Contradiction when there is no such session."""
        return await self._of(session_id, lambda book: life.pause(book, session_id, by, paused=paused))

    async def freeze(self, owner_id: str, *, frozen: bool, by: str = "owner") -> int | None:
        """See ports/accounts.py. Raises Contradiction when there is no such agent.

        Every batch reads the fact after it took its locks. So once it is durable, and every lock was free once,
        nobody decides without it.
        """
        since = await self._database.batch(
            owner_id, frozenset({owner_id}), lambda book: life.freeze(book, owner_id, by, frozen=frozen)
        )
        if frozen:
            last = ""
            while trees := await self._living(owner_id, last):
                await self._pass(owner_id, trees)
                last = trees[-1]
        return since

    async def revoke_sessions(self, owner_id: str, by: str = "owner") -> int:
        """See ports/accounts.py. Tree after tree: what is stopped stays stopped when a failure comes in between."""
        count, last = 0, ""
        while trees := await self._living(owner_id, last):
            count += await self._database.batch(
                owner_id,
                frozenset(trees),
                lambda book: life.revoke_living(book, owner_id, by),
                Wanted(living=set(trees)),
            )
            last = trees[-1]
        await self._database.batch(
            owner_id, frozenset({owner_id}), lambda book: life.tell_all_revoked(book, owner_id, by, count)
        )
        return count

    async def _of(
        self, session_id: str, work: Work[T], more: Wanted | None = None, *, names: bool = False
    ) -> T:
        """`names`: whether labels and keys are looked at."""
        place = await self._database.session_place(session_id)
        wanted = Wanted(sessions={session_id})
        if more is not None:
            wanted.add(more)
        trees = frozenset({place.tree_id, place.owner_id} if names else {place.tree_id})
        return await self._database.batch(place.owner_id, trees, work, wanted)

    async def _living(self, owner_id: str, after: str) -> list[str]:
        """Trees of an owner that have a session that is not revoked, by id."""
        return [one for (one,) in await self._database.rows(_LIVING, owner_id, after, TREES_MAX)]

    async def _pass(self, owner_id: str, trees: list[str]) -> None:
        """Wait until everybody has let go of these trees once."""

        async def wait() -> None:
            async with self._database.writing() as connection:
                await connection.fetch(_WAIT, owner_id, trees)

        await self._database.again(wait)


def _names(record: SessionRecord, idempotency: Idempotency | None, claim: Claim | None) -> Wanted:
    return Wanted(
        enrollments=set() if claim is None else {claim.code},
        session_keys=set() if record.key_hash is None else {record.key_hash},
        keys=set() if idempotency is None else {(idempotency.scope, idempotency.key)},
    )
