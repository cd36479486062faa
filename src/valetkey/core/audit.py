"""The audit log: chains of entries that nobody can change, drop or reorder without it being seen.

There is a chain for each session tree and one for each owner, into which the heads of the trees are written. Every
entry's hash covers the one before, so the hash of the last (the head) covers them all.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NewType

from valetkey.core.value import value

GENESIS = b"\0" * 32
"""What stands before the first entry of every chain."""

DOMAIN = b"valetkey audit v1\0"

Fact = str | int | bool | None | Sequence[str]
"""What an entry tells. Amounts are decimal text of base units, so that every reader gets them exactly."""


class Kind(StrEnum):
    """What happened."""

    SESSION_CREATED = "session_created"
    SESSION_REFUSED = "session_refused"
    CHILD_REGISTERED = "child_registered"
    CHILD_REFUSED = "child_refused"
    HOLD_PLACED = "hold_placed"
    HOLD_REFUSED = "hold_refused"
    APPROVAL_ASKED = "approval_asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXECUTED = "executed"
    MARKED_UNKNOWN = "marked_unknown"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    SETTLE_REFUSED = "settle_refused"
    PAUSED = "paused"
    RESUMED = "resumed"
    REVOKED = "revoked"
    ROTATED = "rotated"
    ROTATION_REFUSED = "rotation_refused"
    EXTENDED = "extended"
    EXTENSION_REFUSED = "extension_refused"
    FROZEN = "frozen"
    THAWED = "thawed"
    ALL_REVOKED = "all_revoked"
    LABELS_SET = "labels_set"
    KEY_CREATED = "key_created"
    KEY_REVOKED = "key_revoked"
    OBSERVED = "observed"
    GRANT_GIVEN = "grant_given"
    GRANT_KNOWN = "grant_known"
    GRANT_REVOKED = "grant_revoked"
    ALLOTMENT_GIVEN = "allotment_given"
    ALLOTMENT_REVOKED = "allotment_revoked"
    CLAIM_MADE = "claim_made"
    CLAIM_OPENED = "claim_opened"
    CLAIM_INTERCEPTED = "claim_intercepted"
    CLAIM_EXPIRED = "claim_expired"
    CLAIM_CANCELLED = "claim_cancelled"
    ANCHOR = "anchor"


@value
@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `seq` counts from 1 in its chain, `at` is unix seconds, `body` canonical JSON."""

    chain_id: str
    seq: int
    at: int
    kind: Kind
    session_id: str | None
    body: str


@value
@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the number and the hash of its last entry; 0 and GENESIS before the first."""

    chain_id: str
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a chain does not hold, and why."""

    chain_id: str
    seq: int
    reason: str


Body = NewType("Body", str)
"""Facts as canonical JSON."""

_quoted = json.encoder.encode_basestring_ascii


def canonical(facts: Mapping[str, Fact]) -> Body:
    """The one JSON text of these facts: members sorted, no blanks, ASCII only."""
    members = [before + _written(facts[name]) for name, before in _members(tuple(facts))]
    return Body("{" + ",".join(members) + "}")


def form(known: Mapping[str, Fact], later: Iterable[str]) -> str:
    """Canonical JSON of which some facts are the same again and again: `filled` puts in those that come later."""
    written = {name: _written(fact).replace("%", "%%") for name, fact in known.items()}
    written |= dict.fromkeys(later, "%s")
    members = [before.replace("%", "%%") + written[name] for name, before in _members(tuple(written))]
    return "{" + ",".join(members) + "}"


def filled(blank: str, *facts: Fact) -> Body:
    """The canonical JSON of a form and the facts that it waits for, in the order of their names."""
    return Body(blank % tuple([_written(fact) for fact in facts]))


@lru_cache(64)
def _members(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Names in their order, each with what is written before its value. There are few kinds of entries."""
    return tuple((name, f"{_quoted(name)}:") for name in sorted(names))


def _written(fact: Fact) -> str:
    # As the json module writes them, at a third of its cost: every decision is told.
    if isinstance(fact, str):
        return _quoted(fact)
    if fact is None:
        return "null"
    if isinstance(fact, int):
        return str(fact).lower() if isinstance(fact, bool) else str(int(fact))
    return "[" + ",".join(map(_quoted, fact)) + "]"


def entry_hash(before: bytes, entry: Entry) -> bytes:
    """SHA-256 of the domain, the hash before, and the JSON of [chain, seq, at, kind, session, body].

    The lengths of the first two are fixed and JSON texts are unambiguous, so no two entries are written alike.
    """
    about = "null" if entry.session_id is None else _quoted(entry.session_id)
    told = f"[{_quoted(entry.chain_id)},{entry.seq},{entry.at},{_quoted(entry.kind)},{about},{_quoted(entry.body)}]"
    return hashlib.sha256(DOMAIN + before + told.encode("ascii")).digest()


def append(
    head: Head, at: int, kind: Kind, session_id: str | None, facts: Mapping[str, Fact] | Body
) -> tuple[Entry, Head]:
    """The next entry of a chain and its new head. `at` is unix seconds, never before the entry before."""
    body = facts if isinstance(facts, str) else canonical(facts)
    entry = Entry(head.chain_id, head.seq + 1, at, kind, session_id, body)
    return entry, Head(head.chain_id, entry.seq, entry_hash(head.hash, entry))


def verify(entries: Iterable[tuple[Entry, bytes]], start: Head) -> Head | Broken:
    """The head after these entries of one chain, each with the hash that is claimed for it, or where they break."""
    head, at = start, 0
    for entry, claimed in entries:
        if entry.chain_id != head.chain_id:
            return Broken(head.chain_id, head.seq + 1, f"an entry of chain {entry.chain_id} is among them")
        if entry.seq != head.seq + 1:
            return Broken(head.chain_id, head.seq + 1, f"entry {entry.seq} comes after entry {head.seq}")
        if entry.at < at:
            return Broken(head.chain_id, entry.seq, "it is from before the entry before it")
        hashed = entry_hash(head.hash, entry)
        if hashed != claimed:
            return Broken(head.chain_id, entry.seq, "its hash is not that of what it says")
        head, at = Head(head.chain_id, entry.seq, hashed), entry.at
    return head
