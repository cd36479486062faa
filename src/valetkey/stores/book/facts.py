"""The facts that a database holds under lock while something is decided, and what is written then.

Everything here is synchronous: SQLite's book reads rows in the writer's transaction, PostgreSQL's was filled for a
whole batch before. Nothing here decides.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from valetkey.core.alerts import Alert, AlertKind
from valetkey.core.api_key import ApiKey
from valetkey.core.audit import Body, Kind
from valetkey.core.claim import Claim
from valetkey.core.labels import Labelled
from valetkey.core.session import Lineage, Session
from valetkey.core.spend import Hold, SpendRequest
from valetkey.core.transaction import Transaction
from valetkey.ports.accounts import Answer, Child, SessionRecord
from valetkey.ports.allotments import Allotment
from valetkey.ports.enrollments import Enrollment
from valetkey.ports.grants import SignedGrant
from valetkey.ports.ledger import Event, Idempotency, Payment, SpendRecord

Value = str | int | bool | None | list[str]
"""What an audit entry tells. Amounts are decimal text of base units: integers of any size stay exact everywhere."""


class Book(Protocol):
    """Reads and writes of one transaction. Reads raise Contradiction for what is not there, unless None is said."""

    now: int
    """Unix seconds of this transaction."""

    def record(self, session_id: str) -> SessionRecord: ...

    def find_record(self, session_id: str) -> SessionRecord | None: ...

    def lineage(self, session_id: str) -> Lineage:
        """The session and its ancestors, with what they have spent."""
        ...

    def spend_record(self, hold_id: str) -> SpendRecord: ...

    def find_spend(self, hold_id: str) -> SpendRecord | None:
        """As spend_record; None when there is none."""
        ...

    def undecided(self, session_id: str, request: SpendRequest, note: str | None) -> Hold | None:
        """The hold of the same request that waits for approval, or for being executed."""
        ...

    def transaction(self, transaction_id: str) -> Transaction: ...

    def funding_used(self, tx_hash: str, transaction_id: str) -> bool:
        """Whether another transaction than this one was paid by that hash."""
        ...

    def remembered(self, idempotency: Idempotency) -> tuple[bytes, str] | None:
        """The fingerprint and the subject (an id) of a key."""
        ...

    def tree_sessions(self, tree_id: str) -> int: ...

    def unique_labels(self, owner_id: str) -> bool:
        """Whether an owner's living sessions need labels of their own."""
        ...

    def set_unique_labels(self, owner_id: str, *, unique: bool) -> None: ...

    def labelled(
        self, owner_id: str, label: str, begins: int, ends: int, *, sole_only: bool
    ) -> Iterable[Labelled]:
        """Sessions of an owner that have a label at some time from `begins` until before `ends`, and maybe others.

        Of those that need it for themselves alone, or of all. Enough of them that one is not in the place of another.
        """
        ...

    def session_of_key(self, owner_id: str, key_hash: bytes) -> str | None:
        """The id of an owner's session that has this key, also when it has ended."""
        ...

    def living(self, owner_id: str) -> list[str]:
        """Ids of an owner's sessions that are not revoked."""
        ...

    def write_spent(self, sessions: Lineage) -> None:
        """What these sessions have spent."""
        ...

    def write_session(self, session: Session) -> None:
        """Policy, life and place of a session that exists; not what it has spent."""
        ...

    def add_session(self, record: SessionRecord, token_hash: bytes) -> None: ...

    def add_hold(self, hold: Hold, owner_id: str, note: str | None) -> None:
        """A hold that is new. Raises Contradiction, here or in the end, when its id is taken."""
        ...

    def write_hold(self, hold: Hold, owner_id: str) -> None:
        """The new state of a hold."""
        ...

    def write_payment(self, hold_id: str, payment: Payment) -> None: ...

    def add_transaction(self, transaction: Transaction) -> None: ...

    def write_transaction(self, before: Transaction, after: Transaction, *, funded: bool) -> None: ...

    def mark_signed(self, transaction: Transaction) -> None:
        """A payment was announced: the reconciler looks for it soon."""
        ...

    def remember(self, idempotency: Idempotency, subject: str) -> None: ...

    def answer(self, answer: Answer) -> None: ...

    def append(
        self,
        owner_id: str,
        chain_id: str,
        kind: Kind,
        session_id: str | None,
        facts: Mapping[str, Value] | Body,
    ) -> None:
        """One more entry of the audit log."""
        ...

    def queue(self, events: tuple[Event, ...]) -> None: ...

    def key(self, owner_id: str, key_id: str) -> ApiKey:
        """An API key of an owner."""
        ...

    def living_keys(self, owner_id: str) -> list[ApiKey]:
        """An owner's keys that are neither revoked nor over at `now`."""
        ...

    def add_key(self, key: ApiKey, api_key_hash: bytes) -> None: ...

    def end_key(self, key: ApiKey) -> None:
        """Since when a key is revoked."""
        ...

    def find_grant(self, chain_id: int, grant_id: bytes) -> SignedGrant | None: ...

    def last_grant(self, session_id: str, chain_id: int) -> SignedGrant | None:
        """The grant that a session was given last on a chain."""
        ...

    def add_grant(self, grant: SignedGrant, tree_id: str) -> None:
        """A grant that is new. From then on its session pays out of it."""
        ...

    def write_grant(self, grant: SignedGrant) -> None:
        """What final blocks showed of a grant."""
        ...

    def stop_grants(self, tree_id: str) -> None:
        """Grants of this tree's sessions that are revoked, or below one that is, are stopped since then; the allotments
        of its sessions are looked at, now."""
        ...

    def find_allotment(self, session_id: str) -> Allotment | None: ...

    def write_allotment(self, allotment: Allotment, tree_id: str) -> None:
        """The allotment of a session, in the place of one before. From then on its session pays out of it."""
        ...

    def enrollment(self, code: str) -> Enrollment | None: ...

    def use_enrollment(self, enrollment: Enrollment) -> None:
        """An enrolment that is used up by a session of this transaction."""

    def find_claim(self, claim_id: str) -> Claim | None: ...

    def unclaimed(self, session_id: str) -> list[Claim]:
        """Claims of a session that nobody has opened."""
        ...

    def write_claim(self, claim: Claim, tree_id: str) -> None:
        """A claim, new or in the place of what it was; what it kept before is overwritten."""
        ...

    def find_alert(self, session_id: str, kind: AlertKind, occasion: str) -> Alert | None: ...

    def add_alert(self, alert: Alert, *, tells: bool) -> None:
        """Keep an alert, unless its occasion has one; its webhook is queued with it if it `tells` and there is a URL.

        Nothing needs to be read for it: a debit must not wait for what is seldom true.
        """
        ...

    def warned(self, session: Session) -> None:
        """The owner needs no warning of this end of the session any more."""
        ...

    def tally(self, session: Session, currency: str, chain_id: int, at: int, units: int, spends: int) -> None:
        """Count so many base units and spends more in the bucket of `at` (unix seconds); below zero: less."""
        ...

    def tallies(self, session_id: str, oldest: int) -> Iterable[tuple[str, int, int]]:
        """Currency, bucket and base units of what a session spent, from a bucket on. Of each chain apart."""
        ...

    def looked_at_pace(self, record: SessionRecord) -> None:
        """The pace of a session was looked at: not again before it spends again. What is new of its tallies is folded
        into the days of its delegate, its label and its chains."""
        ...

    def refused(self, session: Session, codes: Iterable[str]) -> None:
        """Count a refusal in its minute, and each of its reasons in its day. Nothing needs to be read for it."""
        ...

    def set_frozen(self, owner_id: str, *, frozen: bool) -> int | None:
        """Freeze or thaw an owner; since when it is frozen."""
        ...


def child_record(child: Child, session: Session, ancestors: Lineage) -> SessionRecord:
    """What is kept of a child session."""
    return SessionRecord(
        session,
        alias=child.alias,
        wallet_address=child.wallet_address,
        e2e_public_key=child.e2e_public_key,
        label=child.label,
        ancestors=ancestors,
        key_hash=child.key_hash,
        proof_key=child.proof_key,
    )
