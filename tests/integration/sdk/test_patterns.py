"""Patterns of many sessions on both hosts, a Client with a platform and a manager without one."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.proxy import Cut, Proxy
from tests.integration.sdk.clients import CHAIN, new_desk
from tests.integration.sdk.world import World, only
from valetkey import (
    AsyncClient,
    AsyncSessionKeyManager,
    BudgetExceeded,
    Client,
    InvalidInput,
    LabelTaken,
    NotFound,
    SessionConfig,
    SessionKeyManager,
    ValetkeyError,
    async_isolated_workloads,
    async_refresh_daily_budget,
    async_rotate_session,
    async_sessions_per_chain,
    async_sessions_per_role,
    isolated_workloads,
    refresh_daily_budget,
    rotate_session,
    sessions_per_chain,
    sessions_per_role,
)
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.locks import Argon2, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.sdk.days import day_at
from valetkey.sdk.errors import WrongNetwork

HOUR = timedelta(hours=1)


def at_noon() -> str:
    """A time zone in which it is about noon, so that no day ends while a test runs."""
    ahead = 12 - datetime.now(UTC).hour
    # The signs of these names are turned around.
    return "Etc/GMT" if ahead == 0 else f"Etc/GMT{-ahead:+d}"


TZ = at_noon()


def cheap_lock() -> PassphraseLock:
    return PassphraseLock(Secret("words of these tests"), Argon2(memory_kib=64, iterations=1, lanes=1))


@dataclass
class Place:
    """A host of one owner, and another one as a second scheduler would open it."""

    host: Any
    again: Callable[[], Any]
    awaited: Callable[[], Any]
    pay: Callable[[str, str, str], object]
    has: Callable[[str], int]


@pytest.fixture(params=["client", "manager"])
def place(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as opened:
        make = of_client if request.param == "client" else of_manager
        yield make(world, tmp_path, opened)


def of_client(world: World, tmp_path: Path, opened: ExitStack) -> Place:
    desk = new_desk(world)
    opened.callback(desk.client.close)

    def again() -> Client:
        # A folder and a keystore of its own, as on another machine.
        return opened.enter_context(desk.again(state_dir=world.folder()))

    def awaited() -> AsyncClient:
        return AsyncClient(
            desk.owner.api_key,
            CHAIN,
            base_url=world.stack.base_url,
            state_dir=world.folder(),
            signer=desk.key,
            passphrase="words",
        )

    def pay(session: str, to: str, amount: str) -> object:
        return desk.client.execute(session, {"type": "transfer", "to": to, "amount": amount, "token": "USDC"})

    return Place(desk.client, again, awaited, pay, world.stack.units)


def of_manager(world: World, tmp_path: Path, opened: ExitStack) -> Place:
    key = world.stack.wallet(1_000 * USDC)
    named: dict[str, Any] = {
        "chain": CHAIN,
        "rpc_url": world.stack.rpc_url,
        "path": tmp_path / "manager.db",
    }

    def again() -> SessionKeyManager:
        made = SessionKeyManager(key.to_hex(), world.stack.contracts["allowance"], **named, lock=cheap_lock())
        return opened.enter_context(made)

    def awaited() -> AsyncSessionKeyManager:
        return AsyncSessionKeyManager(
            key.to_hex(), world.stack.contracts["allowance"], **named, lock=cheap_lock()
        )

    manager = again()

    def pay(session: str, to: str, amount: str) -> object:
        return manager.spend(session, to=to, amount=amount)

    return Place(manager, again, awaited, pay, world.stack.units)


# A day


@pytest.mark.parametrize("label", ["täglich 日次", "n" * 200])
def test_IDEMPOTENT_a_day_s_label_is_any_label(place: Place, label: str) -> None:
    made = refresh_daily_budget(place.host, label, 5, tz=TZ)
    assert made.label == label
    with place.again() as second:
        assert refresh_daily_budget(second, label, 5, tz=TZ).session_key_hash == made.session_key_hash


def test_IDEMPOTENT_a_day_has_one_session_and_one_budget(place: Place) -> None:
    host, payee = place.host, PrivateKey.generate().address
    first = refresh_daily_budget(host, "daily", "5", tz=TZ)
    day = day_at(time.time(), TZ)
    assert (int(first.not_before.timestamp()), int(first.expires_at.timestamp())) == (day.begins, day.ends)
    assert (first.status, first.remaining_limit) == ("active", Decimal(5))
    place.pay(first.session_key_hash, payee, "3")
    again = refresh_daily_budget(host, "daily", "5", tz=TZ)
    assert (again.session_key_hash, again.remaining_limit) == (first.session_key_hash, Decimal(2))
    # Other rules count from tomorrow on.
    assert refresh_daily_budget(host, "daily", "50", tz=TZ).session_key_hash == first.session_key_hash
    with pytest.raises(BudgetExceeded):
        place.pay(first.session_key_hash, payee, "3")
    assert len(host.list_sessions(label="daily")) == 1
    assert place.has(payee) == 3 * USDC


def test_a_day_is_that_of_its_time_zone(place: Place) -> None:
    for tz in ("Pacific/Kiritimati", "America/Los_Angeles", "UTC"):
        at = day_at(time.time(), tz).ends + 1
        made = refresh_daily_budget(place.host, f"daily {tz}", 1, tz=tz, at=at, per_transaction_limit="0.5")
        day = day_at(at, tz)
        assert (int(made.not_before.timestamp()), int(made.expires_at.timestamp())) == (day.begins, day.ends)
    with pytest.raises(InvalidInput):
        refresh_daily_budget(place.host, "daily", 1, tz="Europe/Atlantis")
    with pytest.raises(InvalidInput, match="not_before"):
        refresh_daily_budget(place.host, "daily", 1, tz=TZ, not_before=day.begins)


def test_tomorrow_can_be_made_the_evening_before_and_there_are_never_two(place: Place) -> None:
    host, day = place.host, day_at(time.time(), TZ)
    tomorrow = refresh_daily_budget(host, "daily", 5, tz=TZ, at=day.ends)
    today = refresh_daily_budget(host, "daily", 5, tz=TZ)
    assert (today.status, tomorrow.status) == ("active", "pending")
    assert today.expires_at == tomorrow.not_before
    after = refresh_daily_budget(host, "daily", 5, tz=TZ, at=day.ends + 3600)
    assert after.session_key_hash == tomorrow.session_key_hash
    assert [one.status for one in host.list_sessions(label="daily")] == ["active", "pending"]


def test_a_stopped_day_stays_stopped_until_tomorrow(place: Place) -> None:
    host, day = place.host, day_at(time.time(), TZ)
    today = refresh_daily_budget(host, "daily", 5, tz=TZ)
    host.revoke_session(today.session_key_hash)
    found = refresh_daily_budget(host, "daily", 5, tz=TZ)
    assert (found.session_key_hash, found.status) == (today.session_key_hash, "revoked")
    tomorrow = refresh_daily_budget(host, "daily", 5, tz=TZ, at=day.ends)
    assert (tomorrow.status, tomorrow.session_key_hash != today.session_key_hash) == ("pending", True)


def test_a_label_in_use_is_not_a_day(place: Place) -> None:
    place.host.create_session(label="daily", spending_limit=1, valid_until=HOUR)
    with pytest.raises(LabelTaken):
        refresh_daily_budget(place.host, "daily", 5, tz=TZ)


def test_two_schedulers_make_one_session(place: Place) -> None:
    hosts = [place.host, place.again()]
    with ThreadPoolExecutor(2) as pool:
        for label in ("first", "second", "third"):
            made = list(pool.map(lambda host, name=label: refresh_daily_budget(host, name, 5, tz=TZ), hosts))
            assert len({one.session_key_hash for one in made}) == 1
            assert len(place.host.list_sessions(label=label)) == 1


def test_schedulers_with_other_rules_make_one_session(place: Place) -> None:
    hosts = [place.host, place.again()]
    with ThreadPoolExecutor(2) as pool:
        made = list(
            pool.map(lambda host, limit: refresh_daily_budget(host, "daily", limit, tz=TZ), hosts, [5, 6])
        )
    assert len({one.session_key_hash for one in made}) == 1
    assert place.host.list_sessions(label="daily")[0].spending_limit in (5, 6)


# Rotation


def test_NO_OVERSPEND_a_rotated_session_and_its_successor_share_one_budget(place: Place) -> None:
    host, payee = place.host, PrivateKey.generate().address
    old = refresh_daily_budget(host, "daily", 5, tz=TZ)
    place.pay(old.session_key_hash, payee, "1")
    new = rotate_session(host, old.session_key_hash, grace_seconds=600)
    alive = {one.session_key_hash: one.status for one in host.list_sessions(label="daily")}
    # The new one lives before the old one dies.
    assert alive == {old.session_key_hash: "active", new.session_key_hash: "active"}
    assert new.remaining_limit == Decimal(4)
    place.pay(old.session_key_hash, payee, "2")
    with pytest.raises(BudgetExceeded):
        place.pay(new.session_key_hash, payee, "2.5")
    place.pay(new.session_key_hash, payee, "2")
    assert place.has(payee) == 5 * USDC
    # The day goes on with the new one.
    assert refresh_daily_budget(host, "daily", 5, tz=TZ).session_key_hash == new.session_key_hash
    # Who asks again, gets the same.
    assert rotate_session(host, old.session_key_hash).session_key_hash == new.session_key_hash
    last = rotate_session(host, new.session_key_hash, grace_seconds=0)
    assert (last.status, last.remaining_limit) == ("exhausted", Decimal(0))
    states = {one.session_key_hash: one.status for one in host.list_sessions(label="daily")}
    assert states[new.session_key_hash] == "expired"


def test_IDEMPOTENT_a_rotation_whose_answer_was_lost_is_found_again(world: World) -> None:
    desk = new_desk(world)

    def cut(number: int) -> None:
        if number <= 8:
            raise Cut

    with desk.client, Proxy(world.stack.base_url, after=only("/rotate", cut)) as proxy:
        old = desk.client.create_session(label="ops", spending_limit=5, valid_until=HOUR)
        with desk.again(base_url=proxy.url) as cut_off, pytest.raises(ValetkeyError):
            rotate_session(cut_off, old.session_key_hash)
        new = rotate_session(desk.client, old.session_key_hash)
        assert new.session_key_hash != old.session_key_hash
        assert len(desk.client.list_sessions(label="ops")) == 2
        payee = PrivateKey.generate().address
        action = {"type": "transfer", "to": payee, "amount": "1", "token": "USDC"}
        desk.client.execute(new.session_key_hash, action)
        assert world.stack.units(payee) == USDC


def test_a_session_that_was_rotated_elsewhere_is_known_by_its_key(world: World) -> None:
    desk = new_desk(world)
    with desk.client, desk.again(state_dir=world.folder()) as other:
        made = desk.client.create_session(label="ops", spending_limit=5, valid_until=HOUR)
        key = made.session_key_hash
        assert other.get_session(key).session_id == made.session_id
        action = {"type": "transfer", "to": made.wallet_address, "amount": "1", "token": "USDC"}
        with pytest.raises(NotFound, match="keystore"):
            other.execute(key, action)
        other.revoke_session(key)
        assert desk.client.get_session(key).status == "revoked"
        with pytest.raises(NotFound):
            other.get_session("0x" + "ab" * 32)


# Several at once


def test_roles_are_made_all_or_none(place: Place) -> None:
    host = place.host
    rules = {"spending_limit": 5, "valid_until": HOUR}
    made = sessions_per_role(
        host,
        {
            "treasury": {**rules, "spending_limit": 100},
            "swapper": rules,
            "monitor": SessionConfig(label="watcher", spending_limit=0, valid_until=HOUR),
        },
    )
    assert {role: one.label for role, one in made.items()} == {
        "treasury": "treasury",
        "swapper": "swapper",
        "monitor": "watcher",
    }
    assert [made[role].status for role in made] == ["active", "active", "exhausted"]
    isolated_workloads(host, {"taken": rules})
    with pytest.raises(LabelTaken):
        sessions_per_role(host, {"auditor": rules, "payer": rules, "taken": rules})
    assert [host.list_sessions(label=one)[0].status for one in ("auditor", "payer")] == ["revoked"] * 2
    assert host.list_sessions(label="taken")[0].status == "active"


def test_chains_are_made_all_or_none(place: Place) -> None:
    made = sessions_per_chain(place.host, "app", {CHAIN: "5"}, HOUR, per_transaction_limit=1)
    assert (made[CHAIN].label, made[CHAIN].chain_id) == (f"app-{CHAIN}", 84532)
    with pytest.raises((InvalidInput, WrongNetwork)) as no:
        sessions_per_chain(place.host, "shop", {84532: "5", "polygon": "5"}, HOUR)
    assert no.value.code in ("wrong_chain", "wrong_network")
    assert [one.status for one in place.host.list_sessions(label="shop-84532")] == ["revoked"]
    assert place.host.list_sessions(label="shop-polygon") == []
    with pytest.raises(InvalidInput, match="no host for polygon"):
        sessions_per_chain({CHAIN: place.host}, "shop", {CHAIN: "5", "polygon": "5"}, HOUR)


def test_a_workload_is_deployed_once(place: Place) -> None:
    rules = {"spending_limit": 5, "valid_until": HOUR}
    made = isolated_workloads(place.host, {"production": rules, "staging": {**rules, "spending_limit": 1}})
    assert made["production"].session_key_hash != made["staging"].session_key_hash
    with pytest.raises(LabelTaken):
        isolated_workloads(place.again(), {"canary": rules, "production": rules})
    assert place.host.list_sessions(label="canary")[0].status == "revoked"
    assert place.host.list_sessions(label="production")[0].status == "active"
    with pytest.raises(InvalidInput, match="share a label"):
        isolated_workloads(place.host, {"a": {**rules, "label": "same"}, "b": {**rules, "label": "same"}})
    assert place.host.list_sessions(label="same") == []
    # The place of one that was taken back is free.
    place.host.revoke_session(made["staging"].session_key_hash)
    isolated_workloads(place.host, {"staging": rules})


# Awaited


def test_the_patterns_can_be_awaited(place: Place) -> None:
    asyncio.run(all_awaited(place))


async def all_awaited(place: Place) -> None:
    async with place.awaited() as host:
        rules = {"spending_limit": 5, "valid_until": HOUR}
        today = await async_refresh_daily_budget(host, "daily", 5, tz=TZ)
        assert (await async_refresh_daily_budget(host, "daily", 5, tz=TZ)).session_key_hash == (
            today.session_key_hash
        )
        successor = await async_rotate_session(host, today.session_key_hash, grace_seconds=0)
        assert successor.status == "active"
        roles = await async_sessions_per_role(host, {"treasury": rules})
        chains = await async_sessions_per_chain(host, "app", {CHAIN: 1}, HOUR)
        loads = await async_isolated_workloads(host, {"production": rules})
        labels = {one.label for one in (*roles.values(), *chains.values(), *loads.values())}
        assert labels == {"treasury", f"app-{CHAIN}", "production"}
