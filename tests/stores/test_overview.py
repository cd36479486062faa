"""Sums over an owner's sessions: what is at risk, what was spent under which name, refused, unknown, near its end."""

import random
from dataclasses import replace
from typing import Any

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import DAY, HOUR, NOW, SystemTime, a_session, code, digest
from tests.stores.test_alerts import spend
from tests.stores.test_labels import child
from tests.stores.test_replicas import Pair, pair
from tests.stores.test_spends import a_spend
from valetkey.core.commands import Capture, MarkUnknown, Void
from valetkey.core.limits import Limits
from valetkey.core.money import Asset, Money
from valetkey.core.session import Role, Status, Usage, status, worst_case_loss
from valetkey.ports.accounts import SessionQuery, SessionRecord
from valetkey.ports.ledger import SpendRecord
from valetkey.ports.overview import Overview, Risk, SpentBy, SpentThen

__all__ = ["pair"]

TODAY = NOW // DAY


def made(store: Any, market: Market, budget: int | None = 1_000, **fields: Any) -> SessionRecord:
    record = a_session(market.owner, budget, **fields)
    store.add_session(record, digest(record.alias))
    return record


def seen(store: Any, market: Market, first_day: int = TODAY, ends_before: int = NOW + DAY) -> Overview:
    for one in store.spending_lately(100):
        store.look_at_pace(one)
    found: Overview = store.overview(market.owner.id, first_day, ends_before)
    return found


def test_an_owner_without_sessions_sees_nothing(store: Blocking, market: Market) -> None:
    made(store, replace(market, owner=market.seller))
    empty = Overview(spent={"delegate": [], "label": [], "chain": []})
    assert seen(store, market) == empty


def test_what_is_at_risk_is_what_live_roots_could_still_cost(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    first = made(store, market, 1_000)
    held = spend(store, first, 300)
    store.settle(held.hold.id, Capture(200), by="platform")
    spend(store, first, 100)
    parent = made(store, market, 5_000, expires_at=NOW + DAY)
    store.add_children([child(parent, "below")])
    made(store, market, None)
    huge = 3 * 10**18
    for _ in range(4):
        made(store, market, huge, currency="ETH")
    several = a_session(market.owner, 7)
    policy = replace(several.session.policy, others=(Limits("ETH", 10), Limits("EURC", None)))
    store.add_session(replace(several, session=replace(several.session, policy=policy)), digest("several"))
    for gone in (made(store, market, 99), made(store, market, 99)):
        store.revoke_session(gone.session.id)
    made(store, market, 99, expires_at=NOW + 1)
    made(store, market, 99, role=Role.SELLER)
    paused = made(store, market, 11)
    store.pause_session(paused.session.id, paused=True)
    over = made(store, market, 50, usage=Usage(captured=80, held=3))
    time.seconds = NOW + 1
    assert over.session.usage.committed == 83
    assert seen(store, market).risks == [
        Risk("ETH", 4 * huge + 10, 5, 0),
        Risk("EURC", 0, 0, 1),
        Risk("USDC", 800 + 5_000 + 7 + 11 + 3, 5, 1),
    ]


def test_amounts_beyond_any_integer_of_a_database_are_exact(store: Blocking, market: Market) -> None:
    for _ in range(3):
        made(store, market, 10**29 + 1, currency="ETH")
    made(store, market, 2**63 - 1)
    made(store, market, 2**63 - 1)
    assert seen(store, market).risks == [
        Risk("ETH", 3 * 10**29 + 3, 3, 0),
        Risk("USDC", 2**64 - 2, 2, 0),
    ]


def test_what_was_spent_is_told_by_delegate_label_and_chain(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    one = made(store, market, label="treasury", delegate="a", expires_at=NOW + 30 * DAY)
    two = made(store, market, label="swapper", delegate="a", expires_at=NOW + 30 * DAY)
    bare = made(store, market, expires_at=NOW + 30 * DAY)
    spend(store, one, 100)
    time.seconds = NOW + DAY
    for record, units in ((one, 10), (two, 40), (bare, 5)):
        spend(store, record, units)
    voided = spend(store, two, 30)
    today = seen(store, market, TODAY + 1)
    assert today.spent["delegate"] == [SpentBy("a", "USDC", 80, 3), SpentBy("", "USDC", 5, 1)]
    store.settle(voided.hold.id, Void(), by="owner")
    today = seen(store, market, TODAY + 1)
    assert today.spent == {
        "delegate": [SpentBy("a", "USDC", 50, 2), SpentBy("", "USDC", 5, 1)],
        "label": [
            SpentBy("swapper", "USDC", 40, 1),
            SpentBy("treasury", "USDC", 10, 1),
            SpentBy("", "USDC", 5, 1),
        ],
        "chain": [SpentBy("84532", "USDC", 55, 3)],
    }
    assert seen(store, market).spent["label"][0] == SpentBy("treasury", "USDC", 110, 2)
    assert seen(store, market) == seen(store, market), "looking again folds nothing twice"


def test_a_session_s_spends_over_time(store: Blocking, market: Market, time: SystemTime) -> None:
    record = made(store, market, None)
    spend(store, record, 10)
    spend(store, record, 5)
    time.seconds = NOW + 600
    late = spend(store, record, 7)
    store.settle(late.hold.id, Capture(6), by="platform")
    found = [SpentThen(NOW, "USDC", 84532, 15, 2), SpentThen(NOW + 600, "USDC", 84532, 6, 1)]
    assert store.spending(record.session.id, 0) == found
    assert store.spending(record.session.id, NOW + 300) == found[1:]
    assert store.spending("ses_0000000000000000000000000", 0) == []


def test_refusals_unknown_payments_and_ends_are_counted(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    record = made(store, market, 10, label="bounded")
    other = made(store, market, 10, expires_at=NOW + 30 * DAY)
    for one in (record, record, other):
        assert code(store.hold_spend(a_spend(one, 11), None)) == "budget_exceeded"
    held = [spend(store, record, 1) for _ in range(3)]
    for number, one in enumerate(held[:2]):
        time.seconds = NOW + number
        store.settle(one.hold.id, MarkUnknown(), by="session")
    time.seconds = NOW + HOUR - 10
    found = seen(store, market, ends_before=NOW + HOUR + 1)
    assert found.refusals == {"budget_exceeded": 3}
    assert found.refused_lately == {record.session.id: 2, other.session.id: 1}
    assert found.labels == {record.session.id: "bounded"}
    assert seen(store, market, TODAY + 1).refusals == {}
    assert (found.ending, found.ending_count) == ([(record.session.id, NOW + HOUR)], 1)
    assert dict(found.unknown) == {one.hold.id: NOW for one in held[:2]}
    assert found.unknown_count == 2


def test_two_processes_fold_each_spend_once(pair: Pair) -> None:
    records = [made(pair.here, pair.market, None, label="one") for _ in range(6)]

    def work(store: Any, number: int) -> Any:
        if number % 4 < 2:
            return store.hold_spend(a_spend(records[number % 6], 1), None)
        return store.look_at_pace(records[number * 5 % 6].session.id)

    pair.both(work, 80)
    found = seen(pair.here, pair.market)
    assert found.spent["label"] == [SpentBy("one", "USDC", 40, 40)]
    assert pair.here.spending_lately(10) == []


def test_what_is_kept_of_each_root_is_what_core_says_of_it(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    """After every kind of change, the sum that is kept is the one that is worked out from all sessions."""
    draws = random.Random(7)
    roots = [made(store, market, 1_000, expires_at=NOW + DAY + number) for number in range(8)]
    holds: list[SpendRecord] = []
    for step in range(60):
        record = draws.choice(roots)
        one = store.session(record.session.id)
        what = draws.choice(("spend", "spend", "settle", "settle", "pause", "extend", "rotate", "revoke"))
        alive = status(one.session, int(time.seconds), one.ancestors) in (Status.ACTIVE, Status.EXHAUSTED)
        if what == "spend" and alive:
            held = store.hold_spend(a_spend(record, draws.randint(1, 300)), None)
            holds += [held] if isinstance(held, SpendRecord) else []
        elif what == "settle" and holds:
            held = holds.pop()
            settled = draws.choice((Capture(held.hold.amount // 2), MarkUnknown(), Void(proven=True)))
            store.settle(held.hold.id, settled, by="platform")
        elif what == "extend" and alive and one.session.successor_id is None:
            budget = (one.session.policy.budget or 0) + draws.randint(0, 500)
            store.extend_session(one.session.id, one.session.policy.expires_at, budget, "owner")
        elif what == "pause":
            store.pause_session(one.session.id, paused=draws.random() < 0.5)
        elif what == "rotate" and alive and step % 3 == 0 and one.session.successor_id is None:
            new = a_session(market.owner, 1_500, expires_at=NOW + 2 * DAY)
            roots.append(
                store.rotate_session(one.session.id, new, digest(new.alias), grace_seconds=60, carry=True)
            )
        elif what == "revoke" and step % 5 == 0:
            store.revoke_session(one.session.id)
        time.seconds += 30
        now = int(time.seconds)
        everything, _ = store.sessions(SessionQuery(market.owner.id, limit=100))
        living = [
            one.session
            for one in everything
            if one.session.parent_id is None
            and status(one.session, now) not in (Status.REVOKED, Status.EXPIRED)
        ]
        wanted = sum(worst_case_loss(one, now) or 0 for one in living)
        found = store.overview(market.owner.id, TODAY, NOW).risks
        assert found == ([Risk("USDC", wanted, len(living), 0)] if living else []), what


def test_the_names_with_the_most_are_found_among_very_many(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    """More names than are read of a day at first: the sums of days decide, and no single day does."""
    draws = random.Random(3)
    wanted: dict[str, int] = {}
    records = [
        made(store, market, 10**9, label=f"name {number:03d}", expires_at=NOW + 30 * DAY)
        for number in range(90)
    ]
    for day in range(2):
        time.seconds = NOW + day * DAY
        for number, record in enumerate(records):
            # Who leads on a day is behind on the other one, but for a few that are good on both.
            units = (
                500 + (number if day else 90 - number) + (40 if number % 17 == 0 else 0) + draws.randint(0, 3)
            )
            spend(store, record, units)
            wanted[record.label or ""] = wanted.get(record.label or "", 0) + units
        # All are folded, some at a time.
        seen(store, market)
    first = sorted(wanted.items(), key=lambda one: (-one[1], one[0]))[:20]
    assert [(one.name, one.units) for one in seen(store, market).spent["label"]] == first


def test_each_currency_has_its_own_first_names(store: Blocking, market: Market) -> None:
    """A wei is no millionth of a dollar: what is counted in more decimals does not push the rest off the list."""
    record = made(store, market, 10_000, label="dollars")
    spend(store, record, 10)
    coin = a_session(market.owner, 7, label="coins")
    policy = replace(coin.session.policy, others=(Limits("ETH", 10**20),))
    coin = replace(coin, session=replace(coin.session, policy=policy))
    store.add_session(coin, digest("coin"))
    asked = a_spend(coin, 0)
    ether = replace(asked.request, amount=Money(10**18, Asset("ETH", 84532, "0x" + "0" * 40, 18)))
    assert isinstance(store.hold_spend(replace(asked, request=ether), None), SpendRecord)
    assert seen(store, market).spent["label"] == [
        SpentBy("coins", "ETH", 10**18, 1),
        SpentBy("dollars", "USDC", 10, 1),
    ]
