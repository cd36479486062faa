"""A copy that is played back gives nothing back that was revoked or spent after it was taken, on either database.

Between the copy and its return a session and a key are revoked, and money is spent under an idempotency key.
"""

import asyncio
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import apsw
import pytest

from tests.cluster import databases, find_program
from tests.stores.blocking import Blocking
from tests.stores.conftest import Market, make_market
from tests.stores.making import SystemTime, a_key, a_purchase, a_session, allowed, an_api_key, code, digest
from valetkey.core.audit import GENESIS, Head, verify
from valetkey.engine.releasing import release
from valetkey.stores.failures import StoreRestored, StoreUnreadable
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import back_up_file, open_store, restore_file

Opening = Callable[..., Any]


class OfSqlite:
    """`valetkey backup` while the file is in use, and `valetkey restore`."""

    def __init__(self, folder: Path, time: SystemTime) -> None:
        self.folder, self.time = folder, time

    def open(self) -> Any:
        return open_store(self.folder / "valetkey.db", system_time=self.time)

    def take(self) -> None:
        back_up_file(self.folder / "valetkey.db", self.folder / "backup.db")

    def play_back(self) -> None:
        restore_file(self.folder / "backup.db", self.folder / "restored.db")

    def open_restored(self, **how: Any) -> Any:
        return open_store(self.folder / "restored.db", system_time=self.time, **how)


class OfPostgres:
    """pg_dump while the database is in use, and its dump in another database of the same server."""

    def __init__(self, folder: Path, time: SystemTime) -> None:
        self.dump, self.time = folder / "dump.sql", time
        self.url, self.other = databases().fresh(), databases().fresh()

    def open(self) -> Any:
        return open_postgres(self.url, system_time=self.time)

    def take(self) -> None:
        with self.dump.open("wb") as dump:
            subprocess.run([find_program("pg_dump"), "--no-owner", self.url], stdout=dump, check=True)

    def play_back(self) -> None:
        psql = [find_program("psql"), "--quiet", "--set", "ON_ERROR_STOP=1", self.other]
        subprocess.run([*psql, "-c", "DROP SCHEMA public CASCADE"], check=True, capture_output=True)
        text = self.dump.read_bytes()
        if b"CREATE SCHEMA public" not in text:
            subprocess.run([*psql, "-c", "CREATE SCHEMA public"], check=True, capture_output=True)
        subprocess.run(psql, input=text, check=True, stdout=subprocess.DEVNULL)

    def open_restored(self, **how: Any) -> Any:
        return open_postgres(self.other, system_time=self.time, **how)


@pytest.fixture(params=[OfSqlite, OfPostgres], ids=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, time: SystemTime) -> Any:
    return request.param(tmp_path, time)


def opened(opening: Callable[[], Any]) -> Blocking:
    """A store that is opened inside the loop that it belongs to."""

    async def work() -> Any:
        found = opening()
        return await found if asyncio.iscoroutine(found) else found

    return Blocking(work())


def lived(kept: Any) -> tuple[Market, Any]:
    """What happened before the copy was taken, and after it."""
    store = opened(kept.open)
    market = make_market(store)
    record, key = a_session(market.owner), an_api_key(market.owner)
    store.add_session(record, digest("token"))
    store.add_api_key(key, digest("stolen key"))
    kept.take()
    store.revoke_key(market.owner.id, key.id, "owner")
    allowed(store.place(a_purchase(market.service, market.owner, record), a_key("paid")))
    store.revoke_session(record.session.id)
    store.close()
    return market, record


def test_REVOKED_IS_DEAD_also_in_a_database_of_before(kept: Any) -> None:
    market, record = lived(kept)
    kept.play_back()
    with pytest.raises(StoreRestored, match="valetkey release"):
        opened(kept.open_restored)

    store = opened(lambda: kept.open_restored(restored=True))
    # This is what would have come to life again.
    assert store.authenticate(digest("token")).session.revoked_at is None
    assert store.authenticate(digest("stolen key")).key.revoked_at is None
    ended = store.run(release(store.store))
    assert (ended.agents, ended.sessions, ended.keys) == (2, 1, 3)
    store.close()

    store = opened(kept.open_restored)
    assert store.authenticate(digest("token")).session.revoked_at is not None
    assert store.authenticate(digest("stolen key")).key.revoked_at is not None
    # The same call as before, whose answer nobody remembers: it pays no second time.
    again = store.place(a_purchase(market.service, market.owner, record), a_key("paid"))
    assert code(again) == "session_revoked"
    for head in store.heads(market.owner.id):
        entries = store.audit(market.owner.id, head.chain_id, 0, 1_000)
        assert verify(entries, Head(head.chain_id, 0, GENESIS)) == head
    # The owner goes on, with a new key and a new session.
    fresh = a_session(market.owner)
    store.add_api_key(an_api_key(market.owner), digest("a new key"))
    store.add_session(fresh, digest("a new token"))
    allowed(store.place(a_purchase(market.service, market.owner, fresh), a_key("new")))
    store.close()


def test_a_kill_while_it_is_released_leaves_it_closed(kept: Any) -> None:
    lived(kept)
    kept.play_back()

    class Killed(BaseException):
        pass

    store = opened(lambda: kept.open_restored(restored=True))

    async def dies() -> None:
        raise Killed

    store.store.release = dies
    with pytest.raises(Killed):
        store.run(release(store.store))
    store.close()
    with pytest.raises(StoreRestored):
        opened(kept.open_restored)
    store = opened(lambda: kept.open_restored(restored=True))
    assert store.run(release(store.store)).sessions == 0, "they were ended before"
    store.close()
    opened(kept.open_restored).close()


def test_what_was_only_moved_goes_on_as_it_was(kept: Any) -> None:
    lived(kept)
    kept.play_back()
    store = opened(lambda: kept.open_restored(restored=True))
    store.run(release(store.store, nothing_lost=True))
    store.close()
    store = opened(kept.open_restored)
    assert store.authenticate(digest("token")).session.revoked_at is None
    store.close()


def test_a_platform_that_runs_while_its_database_is_replaced_finds_out(
    tmp_path: Path, time: SystemTime
) -> None:
    kept = OfPostgres(tmp_path, time)
    lived(kept)
    kept.other = kept.url
    store = opened(kept.open)
    kept.play_back()
    name = urlsplit(kept.url).path[1:]
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    psql = [find_program("psql"), "--quiet", kept.url, "-c", f"{ended} AND datname = '{name}'"]
    subprocess.run(psql, check=True, capture_output=True)
    with pytest.raises(StoreRestored):
        store.run(asked_until_it_knows(store.store))
    store.close()


async def asked_until_it_knows(store: Any) -> None:
    """A connection that was ended is found out by its next use, and made anew by the one after."""
    from valetkey.stores.failures import StoreFailed

    for _ in range(20):
        try:
            await store.agents("", None, 1, 0)
        except StoreFailed:
            continue


def test_a_backup_is_private_whole_and_written_over_nothing(tmp_path: Path, time: SystemTime) -> None:
    kept = OfSqlite(tmp_path, time)
    lived(kept)
    backup = tmp_path / "backup.db"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir() if "backup" in one.name) == ["backup.db"]
    with pytest.raises(StoreUnreadable, match="exists already"):
        kept.take()
    # However it gets to its place: it is no ledger that is in use.
    (tmp_path / "copied.db").write_bytes(backup.read_bytes())
    with pytest.raises(StoreRestored):
        open_store(tmp_path / "copied.db", system_time=time)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit SET body = replace(body, '1000000', '1') WHERE kind = 'hold_placed'",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
        "UPDATE chains SET number = number + 1",
    ],
)
def test_a_backup_whose_audit_log_was_changed_is_not_restored(
    damage: str, tmp_path: Path, time: SystemTime
) -> None:
    kept = OfSqlite(tmp_path, time)
    lived(kept)
    back_up_file(tmp_path / "valetkey.db", tmp_path / "later.db")
    db = apsw.Connection(str(tmp_path / "later.db"))
    db.execute(damage)
    assert db.changes()
    db.close()
    with pytest.raises(StoreUnreadable, match="the audit chain"):
        restore_file(tmp_path / "later.db", tmp_path / "restored.db")
    assert not (tmp_path / "restored.db").exists()
    assert not (tmp_path / "restored.db.part").exists()


def test_pages_that_are_damaged_and_files_of_others_are_refused(tmp_path: Path, time: SystemTime) -> None:
    kept = OfSqlite(tmp_path, time)
    lived(kept)
    whole = bytearray((tmp_path / "backup.db").read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 2_048] = b"\x5a" * 2_048
    (tmp_path / "torn.db").write_bytes(whole)
    (tmp_path / "text.db").write_text("no database " * 1_000)
    for name in ("torn.db", "text.db"):
        with pytest.raises((StoreUnreadable,)):
            restore_file(tmp_path / name, tmp_path / "restored.db")
        assert not (tmp_path / "restored.db").exists()
    (tmp_path / "restored.db-wal").write_bytes(b"of another database")
    with pytest.raises(StoreUnreadable, match="move it away"):
        restore_file(tmp_path / "backup.db", tmp_path / "restored.db")


def test_a_copy_that_is_taken_while_others_write_is_of_one_moment(tmp_path: Path, time: SystemTime) -> None:
    kept = OfSqlite(tmp_path, time)
    store = opened(kept.open)
    market = make_market(store)
    record = a_session(market.owner, budget=10**12)
    store.add_session(record, digest("token"))

    async def writes_and_copies() -> list[Any]:
        async def spend(number: int) -> None:
            allowed(
                await store.store.place(a_purchase(market.service, market.owner, record), a_key(f"k{number}"))
            )

        copies = [
            asyncio.to_thread(back_up_file, tmp_path / "valetkey.db", tmp_path / f"copy-{number}.db")
            for number in range(3)
        ]
        return await asyncio.gather(*copies, *(spend(number) for number in range(300)))

    store.run(writes_and_copies())
    store.close()
    for number in range(3):
        db = apsw.Connection(str(tmp_path / f"copy-{number}.db"))
        (held,) = db.execute("SELECT count(*) FROM holds").fetchall()
        (told,) = db.execute("SELECT count(*) FROM audit WHERE kind = 'hold_placed'").fetchall()
        assert held == told
        db.close()
