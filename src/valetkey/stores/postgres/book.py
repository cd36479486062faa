"""The ledger's facts in a batch of one owner: read for all of its jobs at once, changed in memory, written at its end.

The trees are locked, so that nobody else changes what is here. Everything is of the one owner.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from valetkey.core.api_key import ApiKey, KeyStatus, status
from valetkey.core.audit import GENESIS, Body, Head, Kind, append
from valetkey.core.errors import Contradiction
from valetkey.core.session import Lineage, Session
from valetkey.core.spend import UNDECIDED, Hold, SpendRequest
from valetkey.core.transaction import Transaction
from valetkey.ports.accounts import Answer, SessionRecord
from valetkey.ports.ledger import Event, Idempotency, Payment, SpendRecord
from valetkey.stores.book.facts import Value as Fact
from valetkey.stores.postgres.allotment_book import AllotmentBook
from valetkey.stores.postgres.claim_book import ClaimBook
from valetkey.stores.postgres.crowds import Crowds
from valetkey.stores.postgres.enrollment_book import EnrollmentBook
from valetkey.stores.postgres.grant_book import GrantBook
from valetkey.stores.postgres.name_book import NameBook
from valetkey.stores.postgres.overlay import Journal, Missing, Rows, Wanted
from valetkey.stores.records import request_text


class Chain(NamedTuple):
    """Where the chain of a locked tree, or of the owner, ends. `ahead`: the owner's chain does not say so yet."""

    number: int = 0
    head: bytes = GENESIS
    at: int = 0
    sessions: int = 0
    anchored: int = 0
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Bought:
    """A transaction and what is kept beside it."""

    transaction: Transaction
    funded_at: int | None = None


NEW_CHAIN = Chain()


class PostgresBook(GrantBook, AllotmentBook, ClaimBook, NameBook, EnrollmentBook, Crowds):
    """See stores/book/facts.py, which documents every method."""

    def __init__(self, owner_id: str, now: int) -> None:
        self.owner_id = owner_id
        self.now = now
        self.batch_now = now
        self.journal = Journal()

        def rows() -> Rows[Any, Any]:
            return Rows(self.journal)

        self.chains: Rows[str, Chain] = rows()
        self.agents: Rows[str, bool] = rows()
        self.services: Rows[str, bool] = rows()
        self.frozen: Rows[str, int | None] = rows()
        self.api_keys: Rows[str, ApiKey | None] = rows()
        self.new_keys: Rows[str, bytes] = rows()
        self.knows_living_keys = False
        self.living_sessions: Rows[str, list[str]] = rows()
        # What is beside a session, and the session itself, which every spend changes.
        self.records: Rows[str, SessionRecord] = rows()
        self.sessions: Rows[str, Session | None] = rows()
        self.lives: Rows[str, None] = rows()
        self.spent: Rows[str, None] = rows()
        self.new_sessions: Rows[str, bytes] = rows()
        self.spends: Rows[str, SpendRecord | None] = rows()
        self.new_holds: Rows[str, None] = rows()
        self.holds: Rows[str, None] = rows()
        self.payments: Rows[str, Payment] = rows()
        self.undecided_holds: Rows[tuple[str, str], tuple[str, ...]] = rows()
        self.bought: Rows[str, Bought | None] = rows()
        self.new_transactions: Rows[str, str] = rows()
        self.transactions: Rows[str, None] = rows()
        self.fundings: Rows[str, str | None] = rows()
        self.keys: Rows[tuple[str, str], tuple[bytes, str] | None] = rows()
        self.answers: Rows[tuple[str, str], Answer] = rows()
        self.entries: Rows[tuple[str, int], tuple[Any, ...]] = rows()
        self.events: Rows[str, Event] = rows()
        GrantBook.__init__(self, rows)
        AllotmentBook.__init__(self, rows)
        ClaimBook.__init__(self, rows)
        NameBook.__init__(self, rows)
        EnrollmentBook.__init__(self, rows)
        Crowds.__init__(self, rows)

    def begin(self, trees: frozenset[str]) -> None:
        """The next job is about these trees: it decides no earlier than anything in them was decided."""
        now = self.batch_now
        for tree in trees:
            now = max(now, self._chain(tree).at)
        self.now = now

    def record(self, session_id: str) -> SessionRecord:
        found = self.find_record(session_id)
        if found is None:
            raise Contradiction("there is no such session")
        return found

    def find_record(self, session_id: str) -> SessionRecord | None:
        session = self.session(session_id)
        if session is None:
            return None
        parent = session.parent_id
        return replace(
            self.records[session_id],
            session=self._as_frozen(session),
            ancestors=() if parent is None else self.lineage(parent),
        )

    def lineage(self, session_id: str) -> Lineage:
        found: list[Session] = []
        wanted: str | None = session_id
        while wanted is not None:
            session = self.session(wanted)
            if session is None:
                raise Contradiction("there is no such session")
            found.append(self._as_frozen(session))
            wanted = session.parent_id
        return tuple(found)

    def find_spend(self, hold_id: str) -> SpendRecord | None:
        if hold_id not in self.spends:
            raise Missing(Wanted(holds={hold_id}))
        return self.spends[hold_id]

    def spend_record(self, hold_id: str) -> SpendRecord:
        found = self.find_spend(hold_id)
        if found is None:
            raise Contradiction("there is no such hold")
        return found

    def undecided(self, session_id: str, request: SpendRequest, note: str | None) -> Hold | None:
        found = [self.spend_record(one) for one in self._undecided(session_id, request)]
        fitting = [one for one in found if note is None or one.note in (None, note)]
        fitting.sort(key=lambda one: (one.note != note, one.hold.placed_at, one.hold.id))
        return fitting[0].hold if fitting else None

    def _undecided(self, session_id: str, request: SpendRequest) -> tuple[str, ...]:
        key = (session_id, request_text(request))
        if key not in self.undecided_holds:
            raise Missing(Wanted(undecided={key}))
        return self.undecided_holds[key]

    def transaction(self, transaction_id: str) -> Transaction:
        return self._bought(transaction_id).transaction

    def funding_used(self, tx_hash: str, transaction_id: str) -> bool:
        key = tx_hash.lower()
        if key not in self.fundings:
            raise Missing(Wanted(fundings={key}))
        return self.fundings[key] not in (None, transaction_id)

    def remembered(self, idempotency: Idempotency) -> tuple[bytes, str] | None:
        key = (idempotency.scope, idempotency.key)
        if key in self.answers:
            # As what has an answer is read: it has no subject, and no fingerprint fits it.
            return b"", ""
        if key not in self.keys:
            raise Missing(Wanted(keys={key}))
        return self.keys[key]

    def tree_sessions(self, tree_id: str) -> int:
        return self._chain(tree_id).sessions

    def living(self, owner_id: str) -> list[str]:
        """Those of the locked trees that the batch has read."""
        assert owner_id == self.owner_id
        found = []
        for tree_id, _ in self.chains.known():
            if tree_id == owner_id:
                continue
            if tree_id not in self.living_sessions:
                raise Missing(Wanted(living={tree_id}))
            found += [one for one in self.living_sessions[tree_id] if self._lives(one)]
        return found

    def write_spent(self, sessions: Lineage) -> None:
        for one in sessions:
            assert self.sessions[one.id] is not None
            # Nothing else of a session changes by spending: the rest is as it was read a moment ago.
            self.sessions.put(one.id, one)
            self.spent.mark(one.id, None)

    def write_session(self, session: Session) -> None:
        known = self.session(session.id)
        assert known is not None
        self.sessions.put(session.id, session.having_spent(known.usage, known.pace, known.others))
        self.lives.mark(session.id, None)
        # A larger budget may bring an exhausted session back.
        self.spent.mark(session.id, None)

    def add_session(self, record: SessionRecord, token_hash: bytes) -> None:
        session = record.session
        if session.owner_id != self.owner_id:
            raise Contradiction("a tree has one owner")
        self._frozen()
        if self.sessions.get(session.id) is not None:
            raise Contradiction("there is such a session already")
        chain = self._chain(session.tree)
        after = chain._replace(at=max(chain.at, self.now), sessions=chain.sessions + 1)
        self.chains.put(session.tree, after)
        self.records.put(session.id, record)
        self.sessions.put(session.id, session)
        self.new_sessions.put(session.id, token_hash)
        if record.key_hash is not None:
            self.session_keys.put(record.key_hash, session.id)
        self.spent.mark(session.id, None)

    def add_hold(self, hold: Hold, owner_id: str, note: str | None) -> None:
        assert owner_id == self.owner_id
        if self.spends.get(hold.id) is not None:
            raise Contradiction("there is such a hold already")
        self.spends.put(hold.id, SpendRecord(hold, owner_id, note))
        self.new_holds.mark(hold.id, None)
        if hold.state in UNDECIDED:
            others = self._undecided(hold.session_id, hold.request)
            self.undecided_holds.put((hold.session_id, request_text(hold.request)), (*others, hold.id))

    def write_hold(self, hold: Hold, owner_id: str) -> None:
        assert owner_id == self.owner_id
        known = self.spend_record(hold.id)
        self.spends.put(hold.id, replace(known, hold=hold))
        self.holds.mark(hold.id, None)
        if hold.state in UNDECIDED or known.hold.state in UNDECIDED:
            others = tuple(one for one in self._undecided(hold.session_id, hold.request) if one != hold.id)
            key = (hold.session_id, request_text(hold.request))
            self.undecided_holds.put(key, (*others, hold.id) if hold.state in UNDECIDED else others)

    def write_payment(self, hold_id: str, payment: Payment) -> None:
        self.spends.put(hold_id, replace(self.spend_record(hold_id), payment=payment))
        self.payments.put(hold_id, payment)

    def add_transaction(self, transaction: Transaction) -> None:
        if transaction.buyer_id != self.owner_id:
            raise Contradiction("a session buys for its owner")
        self._frozen()
        for agent_id in (transaction.buyer_id, transaction.seller_id):
            if not self._exists(self.agents, agent_id, Wanted(agents={agent_id})):
                raise Contradiction("there is no such agent")
        service_id = transaction.service_id
        if not self._exists(self.services, service_id, Wanted(services={service_id})):
            raise Contradiction("there is no such service")
        if transaction.id in self.bought and self.bought[transaction.id] is not None:
            raise Contradiction("there is such a transaction already")
        tree_id = self.owner_id
        if transaction.hold_id is not None:
            spend = self.spend_record(transaction.hold_id)
            self.spends.put(transaction.hold_id, replace(spend, transaction_id=transaction.id))
            tree_id = self.record(spend.hold.session_id).session.tree
        self.bought.put(transaction.id, Bought(transaction))
        self.new_transactions.put(transaction.id, tree_id)
        self.enqueue(transaction, self.now)

    def write_transaction(self, before: Transaction, after: Transaction, *, funded: bool) -> None:
        known = self._bought(after.id)
        if after.escrow_tx_hash is not None and after.escrow_tx_hash != before.escrow_tx_hash:
            # It was asked for by `funding_used`, so that it is known.
            self.fundings.put(after.escrow_tx_hash.lower(), after.id)
        changed = Bought(after, after.updated_at if funded else known.funded_at)
        self.bought.put(after.id, changed)
        self.transactions.put(after.id, None)
        self.follow_status(before, after, self.now)
        self.follow_step(before, after, changed.funded_at)

    def mark_signed(self, transaction: Transaction) -> None:
        self.announced(transaction, self.now)

    def remember(self, idempotency: Idempotency, subject: str) -> None:
        self.keys.put((idempotency.scope, idempotency.key), (idempotency.fingerprint, subject))

    def answer(self, answer: Answer) -> None:
        key = (answer.idempotency.scope, answer.idempotency.key)
        if key in self.answers:
            raise Contradiction("this idempotency key has an answer")
        self.answers.put(key, answer)

    def append(
        self,
        owner_id: str,
        chain_id: str,
        kind: Kind,
        session_id: str | None,
        facts: Mapping[str, Fact] | Body,
    ) -> None:
        assert owner_id == self.owner_id
        chain = self._chain(chain_id)
        before = Head(chain_id, chain.number, chain.head)
        entry, head = append(before, max(self.now, chain.at), kind, session_id, facts)
        ahead = chain_id != owner_id
        after = Chain(head.seq, head.hash, entry.at, chain.sessions, chain.anchored, ahead)
        self.chains.put(chain_id, after)
        row = (chain_id, entry.seq, entry.at, str(kind), session_id, entry.body, head.hash)
        self.entries.put((chain_id, entry.seq), row)

    def anchor(self, chain_id: str) -> bool:
        """Write where a locked tree's chain ends into the owner's chain; whether that was new."""
        chain = self._chain(chain_id)
        if chain.number == chain.anchored:
            return False
        facts: dict[str, Fact] = {"tree": chain_id, "seq": chain.number, "head": chain.head.hex()}
        self.append(self.owner_id, self.owner_id, Kind.ANCHOR, None, facts)
        self.chains.put(chain_id, chain._replace(anchored=chain.number, ahead=False))
        return True

    def queue(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.id in self.events:
                raise Contradiction("there is such an event already")
            self.events.put(event.id, event)

    def key(self, owner_id: str, key_id: str) -> ApiKey:
        assert owner_id == self.owner_id
        if key_id not in self.api_keys:
            raise Missing(Wanted(api_keys={key_id}))
        found = self.api_keys[key_id]
        if found is None:
            raise Contradiction("there is no such key")
        return found

    def living_keys(self, owner_id: str) -> list[ApiKey]:
        assert owner_id == self.owner_id
        self._chain(owner_id)
        if not self.knows_living_keys:
            raise Missing(Wanted(living_keys=True))
        known = [key for _, key in self.api_keys.known() if key is not None]
        return [key for key in known if status(key, self.now) is KeyStatus.ACTIVE]

    def add_key(self, key: ApiKey, api_key_hash: bytes) -> None:
        self._frozen()
        if self.api_keys.get(key.id) is not None:
            raise Contradiction("there is such a key already")
        self.api_keys.put(key.id, key)
        self.new_keys.put(key.id, api_key_hash)

    def end_key(self, key: ApiKey) -> None:
        self.api_keys.put(key.id, key)

    def set_frozen(self, owner_id: str, *, frozen: bool) -> int | None:
        assert owner_id == self.owner_id
        since = self._frozen()
        since = (self.now if since is None else since) if frozen else None
        self.frozen.put(owner_id, since)
        return since

    def _chain(self, tree_id: str) -> Chain:
        assert tree_id in self.chains, "a job names the trees that it is about, which are locked"
        return self.chains[tree_id]

    def session(self, session_id: str) -> Session | None:
        """A session as the batch left it, None when there is none; a freeze is not in it."""
        if session_id not in self.sessions:
            raise Missing(Wanted(sessions={session_id}))
        found = self.sessions[session_id]
        assert found is None or found.tree in self.chains, "only locked trees are looked at"
        return found

    def load_session(self, session_id: str, record: SessionRecord | None) -> None:
        """What the database says of a session, None for nothing."""
        self.sessions.load(session_id, None if record is None else record.session)
        if record is not None:
            self.records.load(session_id, record)

    def _bought(self, transaction_id: str) -> Bought:
        if transaction_id not in self.bought:
            raise Missing(Wanted(transactions={transaction_id}))
        found = self.bought[transaction_id]
        if found is None:
            raise Contradiction("there is no such transaction")
        return found

    def _lives(self, session_id: str) -> bool:
        found = self.session(session_id)
        return found is not None and found.revoked_at is None

    def _frozen(self) -> int | None:
        if not self._exists(self.agents, self.owner_id, Wanted(agents={self.owner_id})):
            raise Contradiction("there is no such agent")
        return self.frozen[self.owner_id]

    def _as_frozen(self, session: Session) -> Session:
        since = self.frozen[self.owner_id]
        return session if session.frozen_at == since else replace(session, frozen_at=since)

    @staticmethod
    def _exists(rows: Rows[str, bool], key: str, wanted: Wanted) -> bool:
        if key not in rows:
            raise Missing(wanted)
        return rows[key]
