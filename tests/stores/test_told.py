"""What the audit log tells: every decision and event of a session, and of its owner."""

import json

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import a_purchase, a_session, code, digest
from valetkey.core.audit import GENESIS, Head, Kind, verify
from valetkey.core.commands import Capture
from valetkey.core.refusal import Code


def kinds(store: Blocking, owner_id: str, chain_id: str) -> list[tuple[Kind, dict[str, object]]]:
    """What a chain tells, after it was verified up to the head that the store names."""
    entries = store.audit(owner_id, chain_id, 0, 1_000)
    heads = {head.chain_id: head for head in store.heads(owner_id)}
    assert verify(entries, Head(chain_id, 0, GENESIS)) == heads[chain_id]
    return [(entry.kind, json.loads(entry.body)) for entry, _ in entries]


def test_AUDIT_IS_COMPLETE_every_decision_yes_and_no(store: Blocking, market: Market) -> None:
    record = a_session(market.owner, 10_000_000)
    store.add_session(record, digest("token"))
    passed = a_purchase(market.service, market.owner, record, units=4_000_000)
    store.place(passed, None)
    assert (
        code(store.place(a_purchase(market.service, market.owner, record, units=7_000_000), None))
        == Code.BUDGET_EXCEEDED
    )
    store.settle(passed.hold_id, Capture(3_000_000), by="owner")
    store.settle(passed.hold_id, Capture(3_000_000), by="owner")
    store.pause_session(record.session.id, paused=True)
    store.pause_session(record.session.id, paused=False)
    store.revoke_session(record.session.id)
    store.revoke_session(record.session.id)
    told = kinds(store, market.owner.id, record.session.tree)
    assert [kind for kind, _ in told] == [
        Kind.SESSION_CREATED,
        Kind.HOLD_PLACED,
        Kind.HOLD_REFUSED,
        Kind.CAPTURED,
        Kind.PAUSED,
        Kind.RESUMED,
        Kind.REVOKED,
    ]
    assert told[1][1]["hold"] == passed.hold_id
    assert told[2][1]["codes"] == ["budget_exceeded"]
    assert told[3][1]["captured"] == "3000000"


def test_what_stops_all_of_an_owner_s_sessions_is_in_the_owner_s_own_chain(
    store: Blocking, market: Market
) -> None:
    store.add_session(a_session(market.owner), digest("token"))
    store.freeze(market.owner.id, frozen=True)
    store.freeze(market.owner.id, frozen=False)
    assert store.revoke_sessions(market.owner.id) == 1
    told = kinds(store, market.owner.id, market.owner.id)
    assert [kind for kind, _ in told] == [Kind.KEY_CREATED, Kind.FROZEN, Kind.THAWED, Kind.ALL_REVOKED]


def test_heads_of_trees_are_written_into_the_owner_s_chain(store: Blocking, market: Market) -> None:
    records = [a_session(market.owner) for _ in range(3)]
    for number, record in enumerate(records):
        store.add_session(record, digest(f"token {number}"))
    heads = {head.chain_id: head for head in store.heads(market.owner.id)}
    while store.anchor(2):
        pass
    told = kinds(store, market.owner.id, market.owner.id)
    assert {kind for kind, _ in told[1:]} == {Kind.ANCHOR}
    anchored = "".join(json.dumps(facts) for _, facts in told)
    for record in records:
        assert heads[record.session.tree].hash.hex() in anchored
    # Nothing went on since: nothing is written twice.
    assert store.anchor(10) == 0
    assert len(kinds(store, market.owner.id, market.owner.id)) == len(told)
