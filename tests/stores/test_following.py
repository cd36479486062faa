"""How far a chain was followed: compare and set, and the first event that was asked about counts."""

from dataclasses import replace

import pytest

from tests.stores.blocking import Blocking
from tests.stores.making import NOW, digest
from tests.stores.making_grants import ALLOWANCE, CHAIN, OTHER_CHAIN
from valetkey.ports.following import Place

HERE = Place(100, digest("a"), NOW)
THERE = Place(110, digest("b"), NOW + 20)
BACK = Place(36, digest("c"), NOW - 100)


def test_a_chain_is_followed_from_place_to_place(store: Blocking) -> None:
    assert store.followed(CHAIN, ALLOWANCE) is None
    assert store.follow(CHAIN, ALLOWANCE, None, HERE)
    assert store.followed(CHAIN, ALLOWANCE) == HERE
    assert store.follow(CHAIN, ALLOWANCE, HERE, THERE)
    assert store.follow(CHAIN, ALLOWANCE, THERE, BACK)
    assert store.followed(CHAIN, ALLOWANCE) == BACK
    for chain, contract in ((OTHER_CHAIN, ALLOWANCE), (CHAIN, "0x" + "Bb" * 20)):
        assert store.followed(chain, contract) is None
        assert store.follow(chain, contract, None, THERE)
    assert store.followed(CHAIN, ALLOWANCE) == BACK


@pytest.mark.parametrize(
    "before",
    [
        None,
        THERE,
        replace(HERE, number=101),
        replace(HERE, hash=digest("another branch")),
        replace(HERE, timestamp=NOW + 1),
    ],
)
def test_whoever_knows_another_place_goes_nowhere(store: Blocking, before: Place | None) -> None:
    store.follow(CHAIN, ALLOWANCE, None, HERE)
    assert not store.follow(CHAIN, ALLOWANCE, before, THERE)
    assert store.followed(CHAIN, ALLOWANCE) == HERE


def test_nobody_goes_on_from_a_place_where_nobody_was(store: Blocking) -> None:
    assert not store.follow(CHAIN, ALLOWANCE, HERE, THERE)
    assert store.followed(CHAIN, ALLOWANCE) is None


@pytest.mark.parametrize("before", [None, HERE])
def test_of_several_at_once_one_goes_on(store: Blocking, before: Place | None) -> None:
    if before is not None:
        store.follow(CHAIN, ALLOWANCE, None, before)
    ways = [Place(200 + number, digest(f"way {number}"), NOW) for number in range(20)]
    went = store.together(*(store.store.follow(CHAIN, ALLOWANCE, before, one) for one in ways))
    assert sum(went) == 1
    assert store.followed(CHAIN, ALLOWANCE) == ways[went.index(True)]


def test_the_first_event_counts(store: Blocking) -> None:
    asked = store.together(*(store.store.counts("hld_1", f"0x{number}") for number in range(20)))
    assert sum(asked) == 1
    first = asked.index(True)
    for number in range(20):
        assert store.counts("hld_1", f"0x{number}") == (number == first)
    assert store.counts("hld_2", "0x99")
    assert not store.counts("hld_1", "0x99")
