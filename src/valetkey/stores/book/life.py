"""Lives of sessions: made, stopped, let go on, extended, rotated, made out of each other. Each is told in the log."""

from dataclasses import replace

from valetkey.core.audit import Kind
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.core.session import Lineage, Session
from valetkey.core.tree import attenuate, extend, rotate
from valetkey.ports.accounts import Answer, Child, SessionRecord
from valetkey.ports.enrollments import Claim
from valetkey.ports.ledger import Idempotency
from valetkey.stores.book import telling
from valetkey.stores.book.enrolling import bearer_child, claim_it, claim_refused, proof_lost
from valetkey.stores.book.facts import Book, Value, child_record
from valetkey.stores.book.naming import name_taken, time_taken
from valetkey.stores.book.placing import subject
from valetkey.stores.records import policy_text


def add(
    book: Book,
    record: SessionRecord,
    token_hash: bytes,
    answer: Answer | None,
    by: str,
    idempotency: Idempotency | None,
    claim: Claim | None = None,
) -> str | Refused:
    """See ports/accounts.py; the id of the session, which is the first caller's."""
    if idempotency is not None:
        known = subject(book, idempotency)
        if known is not None:
            return known
    if answer is not None and book.remembered(answer.idempotency) is not None:
        # The same request at the same time: it has the same key, and its answer is not that the key is taken.
        raise Contradiction("this idempotency key has an answer")
    session = record.session
    refused = claim_refused(book, claim) or name_taken(book, record)
    if refused is not None:
        facts = telling.unmade_session(record, by, refused)
        book.append(session.owner_id, session.owner_id, Kind.SESSION_REFUSED, None, facts)
        return refused
    book.add_session(record, token_hash)
    claim_it(book, claim, session)
    _tell(book, session, Kind.SESSION_CREATED, telling.made(record, by))
    if idempotency is not None:
        book.remember(idempotency, session.id)
    if answer is not None:
        book.answer(answer)
    return session.id


def set_unique_labels(book: Book, owner_id: str, by: str, *, unique: bool) -> None:
    """See ports/accounts.py."""
    if book.unique_labels(owner_id) == unique:
        return
    book.set_unique_labels(owner_id, unique=unique)
    book.append(owner_id, owner_id, Kind.LABELS_SET, None, {"unique": unique, "by": by})


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
    after: Session | Refused = extend(record.session, expires_at, budget, book.now)
    if isinstance(after, Session):
        after = time_taken(book, record, after) or after
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
    claim: Claim | None = None,
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
    if answer is not None and book.remembered(answer.idempotency) is not None:
        raise Contradiction("this idempotency key has an answer")
    if not isinstance(done, Refused):
        record = replace(record, session=done[0], ancestors=before.ancestors, sole=before.sole)
        done = (
            proof_lost(before, record)
            or claim_refused(book, claim)
            or name_taken(book, record, before.session.id)
            or done
        )
    if isinstance(done, Refused):
        _tell(book, before.session, Kind.ROTATION_REFUSED, {"by": by, **telling.why(done)})
        return done
    new, old = done
    after = record
    book.add_session(after, token_hash)
    claim_it(book, claim, new)
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
        lineage = book.lineage(child.parent_id)
        record = _child(book, child, lineage)
        if isinstance(record, Refused):
            _tell(book, lineage[0], Kind.CHILD_REFUSED, telling.unmade(child, record))
            return record
        book.add_session(record, child.token_hash)
        _tell(book, record.session, Kind.CHILD_REGISTERED, telling.made(record))
        found.append(record)
    return found


def _child(book: Book, child: Child, lineage: Lineage) -> SessionRecord | Refused:
    bearer = bearer_child(book.record(child.parent_id), child.proof_key)
    if bearer is not None:
        return bearer
    count = book.tree_sessions(lineage[0].tree)
    session = attenuate(lineage[0], lineage[1:], child.narrowing, child.id, count, book.now)
    if isinstance(session, Refused):
        return session
    record = child_record(child, session, lineage)
    return name_taken(book, record) or record


def _written(
    book: Book, record: SessionRecord, after: Session, kind: Kind, facts: dict[str, Value]
) -> SessionRecord:
    book.write_session(after)
    _tell(book, after, kind, facts)
    return replace(record, session=after)


def _tell(book: Book, session: Session, kind: Kind, facts: dict[str, Value]) -> None:
    book.append(session.owner_id, session.tree, kind, session.id, facts)
