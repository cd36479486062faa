"""Trees of sessions: children, rotation and extension, and what an owner stops at once."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    HOUR,
    NOW,
    a_key,
    a_purchase,
    a_session,
    allowed,
    an_address,
    an_id,
    code,
    digest,
)
from valetkey.core.errors import Contradiction
from valetkey.core.ids import Kind
from valetkey.core.session import Status, Usage, status
from valetkey.core.tree import Narrowing
from valetkey.ports.accounts import Answer, Child, SessionQuery, SessionRecord


@pytest.fixture
def root(store: Blocking, market: Market) -> SessionRecord:
    record = a_session(market.owner, label="root")
    store.add_session(record, digest("root"))
    return record


def a_child(parent_id: str, **narrowing: Any) -> Child:
    child_id = an_id(Kind.SESSION)
    return Child(
        child_id,
        parent_id,
        Narrowing(**narrowing),
        an_id(Kind.BUYER_ALIAS),
        an_address(),
        None,
        digest(child_id),
    )


def usage(store: Blocking, session_id: str) -> Usage:
    found: SessionRecord = store.session(session_id)
    return found.session.usage


def test_NARROW_ONLY_a_grandchild_spends_out_of_every_budget(
    store: Blocking, market: Market, root: SessionRecord
) -> None:
    child = a_child(root.session.id, budget=3_000_000)
    grandchild = a_child(child.id, budget=2_000_000)
    made = store.add_children([child, grandchild])
    assert [one.session.depth for one in made] == [1, 2]
    assert [one.id for one in made[1].ancestors] == [child.id, root.session.id]
    assert store.add_children([child, grandchild]) == made, "known ones stay"
    assert store.session(grandchild.id) == made[1] == store.authenticate(digest(grandchild.id))
    allowed(store.place(a_purchase(market.service, market.owner, made[1], 2_000_000), None))
    for one in (root.session.id, child.id, grandchild.id):
        assert usage(store, one) == Usage(held=2_000_000)
    assert code(store.place(a_purchase(market.service, market.owner, made[0], 1_000_001), None)) == (
        "budget_exceeded"
    )
    refused = store.add_children([a_child(root.session.id), a_child(root.session.id, budget=10**9)])
    assert code(refused)
    with pytest.raises(Contradiction):
        store.add_children([a_child("ses_0000000000000000000000000")])
    store.revoke_session(root.session.id)
    found = store.session(grandchild.id)
    assert status(found.session, NOW, found.ancestors) is Status.REVOKED
    assert code(store.place(a_purchase(market.service, market.owner, made[1], 1), None)) == "session_revoked"


def test_a_rotated_session_lives_on_in_its_successor(
    store: Blocking, market: Market, root: SessionRecord
) -> None:
    allowed(store.place(a_purchase(market.service, market.owner, root, 4_000_000), None))
    new = a_session(market.owner)
    answer = Answer(a_key(), 201, b"sealed")
    after = store.rotate_session(
        root.session.id, new, digest("new"), grace_seconds=60, carry=True, answer=answer
    )
    assert after == store.session(new.session.id) == store.authenticate(digest("new"))
    old = store.session(root.session.id).session
    assert (old.successor_id, old.policy.expires_at) == (new.session.id, NOW + 60)
    assert store.answered(a_key()) == answer
    for session_id in (root.session.id, new.session.id):
        other = a_session(market.owner)
        with pytest.raises(Contradiction):
            store.rotate_session(
                session_id, replace(other, alias=new.alias), digest("x"), grace_seconds=0, carry=False
            )


def test_an_extended_session_lives_longer_with_more(
    store: Blocking, market: Market, root: SessionRecord
) -> None:
    allowed(store.place(a_purchase(market.service, market.owner, root, 10_000_000), None))
    assert store.sessions(SessionQuery(market.owner.id, status="exhausted"))[1] == 1
    longer = store.extend_session(root.session.id, NOW + 2 * HOUR, 11_000_000, "owner")
    assert (longer.session.policy.budget, longer.session.policy_version) == (11_000_000, 2)
    assert store.session(root.session.id) == longer
    assert store.sessions(SessionQuery(market.owner.id, status="exhausted"))[1] == 0
    allowed(store.place(a_purchase(market.service, market.owner, root, 1_000_000), None))


def test_all_of_an_owner_s_trees_stop_at_once(store: Blocking, market: Market, root: SessionRecord) -> None:
    other, foreign = a_session(market.owner), a_session(market.seller)
    store.add_session(other, digest("other"))
    store.add_session(foreign, digest("foreign"))
    store.add_children([a_child(root.session.id)])
    assert store.freeze(market.owner.id, frozen=True) == NOW
    assert getattr(store.agent(market.owner.id), "frozen_at", None) == NOW
    assert code(store.place(a_purchase(market.service, market.owner, root, 1), None)) == "session_paused"
    assert store.session(other.session.id).session.frozen_at == NOW
    assert store.freeze(market.owner.id, frozen=False) is None
    assert store.agent(market.owner.id) == market.owner
    allowed(store.place(a_purchase(market.service, market.owner, root, 1), None))
    store.revoke_session(other.session.id)
    assert store.revoke_sessions(market.owner.id) == 2
    assert store.revoke_sessions(market.owner.id) == 0
    assert store.session(foreign.session.id) == foreign
    with pytest.raises(Contradiction):
        store.freeze("agt_0000000000000000000000000", frozen=True)


def test_sessions_are_found_by_what_they_are(store: Blocking, market: Market, root: SessionRecord) -> None:
    (child,) = store.add_children([a_child(root.session.id)])
    paused = a_session(market.owner, label="a", delegate="bot", paused_at=NOW)
    pending = a_session(market.owner, not_before=NOW + 9, expires_at=NOW + 60)
    seller = a_session(market.owner, allowed_services=frozenset())
    policy = replace(seller.session.policy, allowed_chains=frozenset({8453}))
    chained = replace(seller, session=replace(seller.session, policy=policy))
    for record in (paused, pending, chained):
        store.add_session(record, digest(record.alias))
    names = {
        root.session.id: "root",
        child.session.id: "child",
        paused.session.id: "paused",
        pending.session.id: "pending",
        chained.session.id: "chained",
    }

    def found(**query: Any) -> list[str]:
        page, total = store.sessions(SessionQuery(market.owner.id, **query))
        assert total == len(page)
        assert [store.session(one.session.id) for one in page] == page
        return [names[one.session.id] for one in page]

    assert found(sort="oldest") == ["root", "child", "paused", "pending", "chained"]
    assert found(sort="expiry")[0] == "pending"
    assert found(sort="label")[:2] == ["paused", "root"]
    assert found(label="a") == found(delegate="bot") == found(status="paused") == ["paused"]
    assert found(status="pending") == ["pending"]
    assert found(parent_id=root.session.id) == ["child"]
    assert sorted(found(tree_id=root.session.id)) == ["child", "root"]
    assert "chained" not in found(chain_id=84532)
    assert "chained" in found(chain_id=8453)
    assert sorted(found(status="active")) == ["chained", "child", "root"]
    store.revoke_session(root.session.id)
    assert sorted(found(status="revoked")) == ["child", "root"]
