"""Grants of sessions: given, and what final blocks showed of them. Each is told in the log of the session's tree."""

from dataclasses import fields, replace

from valetkey.core.audit import Kind
from valetkey.core.errors import Contradiction
from valetkey.core.grant import Grant
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Status, status
from valetkey.crypto.keys import keccak256
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.stores.book.facts import Book, Value


def give(book: Book, wanted: SignedGrant, by: str) -> SignedGrant | Refused:
    """See `add_grant` in ports/grants.py."""
    known = book.find_grant(wanted.chain_id, wanted.id)
    if known is not None:
        if known.session_id != wanted.session_id:
            raise Contradiction("another session has this grant")
        return known
    record = book.record(wanted.session_id)
    session = record.session
    if session.owner_id != wanted.owner_id:
        raise Contradiction("a session's grant is its owner's")
    refused = _unwanted(record, book.now, book.last_grant(session.id, wanted.chain_id), wanted)
    if refused is not None:
        return refused
    kept = replace(wanted, made_at=book.now, stopped_at=None, known_at=None, revoked_at=None)
    book.add_grant(kept, session.tree)
    book.append(session.owner_id, session.tree, Kind.GRANT_GIVEN, session.id, _given(kept, by))
    return kept


def known(book: Book, chain_id: int, grant_id: bytes, at: int) -> None:
    """See `grant_known` in ports/grants.py."""
    signed = book.find_grant(chain_id, grant_id)
    if signed is not None and signed.known_at is None:
        _shown(book, replace(signed, known_at=at), Kind.GRANT_KNOWN, at)


def revoked(book: Book, chain_id: int, grant_id: bytes, at: int) -> None:
    """See `grant_revoked` in ports/grants.py."""
    signed = book.find_grant(chain_id, grant_id)
    if signed is not None and signed.revoked_at is None:
        _shown(book, replace(signed, revoked_at=at), Kind.GRANT_REVOKED, at)


def _unwanted(
    record: SessionRecord, now: int, current: SignedGrant | None, wanted: SignedGrant
) -> Refused | None:
    """Why a session gets no other grant now; None when it does."""
    match status(record.session, now, record.ancestors):
        case Status.REVOKED:
            return refuse(Code.SESSION_REVOKED, "revoked", "the session was revoked")
        case Status.EXPIRED:
            return refuse(Code.SESSION_EXPIRED, "expires_at", "the session has expired")
    if current is None or current.status is GrantStatus.REVOKED or _succeeds(wanted.grant, current):
        return None
    return refuse(
        Code.GRANT_EXISTS,
        "grant",
        "the session has another grant on this chain",
        hint="revoke that one on chain, or sign a grant that names it as its predecessor",
    )


def _succeeds(wanted: Grant, current: SignedGrant) -> bool:
    """Whether it takes the place of another one: its predecessor is kept under that one's id (wire/grants.py)."""
    owner = bytes.fromhex(wanted.owner.removeprefix("0x")).rjust(32, b"\0")
    return current.id == keccak256(owner + wanted.predecessor)


def _shown(book: Book, after: SignedGrant, kind: Kind, at: int) -> None:
    book.write_grant(after)
    session = book.lineage(after.session_id)[0]
    facts: dict[str, Value] = {**_named(after), "block_time": at, "by": "platform"}
    book.append(session.owner_id, session.tree, kind, session.id, facts)


def _named(signed: SignedGrant) -> dict[str, Value]:
    return {"grant": "0x" + signed.id.hex(), "chain": signed.chain_id}


def _given(signed: SignedGrant, by: str) -> dict[str, Value]:
    """Every term; signatures are no business of a log's."""
    terms: dict[str, Value] = {
        one.name: f"0x{value.hex()}"
        if isinstance(value := getattr(signed.grant, one.name), bytes)
        else str(value)
        for one in fields(Grant)
    }
    return {**terms, **_named(signed), "contract": signed.contract, "by": by}
