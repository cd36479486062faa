"""Lives of sessions: made, stopped, let go on, extended, rotated, made out of each other. Each is told in the log."""

from dataclasses import replace

from valetkey.core.audit import Kind
from valetkey.core.refusal import Refused
from valetkey.core.session import Session
from valetkey.core.tree import attenuate, extend, rotate
from valetkey.ports.accounts import Answer, Child, SessionRecord
from valetkey.stores.book import telling
from valetkey.stores.book.facts import Book, Value, child_record
from valetkey.stores.records import policy_text


def add(book: Book, record: SessionRecord, token_hash: bytes, answer: Answer | None, by: str) -> None:
    """See ports/accounts.py."""
    book.add_session(record, token_hash)
    _tell(book, record.session, Kind.SESSION_CREATED, telling.made(record, by))
    if answer is not None:
        book.answer(answer)


def revoke(book: Book, session_id: str, by: str) -> SessionRecord:
    """See ports/accounts.py."""
    record = book.record(session_id)
    if record.session.revoked_at is not None:
        return record
    after = _written(book, record, replace(record.session, revoked_at=book.now), Kind.REVOKED, {"by": by})
    book.stop_grants(record.session.tree)
    return after


def pause(book: Book, session_id: str, by: str, *, paused: bool) -> SessionRecord:
    """See ports/accounts.py."""
    record = book.record(session_id)
    if (record.session.paused_at is not None) == paused:
        return record
    after = replace(record.session, paused_at=book.now if paused else None)
    return _written(book, record, after, Kind.PAUSED if paused else Kind.RESUMED, {"by": by})


def freeze(book: Book, owner_id: str, by: str, *, frozen: bool) -> int | None:
    """See ports/accounts.py."""
    since = book.set_frozen(owner_id, frozen=frozen)
    book.append(owner_id, owner_id, Kind.FROZEN if frozen else Kind.THAWED, None, {"by": by})
    return since


def revoke_all(book: Book, owner_id: str, by: str) -> int:
    """See ports/accounts.py."""
    count = revoke_living(book, owner_id, by)
    tell_all_revoked(book, owner_id, by, count)
    return count


def revoke_living(book: Book, owner_id: str, by: str) -> int:
    """Revoke what the book says is living of an owner; how many those were."""
    living = book.living(owner_id)
    for session_id in living:
        revoke(book, session_id, by)
    return len(living)


def tell_all_revoked(book: Book, owner_id: str, by: str, count: int) -> None:
    """Write into the owner's chain that all were revoked."""
    book.append(owner_id, owner_id, Kind.ALL_REVOKED, None, {"by": by, "revoked": count})


def extend_one(
    book: Book, session_id: str, expires_at: int, budget: int | None, by: str
) -> SessionRecord | Refused:
    """See ports/accounts.py."""
    record = book.record(session_id)
    after = extend(record.session, expires_at, budget, book.now)
    if isinstance(after, Refused):
        _tell(
            book,
            record.session,
            Kind.EXTENSION_REFUSED,
            telling.unextended(expires_at, budget, by, after),
        )
        return after
    if after is record.session:
        return record
    facts: dict[str, Value] = {
        "by": by,
        "policy": policy_text(after.policy),
        "policyVersion": after.policy_version,
    }
    return _written(book, record, after, Kind.EXTENDED, facts)


def rotate_one(
    book: Book,
    session_id: str,
    record: SessionRecord,
    token_hash: bytes,
    answer: Answer | None,
    by: str,
    *,
    grace_seconds: int,
    carry: bool,
    rotated: int,
) -> SessionRecord | Refused:
    """See ports/accounts.py, and `rotations` in core/tree.py for what is `rotated`."""
    before = book.record(session_id)
    done = rotate(
        before.session,
        record.session.id,
        record.session.policy,
        grace_seconds,
        book.now,
        carry=carry,
        tree_sessions=book.tree_sessions(before.session.tree),
        rotated=rotated,
    )
    if isinstance(done, Refused):
        _tell(book, before.session, Kind.ROTATION_REFUSED, {"by": by, **telling.why(done)})
        return done
    new, old = done
    after = replace(record, session=new, ancestors=before.ancestors)
    book.add_session(after, token_hash)
    book.write_spent((new,))
    book.write_session(old)
    _tell(book, new, Kind.SESSION_CREATED, telling.made(after, by))
    facts: dict[str, Value] = {
        "by": by,
        "successor": new.id,
        "carried": carry,
        "ends": old.policy.expires_at,
        "captured": str(new.usage.captured),
        "held": str(new.usage.held),
    }
    _tell(book, old, Kind.ROTATED, facts)
    if answer is not None:
        book.answer(answer)
    return after


def add_children(book: Book, children: list[Child]) -> list[SessionRecord] | Refused:
    """See ports/accounts.py."""
    found: list[SessionRecord] = []
    for child in children:
        known = book.find_record(child.id)
        if known is not None:
            found.append(known)
            continue
        parent, *ancestors = book.lineage(child.parent_id)
        count = book.tree_sessions(parent.tree)
        session = attenuate(parent, tuple(ancestors), child.narrowing, child.id, count, book.now)
        if isinstance(session, Refused):
            _tell(book, parent, Kind.CHILD_REFUSED, telling.unmade(child, session))
            return session
        record = child_record(child, session, (parent, *ancestors))
        book.add_session(record, child.token_hash)
        _tell(book, session, Kind.CHILD_REGISTERED, telling.made(record))
        found.append(record)
    return found


def _written(
    book: Book, record: SessionRecord, after: Session, kind: Kind, facts: dict[str, Value]
) -> SessionRecord:
    book.write_session(after)
    _tell(book, after, kind, facts)
    return replace(record, session=after)


def _tell(book: Book, session: Session, kind: Kind, facts: dict[str, Value]) -> None:
    book.append(session.owner_id, session.tree, kind, session.id, facts)
