"""The audit log of every store: pages of heads and entries, anchors that fit, and a feed that begins and resumes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import a_session, digest
from valetkey.core.audit import GENESIS, Head, Kind, verify
from valetkey.core.errors import InvalidInput
from valetkey.ports.auditing import FEED_BEGINNING


def sessions(store: Blocking, market: Market, count: int) -> list[str]:
    """The ids of new sessions, in the order of ids."""
    made = [a_session(market.owner) for _ in range(count)]
    for one in made:
        store.add_session(one, digest(f"token of {one.session.id}"))
    return sorted(one.session.id for one in made)


def whole(store: Blocking, owner_id: str, chain_id: str, page: int = 100) -> list[Any]:
    found: list[Any] = []
    while more := store.audit(owner_id, chain_id, len(found), page):
        assert len(more) <= page
        found += more
    return found


def all_heads(store: Blocking, owner_id: str, page: int) -> Iterator[Head]:
    after = ""
    while heads := store.heads(owner_id, after=after, limit=page):
        assert len(heads) <= page
        yield from heads
        after = heads[-1].chain_id


@pytest.mark.parametrize("page", [1, 2, 5, 100])
def test_AUDIT_IS_COMPLETE_pages_of_heads_and_entries(store: Blocking, market: Market, page: int) -> None:
    ids = sessions(store, market, 5)
    for _ in range(3):
        store.pause_session(ids[1], paused=True)
        store.pause_session(ids[1], paused=False)
    own, *heads = all_heads(store, market.owner.id, page)
    # An agent begins with the entry of its first key.
    assert own.chain_id == market.owner.id
    assert [head.chain_id for head in heads] == ids
    for head in heads:
        start = Head(head.chain_id, 0, GENESIS)
        assert verify(whole(store, market.owner.id, head.chain_id, page), start) == head
    assert [head.seq for head in heads] == [1, 7, 1, 1, 1]


def test_one_head_alone(store: Blocking, market: Market) -> None:
    ids = sessions(store, market, 3)
    assert [head.chain_id for head in store.heads(market.owner.id, chain_id=ids[1])] == [ids[1]]
    assert store.heads(market.owner.id, chain_id="ses_none") == []
    assert store.heads(market.seller.id, chain_id=ids[1]) == []
    assert [head.chain_id for head in store.heads(market.seller.id)] == [market.seller.id]
    assert store.audit(market.seller.id, ids[1], 0, 10) == []
    # The owner's own begins with its first key.
    assert [head.seq for head in store.heads(market.owner.id, chain_id=market.owner.id)] == [1]
    store.freeze(market.owner.id, frozen=True)
    assert [head.seq for head in store.heads(market.owner.id, chain_id=market.owner.id)] == [2]


def test_AUDIT_IS_COMPLETE_anchors_are_the_heads_of_their_moment(store: Blocking, market: Market) -> None:
    ids = sessions(store, market, 3)
    assert (store.anchor(2), store.anchor(2), store.anchor(2)) == (2, 1, 0)
    store.pause_session(ids[0], paused=True)
    assert (store.anchor(100), store.anchor(100)) == (1, 0)
    owner = market.owner.id
    (own,) = store.heads(owner, chain_id=owner)
    entries = whole(store, owner, owner)
    assert verify(entries, Head(owner, 0, GENESIS)) == own
    hashes = {
        (chain, entry.seq): hashed.hex() for chain in ids for entry, hashed in whole(store, owner, chain)
    }
    told = [one.entry for one in store.feed(owner, FEED_BEGINNING, 100) if one.entry.kind is Kind.ANCHOR]
    assert [entry for entry, _ in entries if entry.kind is not Kind.KEY_CREATED] == told
    anchors = [json.loads(entry.body) for entry in told]
    assert sorted((one["tree"], one["seq"]) for one in anchors) == sorted(
        [*((one, 1) for one in ids), (ids[0], 2)]
    )
    assert all(hashes[one["tree"], one["seq"]] == one["head"] for one in anchors)


def test_the_feed_begins_and_goes_on(store: Blocking, market: Market) -> None:
    owner = market.owner.id
    # An agent begins with its first key.
    (key,) = store.feed(owner, None, 10)
    assert store.feed(owner, FEED_BEGINNING, 10) == [key]
    assert store.feed("agt_none", None, 10) == store.feed("agt_none", FEED_BEGINNING, 10) == []
    ids = sessions(store, market, 4)
    (newest,) = store.feed(owner, None, 10)
    found = store.feed(owner, FEED_BEGINNING, 10)
    assert (len(found), found[-1]) == (5, newest)
    paged, cursor = [], FEED_BEGINNING
    while page := store.feed(owner, cursor, 3):
        paged += page
        cursor = page[-1].cursor
    assert paged == found
    assert store.feed(owner, newest.cursor, 10) == []
    store.pause_session(ids[0], paused=True)
    assert [one.entry.kind for one in store.feed(owner, newest.cursor, 10)] == [Kind.PAUSED]
    (theirs,) = store.feed(market.seller.id, FEED_BEGINNING, 10)
    assert (theirs.entry.kind, theirs.entry.chain_id) == (Kind.KEY_CREATED, market.seller.id)


@pytest.mark.parametrize("cursor", ["x", "-1", "1.0", "", " 1", "9" * 40, "\u0661"])
def test_a_cursor_that_was_never_given(store: Blocking, market: Market, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        store.feed(market.owner.id, cursor, 10)
