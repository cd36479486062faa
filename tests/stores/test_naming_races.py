"""Eight stores on one database, each with connections of its own: one of them gets a label, a key, a day's session."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import OPENERS, Market, make_market
from tests.stores.making import HOUR, NOW, SystemTime, a_key, a_session, code, digest
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import SessionQuery, SessionRecord

STORES = 8


@dataclass
class Crowd:
    """Stores on one database, in one event loop."""

    first: Blocking
    stores: list[Any]
    market: Market

    def all(self, work: Callable[[Any, int], Any], count: int = STORES) -> list[Any]:
        """What each answered, all at once; none raised."""
        found = self.first.together(*(work(self.stores[one % STORES], one) for one in range(count)))
        assert not [one for one in found if isinstance(one, BaseException)], found
        return found


@pytest.fixture(params=["postgres", "sqlite"])
def crowd(request: pytest.FixtureRequest, tmp_path: Path, time: SystemTime) -> Iterator[Crowd]:
    opener = OPENERS[request.param]
    first = Blocking(opener(tmp_path, time))
    others = []
    for _ in range(STORES - 1):
        opened = opener(tmp_path, time)
        others.append(first.run(opened) if inspect.isawaitable(opened) else opened)
    yield Crowd(first, [first.store, *others], make_market(first))
    for one in others:
        first.run(one.close())
    first.close()


def added(crowd: Crowd, records: list[SessionRecord]) -> list[Any]:
    return crowd.all(
        lambda store, one: store.add_session(records[one], digest(records[one].alias)), len(records)
    )


def one_made(answers: list[Any], why: str) -> SessionRecord:
    (made,) = (one for one in answers if isinstance(one, SessionRecord))
    assert {code(one) for one in answers if isinstance(one, Refused)} == {why}
    return made


@pytest.mark.parametrize("is_policy", [False, True])
def test_one_of_many_gets_a_label(crowd: Crowd, is_policy: bool) -> None:
    owner = crowd.market.owner
    crowd.first.set_unique_labels(owner.id, unique=is_policy)
    records = [a_session(owner, label="daily", sole=not is_policy) for _ in range(3 * STORES)]
    made = one_made(added(crowd, records), "label_taken")
    assert crowd.first.sessions(SessionQuery(owner.id)) == ([made], 1)


def test_one_of_many_gets_a_key(crowd: Crowd) -> None:
    owner = crowd.market.owner
    one_made(
        added(crowd, [a_session(owner, key_hash=digest("key")) for _ in range(STORES)]), "session_key_taken"
    )
    assert crowd.first.sessions(SessionQuery(owner.id))[1] == 1


def test_IDEMPOTENT_all_get_the_day_s_session(crowd: Crowd) -> None:
    owner = crowd.market.owner
    records = [a_session(owner, label="daily", sole=True, key_hash=digest(f"{n}")) for n in range(3 * STORES)]
    answers = crowd.all(
        lambda store, one: store.add_session(
            records[one], digest(records[one].alias), idempotency=a_key("day")
        ),
        len(records),
    )
    assert {one.session.id for one in answers} == {answers[0].session.id}
    assert answers[0] in records
    assert crowd.first.sessions(SessionQuery(owner.id)) == ([answers[0]], 1)


def test_adding_rotating_and_extending_into_one_time_let_one_through(crowd: Crowd) -> None:
    owner = crowd.market.owner
    made = [a_session(owner, label=label) for label in ("daily", "other")]
    early, other = (crowd.first.add_session(one, digest(one.alias)) for one in made)
    crowd.first.set_unique_labels(owner.id, unique=True)
    new = [
        a_session(owner, label="daily", not_before=NOW + HOUR, expires_at=NOW + 2 * HOUR) for _ in range(6)
    ]

    def work(store: Any, one: int) -> Any:
        if one == 0:
            return store.extend_session(early.session.id, NOW + HOUR + 1, None, "owner")
        if one == 1:
            return store.rotate_session(
                other.session.id, new[0], digest("rotated"), grace_seconds=0, carry=False
            )
        return store.add_session(new[one - 2], digest(new[one - 2].alias))

    new[0] = a_session(owner, label="daily", not_before=NOW + HOUR, expires_at=NOW + 2 * HOUR)
    one_made(crowd.all(lambda store, one: work(store, one + (one > 1)), 7), "label_taken")
