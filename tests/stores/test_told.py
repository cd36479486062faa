"""What the audit log tells: every decision and event of a session, and of its owner."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    HOUR,
    NOW,
    USDC,
    SystemTime,
    a_hash,
    a_purchase,
    a_session,
    allowed,
    an_address,
    an_id,
    code,
    digest,
)
from valetkey.core import tree
from valetkey.core.audit import GENESIS, Head, Kind, verify
from valetkey.core.commands import Approve, Capture, Execute, MarkUnknown
from valetkey.core.ids import Kind as Id
from valetkey.core.money import Money
from valetkey.core.refusal import Code
from valetkey.core.spend import SpendRequest
from valetkey.core.transaction import Party, PaymentStatus, Step
from valetkey.core.tree import Narrowing
from valetkey.ports.accounts import Child, SessionRecord
from valetkey.ports.ledger import Asking, Change, Facts, Payment, Spend


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


def made(store: Blocking, market: Market, **policy: Any) -> SessionRecord:
    record = a_session(market.owner)
    session = replace(record.session, policy=replace(record.session.policy, **policy))
    store.add_session(replace(record, session=session), digest(record.alias))
    found: SessionRecord = store.session(session.id)
    return found


def a_child(parent_id: str, **narrowing: Any) -> Child:
    child_id = an_id(Id.SESSION)
    rules = Narrowing(**narrowing)
    return Child(
        child_id, parent_id, rules, an_id(Id.BUYER_ALIAS), an_address(), None, digest(child_id), "my label"
    )


def a_transfer(session: SessionRecord) -> Spend:
    request = SpendRequest(Money(1_000_000, USDC), None, an_address(), "transfer")
    return Spend(session.session.id, an_id(Id.HOLD), request, NOW + 600)


def told(store: Blocking, market: Market, session: SessionRecord) -> list[tuple[Kind, dict[str, Any]]]:
    """What the tree of a session tells after the session itself was made."""
    return kinds(store, market.owner.id, session.session.tree)[1:]


def test_AUDIT_IS_COMPLETE_children_that_were_refused(store: Blocking, market: Market) -> None:
    root = made(store, market)
    good, wide = a_child(root.session.id), a_child(root.session.id, budget=10**9)
    assert code(store.add_children([good, wide])) == Code.NOT_NARROWER
    assert code(store.add_children([good, wide])) == Code.NOT_NARROWER
    assert store.session(wide.id) is None
    (registered, _), *refused = told(store, market, root)
    # The first is made once, and what is refused again is told again.
    assert registered is Kind.CHILD_REGISTERED
    facts = {
        "child": wide.id,
        "wallet": wide.wallet_address,
        "by": root.session.id,
        "codes": ["not_narrower"],
        "rules": ["budget"],
    }
    assert refused == [(Kind.CHILD_REFUSED, facts)] * 2
    last, _ = store.audit(market.owner.id, root.session.tree, 0, 100)[-1]
    assert last.session_id == root.session.id


def test_AUDIT_IS_COMPLETE_a_child_of_a_child_that_was_refused(store: Blocking, market: Market) -> None:
    root = made(store, market)
    child = a_child(root.session.id, budget=5)
    wide = a_child(child.id, budget=6)
    assert code(store.add_children([child, wide])) == Code.NOT_NARROWER
    assert [kind for kind, _ in told(store, market, root)] == [Kind.CHILD_REGISTERED, Kind.CHILD_REFUSED]
    store.revoke_session(root.session.id)
    assert code(store.add_children([a_child(child.id)])) == Code.SESSION_REVOKED
    assert told(store, market, root)[-1][1]["codes"] == ["session_revoked"]


def test_AUDIT_IS_COMPLETE_extensions_that_were_refused(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    session = made(store, market)
    store.extend_session(session.session.id, NOW + HOUR, None, "key:1")
    assert told(store, market, session) == [], "nothing changed, so nothing is told"
    time.seconds = NOW + HOUR
    refused = store.extend_session(session.session.id, NOW + 2 * HOUR, 11_000_000, "key:1")
    assert code(refused) == Code.SESSION_EXPIRED
    store.revoke_session(session.session.id)
    assert code(store.extend_session(session.session.id, NOW + 2 * HOUR, None, "key:2"))
    common = {"ends": NOW + 2 * HOUR}
    assert [one for one in told(store, market, session) if one[0] is not Kind.REVOKED] == [
        (
            Kind.EXTENSION_REFUSED,
            {
                **common,
                "budget": "11000000",
                "by": "key:1",
                "codes": ["session_expired"],
                "rules": ["expires_at"],
            },
        ),
        (
            Kind.EXTENSION_REFUSED,
            {**common, "budget": None, "by": "key:2", "codes": ["session_revoked"], "rules": ["revoked"]},
        ),
    ]


def test_AUDIT_IS_COMPLETE_a_hold_that_may_not_be_paid_from_any_more(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    session = made(store, market)
    held = store.hold_spend(a_transfer(session), None).hold
    time.seconds = NOW + 600
    payment = Payment(b"what was signed", "0x12")
    for _ in range(2):
        refused = store.settle(held.id, MarkUnknown(), by=session.session.id, payment=payment)
        assert code(refused) == Code.HOLD_ENDED
    assert store.spend_record(held.id).payment is None
    facts = {
        "hold": held.id,
        "wanted": "marked_unknown",
        "state": "held",
        "amount": "1000000",
        "by": session.session.id,
        "codes": ["hold_ended"],
        "rules": ["expires_at"],
    }
    assert told(store, market, session)[1:] == [(Kind.SETTLE_REFUSED, facts)] * 2


def test_AUDIT_IS_COMPLETE_an_approval_and_an_execution_that_were_refused(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    session = made(store, market, approval_above=500_000)
    wanted = a_transfer(session)
    held = store.hold_spend(wanted, None, Asking(NOW + HOUR)).hold
    early = store.settle(held.id, Execute(wanted.request, NOW + 600), by=session.session.id)
    assert code(early) == Code.APPROVAL_REQUIRED
    store.extend_session(session.session.id, NOW + 2 * HOUR, None, "owner")
    assert code(store.settle(held.id, Approve(NOW + HOUR), by="owner")) == Code.APPROVAL_STALE
    said = [(kind, facts.get("wanted"), facts.get("codes")) for kind, facts in told(store, market, session)]
    assert said == [
        (Kind.APPROVAL_ASKED, None, None),
        (Kind.SETTLE_REFUSED, "executed", ["approval_required"]),
        (Kind.EXTENDED, None, None),
        (Kind.SETTLE_REFUSED, "approved", ["approval_stale"]),
    ]


def test_AUDIT_IS_COMPLETE_steps_of_a_purchase_that_would_have_settled_its_hold(
    store: Blocking, market: Market
) -> None:
    session = made(store, market)
    tx_hash = a_hash()

    def fund(hashed: str) -> Change:
        facts = Facts(payment_status=PaymentStatus.PAID, escrow_tx_hash=hashed)
        return Change(step=Step.FUND, party=Party.BUYER, facts=facts, command=Capture(1_000_000))

    first, second = (
        allowed(store.place(a_purchase(market.service, market.owner, session), None)) for _ in range(2)
    )
    allowed(store.change(first.id, fund(tx_hash)))
    assert code(store.change(first.id, fund(tx_hash))) == Code.WRONG_STATUS
    assert code(store.change(second.id, fund(tx_hash))) == Code.FUNDING_REPLAYED
    deliver = Change(step=Step.DELIVER, party=Party.SELLER, facts=Facts(response_payload=b"{}"))
    # A step that settles nothing is not told, so no seller writes into a buyer's log.
    assert code(store.change(second.id, deliver)) == Code.WRONG_STATUS
    said = [(kind, facts["hold"], facts.get("codes")) for kind, facts in told(store, market, session)]
    assert said == [
        (Kind.HOLD_PLACED, first.hold_id, None),
        (Kind.HOLD_PLACED, second.hold_id, None),
        (Kind.CAPTURED, first.hold_id, None),
        (Kind.SETTLE_REFUSED, first.hold_id, ["wrong_status"]),
        (Kind.SETTLE_REFUSED, second.hold_id, ["funding_replayed"]),
    ]
    own = allowed(store.place(a_purchase(market.service, market.owner), None))
    before = kinds(store, market.owner.id, market.owner.id)
    assert code(store.change(own.id, replace(fund(tx_hash), command=None))) == Code.FUNDING_REPLAYED
    assert kinds(store, market.owner.id, market.owner.id) == before


def test_AUDIT_IS_COMPLETE_refusals_beside_each_other(store: Blocking, market: Market) -> None:
    """Jobs that share a commit: each refusal has its own entry, and the chain holds."""
    session = made(store, market)
    answers = store.together(
        *(store.store.add_children([a_child(session.session.id, budget=10**9)]) for _ in range(20)),
        *(store.store.hold_spend(a_transfer(session), None) for _ in range(12)),
    )
    assert [code(one) for one in answers[:20]] == [Code.NOT_NARROWER] * 20
    assert [code(one) for one in answers[30:]] == [Code.BUDGET_EXCEEDED] * 2
    found = [kind for kind, _ in told(store, market, session)]
    assert sorted(found) == sorted(
        [Kind.CHILD_REFUSED] * 20 + [Kind.HOLD_PLACED] * 10 + [Kind.HOLD_REFUSED] * 2
    )


def turn(store: Blocking, market: Market, session: SessionRecord) -> Any:
    new = a_session(market.owner)
    return store.rotate_session(
        session.session.id, new, digest(new.alias), grace_seconds=0, carry=True, by="key:1"
    )


@pytest.mark.parametrize(
    ("bound", "refusal", "rule"),
    [("TREE_SESSIONS_MAX", Code.TREE_FULL, "tree"), ("ROTATIONS_MAX", Code.TREE_TOO_DEEP, "rotations")],
)
def test_AUDIT_IS_COMPLETE_a_rotation_for_which_there_is_no_room(
    store: Blocking, market: Market, monkeypatch: pytest.MonkeyPatch, bound: str, refusal: Code, rule: str
) -> None:
    monkeypatch.setattr(tree, bound, 3)
    first = session = made(store, market)
    turns = 2 if bound == "TREE_SESSIONS_MAX" else 3
    for _ in range(turns):
        session = turn(store, market, session)
    assert code(turn(store, market, session)) == refusal
    found = store.session(session.session.id)
    assert (found.session, found.session.successor_id) == (session.session, None)
    assert len(store.session(first.session.id).ancestors) == turns
    kind, facts = told(store, market, session)[-1]
    assert (kind, facts) == (
        Kind.ROTATION_REFUSED,
        {"by": "key:1", "codes": [str(refusal)], "rules": [rule]},
    )


def test_a_rotation_counts_its_own_place_only(
    store: Blocking, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "ROTATIONS_MAX", 2)
    root = made(store, market)
    (child,) = store.add_children([a_child(root.session.id)])
    for _ in range(2):
        root, child = turn(store, market, root), turn(store, market, child)
    assert code(turn(store, market, root)) == code(turn(store, market, child)) == Code.TREE_TOO_DEEP
