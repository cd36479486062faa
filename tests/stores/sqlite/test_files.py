"""The file: private, of a known version, with exact numbers and without a secret in it."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.stores.making import (
    NOW,
    SystemTime,
    a_hash,
    a_purchase,
    a_session,
    allowed,
    an_api_key,
    an_event,
    code,
    digest,
)
from tests.stores.making_allotments import an_allotment
from tests.stores.making_claims import a_claim
from tests.stores.making_enrollments import an_enrollment
from tests.stores.making_grants import a_grant
from tests.stores.sqlite.conftest import Open
from tests.stores.sqlite.test_races import prepare
from tests.stores.test_change import fund
from tests.stores.test_session_pages import listed_by_what_is_left, standings_of
from valetkey.core.api_key import KeyStatus, Scope, status
from valetkey.core.commands import MarkUnknown
from valetkey.core.errors import EnvironmentFailure
from valetkey.core.ids import Kind, is_id
from valetkey.core.limits import Limits
from valetkey.core.spend import HoldState
from valetkey.crypto.credentials import credential_hash, new_api_key, new_session_token
from valetkey.ports.accounts import Funding, SessionQuery
from valetkey.ports.ledger import Payment
from valetkey.stores.failures import StoreUnreadable
from valetkey.stores.sqlite import (
    grant_book,
    grants,
    ledger,
    listing,
    open_store,
    outbox,
    queue,
    relays,
)
from valetkey.stores.sqlite.schema import MIGRATIONS


def test_the_file_and_its_companions_are_the_owner_s_alone(open_again: Open, path: Path) -> None:
    before = os.umask(0)
    try:
        prepare(open_again())
    finally:
        os.umask(before)
    found = sorted(path.parent.iterdir())
    assert [one.name for one in found] == ["valetkey.db", "valetkey.db-shm", "valetkey.db-wal"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in found} == {0o600}


def test_what_was_kept_is_there_again(open_again: Open) -> None:
    store = open_again()
    market, record = prepare(store)
    purchase = allowed(store.place(a_purchase(market.service, market.owner, record, 7_000), None))
    store.mark_signed(purchase.id)
    store.close()
    again = open_again()
    assert again.transaction(purchase.id) == purchase
    assert again.hold(purchase.hold_id).state is HoldState.UNKNOWN
    assert again.authenticate(digest("token")).session.usage.held == 7_000


def test_a_newer_file_is_refused(open_again: Open, path: Path) -> None:
    open_again().close()
    newer = len(MIGRATIONS) + 1
    _run(path, f"PRAGMA user_version = {newer}")
    with pytest.raises(StoreUnreadable, match=f"version {newer}.*knows {len(MIGRATIONS)}.*newer") as caught:
        open_store(path)
    assert not caught.value.retryable
    _run(path, f"PRAGMA user_version = {len(MIGRATIONS)}")


def test_keys_of_an_older_file_go_on_and_have_a_name_and_an_id(open_again: Open, path: Path) -> None:
    """Version 1 had bare hashes: what opened the door still opens it, also for sessions."""
    store = open_again()
    market, record = prepare(store)
    store.close()
    _run(path, _AS_VERSION_1)
    again = open_again()
    found = again.authenticate(digest(f"key of {market.owner.id}"))
    assert found.agent == market.owner
    assert is_id(Kind.API_KEY, found.key.id)
    assert (found.key.name, found.key.scopes) == ("registration", {Scope.FULL})
    assert found.key.created_at == market.owner.created_at
    assert status(found.key, NOW) is KeyStatus.ACTIVE
    assert again.authenticate(digest(f"key of {market.seller.id}")).key.id != found.key.id
    assert again.authenticate(digest("token")).session.id == record.session.id
    assert again.keys(market.owner.id, 10, 0) == ([found.key], 1)
    made = an_api_key(market.owner)
    assert again.make_key(made, digest("made"), found.key.id) is None
    again.revoke_key(market.owner.id, found.key.id, made.actor)
    revoked = again.authenticate(digest(f"key of {market.owner.id}")).key
    assert status(revoked, NOW) is KeyStatus.REVOKED


_AS_VERSION_9 = """
PRAGMA foreign_keys = OFF;
DROP TABLE refused_minutes;
DROP INDEX holds_unknown_session;
DROP INDEX spent_at_risk;
DROP INDEX spent_near;
DROP INDEX spent_days_most;
ALTER TABLE spent DROP COLUMN owner;
ALTER TABLE spent DROP COLUMN ends;
ALTER TABLE spent DROP COLUMN near;
ALTER TABLE spent DROP COLUMN currency;
ALTER TABLE spent DROP COLUMN high;
ALTER TABLE spent DROP COLUMN low;
ALTER TABLE spent DROP COLUMN odd;
DROP INDEX sessions_roots;
DROP INDEX sessions_revoked;
DROP INDEX sessions_by_end;
DROP INDEX sessions_by_label;
DROP INDEX sessions_by_rest;
DROP TRIGGER sessions_text_added;
DROP TRIGGER sessions_text_changed;
DROP TABLE sessions_text;
PRAGMA user_version = 9;
"""
_AS_VERSION_7 = f"""{_AS_VERSION_9}
DROP TABLE alerts;
DROP TABLE tallies;
DROP TABLE spent_days;
DROP TABLE refused_days;
DROP INDEX sessions_ending;
DROP INDEX holds_unknown_of;
DROP TRIGGER spent_all;
DROP TRIGGER spent_all_at_once;
DROP INDEX sessions_warned;
DROP INDEX sessions_wallet;
DROP INDEX sessions_newest;
DROP INDEX sessions_named;
ALTER TABLE sessions DROP COLUMN warn_at;
ALTER TABLE sessions DROP COLUMN warned_for;
ALTER TABLE sessions DROP COLUMN currencies;
ALTER TABLE sessions DROP COLUMN rest;
ALTER TABLE spent DROP COLUMN rest;
CREATE TRIGGER spent_all AFTER UPDATE OF exhausted ON spent WHEN new.exhausted <> old.exhausted BEGIN
  UPDATE sessions SET exhausted = new.exhausted WHERE id = new.session_id;
END;
CREATE TRIGGER spent_all_at_once AFTER INSERT ON spent WHEN new.exhausted = 1 BEGIN
  UPDATE sessions SET exhausted = 1 WHERE id = new.session_id;
END;
CREATE INDEX sessions_newest ON sessions (owner_id, created_at, seq,
  label, parent_id, role, delegate, revoked_at, expires_at, paused_at, exhausted, not_before, chains);
CREATE INDEX sessions_named ON sessions (owner_id, label, created_at, seq,
  parent_id, role, delegate, revoked_at, expires_at, paused_at, exhausted, not_before, chains) WHERE label IS NOT NULL;
PRAGMA user_version = 7;
"""
_AS_VERSION_5 = f"""{_AS_VERSION_7}
DROP TABLE enrollments;
ALTER TABLE sessions DROP COLUMN proof_key;
DROP TABLE claims;
PRAGMA user_version = 5;
"""
_AS_VERSION_4 = f"""{_AS_VERSION_5}
DROP TABLE allotments;
PRAGMA user_version = 4;
"""
_AS_VERSION_3 = f"""{_AS_VERSION_4}
DROP INDEX sessions_key;
DROP INDEX sessions_label;
DROP INDEX sessions_sole;
DROP INDEX sessions_named;
DROP INDEX sessions_children;
DROP INDEX sessions_newest;
DROP TRIGGER spent_all;
DROP TRIGGER spent_all_at_once;
ALTER TABLE sessions DROP COLUMN chains;
ALTER TABLE sessions DROP COLUMN exhausted;
CREATE INDEX sessions_newest ON sessions (owner_id, created_at, seq);
ALTER TABLE agents DROP COLUMN unique_labels;
ALTER TABLE sessions DROP COLUMN key_hash;
ALTER TABLE sessions DROP COLUMN sole;
PRAGMA user_version = 3;
"""
_AS_VERSION_2 = f"""{_AS_VERSION_3}
DROP TABLE grants;
DROP TABLE relays;
DROP TABLE relayers;
DROP TABLE counted;
DROP TABLE followed;
DROP INDEX holds_reference;
DROP INDEX transactions_unnamed;
ALTER TABLE sessions DROP COLUMN funding;
ALTER TABLE transactions DROP COLUMN session_key;
PRAGMA user_version = 2;
"""
_AS_VERSION_1 = f"""{_AS_VERSION_2}
CREATE TABLE older (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  agent_id TEXT REFERENCES agents (id),
  session_id TEXT REFERENCES sessions (id),
  CHECK ((agent_id IS NULL) <> (session_id IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO older SELECT c.hash, k.owner_id, c.session_id FROM credentials c LEFT JOIN api_keys k ON k.id = c.key_id;
DROP TABLE credentials;
DROP TABLE api_keys;
ALTER TABLE older RENAME TO credentials;
PRAGMA user_version = 1;
"""


def test_lists_and_alerts_of_an_older_file_go_on(open_again: Open, path: Path, time: SystemTime) -> None:
    """Version 7 did not keep what is left beside a session, and told nobody of anything."""
    store = open_again()
    market, _ = prepare(store)
    ids = standings_of(store, market)
    ending = a_session(market.owner, expires_at=NOW + 600)
    over = a_session(market.owner, expires_at=1_000)
    for one in (ending, over):
        store.add_session(one, digest(one.alias))
    odd = a_session(market.owner, 7, label="Odd one")
    policy = replace(odd.session.policy, others=(Limits("ETH", 10), Limits("EURC", None)))
    store.add_session(replace(odd, session=replace(odd.session, policy=policy)), digest("odd"))
    before, kept, at_risk = _schema(path), _run(path, _RANKS), _run(path, _AT_RISK)
    risks = store.overview(market.owner.id, 0, 0).risks
    store.close()
    _run(path, _AS_VERSION_7)
    again = open_again()
    assert _schema(path) == before
    assert _run(path, _RANKS) == kept
    assert _run(path, _AT_RISK) == at_risk
    assert again.overview(market.owner.id, 0, 0).risks == risks
    assert again.sessions(SessionQuery(market.owner.id, part_of_label="odd ON"))[1] == 1
    assert listed_by_what_is_left(again, market) == ids
    time.seconds = NOW + 590
    assert again.ending_soon(10) == [ending.session.id], "and not of what was over before"


_AT_RISK = "SELECT session_id, owner, ends, near, currency, high, low FROM spent ORDER BY 1"
_RANKS = (
    "SELECT s.id, s.rest, u.rest, s.exhausted FROM sessions s JOIN spent u ON u.session_id = s.id ORDER BY 1"
)


def test_a_file_without_enrolments_and_claims_goes_on(open_again: Open, path: Path) -> None:
    """Version 5 knew no proof keys: the tokens of its sessions are enough, as they always were; and no links."""
    store = open_again()
    _, record = prepare(store)
    before = _schema(path)
    store.close()
    _run(path, _AS_VERSION_5)
    again = open_again()
    assert _schema(path) == before
    assert again.session(record.session.id).proof_key is None
    kept = an_enrollment()
    assert again.add_enrollment(kept, 1) == kept
    made = again.make_claim(a_claim(record), "owner")
    assert again.claim(made.id) == made


def test_a_file_without_allotments_goes_on(open_again: Open, path: Path) -> None:
    """Version 4 knew no sessions on Solana: whoever has one may be given an allotment."""
    store = open_again()
    _, record = prepare(store)
    before = _schema(path)
    store.close()
    _run(path, _AS_VERSION_4)
    again = open_again()
    assert _schema(path) == before
    kept = again.give_allotment(an_allotment(record), "owner")
    assert again.allotment(record.session.id) == kept
    assert again.session(record.session.id).funding is Funding.ALLOTMENT


def test_names_and_lists_of_an_older_file_go_on(open_again: Open, path: Path) -> None:
    """Version 3 knew no keys, sole labels or policy; what is listed is found as before."""
    store = open_again()
    market, record = prepare(store)
    spent = a_session(market.owner, 7_000, label="spent")
    store.add_session(spent, digest("spent"))
    allowed(store.place(a_purchase(market.service, market.owner, spent, 7_000), None))
    before = _schema(path)
    found = {
        one: store.sessions(SessionQuery(market.owner.id, status=one, chain_id=1))
        for one in ("active", "exhausted")
    }
    assert [total for _, total in found.values()] == [1, 1]
    store.close()
    _run(path, _AS_VERSION_3)
    again = open_again()
    assert _schema(path) == before
    assert {
        one: again.sessions(SessionQuery(market.owner.id, status=one, chain_id=1)) for one in found
    } == found
    assert again.agent(market.owner.id).unique_labels is False
    kept = again.session(record.session.id)
    assert (kept.key_hash, kept.sole) == (None, False)
    named = a_session(market.owner, label="spent", sole=True, key_hash=digest("key"))
    assert code(again.add_session(named, digest("named"))) == "label_taken"
    again.revoke_session(spent.session.id)
    assert again.add_session(named, digest("named")) == named


def test_sessions_and_purchases_of_an_older_file_go_on(open_again: Open, path: Path) -> None:
    """Version 2 knew no grants: its sessions pay with their wallets, and may be given one."""
    store = open_again()
    market, record = prepare(store)
    purchase = allowed(store.place(a_purchase(market.service, market.owner, record, 7_000), None))
    store.settle(purchase.hold_id, MarkUnknown(), by="owner", payment=Payment(b"signed", "0x12"))
    before = _schema(path)
    store.close()
    _run(path, _AS_VERSION_2)
    again = open_again()
    assert _schema(path) == before
    assert again.authenticate(digest("token")) == replace(
        record, session=again.session(record.session.id).session
    )
    assert again.session(record.session.id).funding is Funding.WALLET
    assert again.transaction(purchase.id) == purchase
    assert again.spend_of_reference(record.session.id, "0x12").hold.id == purchase.hold_id
    assert [one.id for one in again.unnamed_purchases(record.session.id, 10)] == [purchase.id]
    assert again.add_grant(a_grant(market.owner, record), "owner").session_id == record.session.id
    assert again.session(record.session.id).funding is Funding.GRANT


def _schema(path: Path) -> set[tuple[str, str]]:
    """Every table with its columns, and every index."""
    db = apsw.Connection(str(path))
    found = {
        (str(name), str(sql)) for name, sql in db.execute("SELECT name, sql FROM sqlite_schema").fetchall()
    }
    db.close()
    return found


def _run(path: Path, sql: str) -> list[tuple[Any, ...]]:
    db = apsw.Connection(str(path))
    found = db.execute(sql).fetchall()
    db.close()
    return found


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE theirs (a)", "PRAGMA user_version = 99", "PRAGMA application_id = 7"]
)
def test_another_program_s_database_is_left_alone(path: Path, sql: str) -> None:
    _run(path, sql)
    with pytest.raises(StoreUnreadable, match="another program"):
        open_store(path)


def test_what_is_no_database_and_what_cannot_be_opened(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreUnreadable, match="not a database"):
        open_store(path)
    for nowhere in (tmp_path / "no such folder" / "valetkey.db", tmp_path):
        with pytest.raises(StoreUnreadable):
            open_store(nowhere)


def test_a_damaged_file_is_an_environment_failure(open_again: Open, path: Path) -> None:
    store = open_again()
    market, _ = prepare(store)
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (size - 4_096))
    with pytest.raises(EnvironmentFailure) as caught:
        open_again().agent(market.owner.id)
    assert not caught.value.retryable


def test_no_number_is_ever_a_float(open_again: Open, path: Path) -> None:
    store = open_again()
    market, record = prepare(store, 10**30 - 1)
    for units in (1, 2**53 + 1, 2**63, 10**29 + 1):
        purchase = allowed(store.place(a_purchase(market.service, market.owner, record, units), None))
        store.change(purchase.id, fund(a_hash(), units=units, events=(an_event(market.seller, purchase),)))
    store.pulse()
    db = apsw.Connection(str(path))
    tables = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT%'"
    ).fetchall()
    assert len(tables) >= 10
    for (table,) in tables:
        for row in db.execute(f"SELECT * FROM {table}").fetchall():
            assert not any(isinstance(value, float) for value in row), table
    ((figures,),) = db.execute("SELECT figures FROM spent").fetchall()
    db.close()
    assert json.loads(figures) == [4, [0, 1 + 2**53 + 1 + 2**63 + 10**29 + 1, []]]


def test_SECRETS_STAY_SECRET_credentials_are_hashes(open_again: Open, path: Path) -> None:
    store = open_again()
    market, _ = prepare(store)
    api_key, token = new_api_key().reveal(), new_session_token().reveal()
    store.add_api_key(an_api_key(market.owner), credential_hash(api_key))
    store.add_session(a_session(market.owner), credential_hash(token))
    assert store.authenticate(credential_hash(api_key)).agent == market.owner
    kept = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert credential_hash(token) in kept
    for secret in (api_key, token):
        assert secret.encode() not in kept
        assert secret[-64:].encode() not in kept


def test_stale_one_time_values_are_forgotten(open_again: Open, path: Path, time: SystemTime) -> None:
    store = open_again()
    for number in range(30):
        store.use_once(b"%d" % number, NOW + 300)
    time.seconds += 300
    assert store.use_once(b"new", NOW + 900)
    db = apsw.Connection(str(path))
    assert db.execute("SELECT key FROM used_once").fetchall() == [(b"new",)]
    db.close()


def test_looking_at_an_idle_queue_writes_nothing(open_again: Open, path: Path, time: SystemTime) -> None:
    store = open_again()
    prepare(store)
    log = path.with_name("valetkey.db-wal")
    before = log.stat().st_size
    for _ in range(5):
        time.seconds += 1
        assert store.claim_due(20, 60) == []
        assert store.awaiting_proof(20) == []
        assert store.unsettled(20) == []
    assert log.stat().st_size == before


@pytest.mark.parametrize(
    ("look", "index"),
    [
        ("waiting", "COVERING INDEX waiting_due"),
        ("ended", "COVERING INDEX waiting_due"),
        ("over", "waiting_watched"),
        ("due", "events_due"),
        ("to revoke", "grants_to_revoke"),
        ("last grant", "grants_session"),
        ("stopping", "grants_unstopped"),
        ("reference", "holds_reference"),
        ("unnamed", "transactions_unnamed"),
        ("of a purpose", "relays_purpose"),
    ],
)
def test_queues_are_read_through_their_index(open_again: Open, path: Path, look: str, index: str) -> None:
    open_again()
    statements = {
        "waiting": (queue._DUE, (queue.SIGNED, 0, 50)),
        "ended": (queue._DUE_ENDED, (0, 0, 50)),
        "over": (queue._ANY_OVER, (0,)),
        "due": (outbox._DUE, (0, 50)),
        "to revoke": (grants._TO_REVOKE, (1, 0, 50)),
        "last grant": (grant_book._LAST, ("ses_1", 1)),
        "stopping": (grant_book._STOP, ("ses_1",)),
        "reference": (ledger._OF_REFERENCE, ("ses_1", "0x1")),
        "unnamed": (listing._UNNAMED, ("ses_1", 10)),
        "of a purpose": (relays._OF_PURPOSE, (1, "0x1", "fund 1")),
    }
    sql, values = statements[look]
    db = apsw.Connection(str(path))
    plan = " ".join(str(row[3]) for row in db.execute("EXPLAIN QUERY PLAN " + sql, values).fetchall())
    db.close()
    assert index in plan
    assert "TEMP B-TREE" not in plan
