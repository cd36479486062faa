"""Many sessions: how fast they are made, listed, restored and sign, without a platform and through one."""

import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from bench.accounts import add_owner, add_session
from bench.result import Result
from bench.servers import bare, load
from bench.timing import measure
from valetkey.chains.devchain import DevChain, dev_private_key
from valetkey.chains.evm.deploy import deploy
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.locks import Argon2, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.ports.accounts import SessionQuery
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.grants import Grants
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.standing import standing_of
from valetkey.stores.sqlite import open_store

LIST_MS_MOST, RESTORE_MS_MOST = 50, 20
LABELS = 1_000
DAY = timedelta(days=1)
CHAIN_ID = 84532

_MARK = "printf('ses_%016x%09d', x * 2654435761 % 4294967296, x)"
_NUMBERS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < :many)"
# One in ten is revoked and another one has expired, as in a file that is some years old.
_FILL = (
    f"INSERT INTO chains (id, owner_id, number, head, at, sessions) {_NUMBERS} SELECT {_MARK}, :owner, 0, zeroblob(32),"
    " 0, 1 FROM n",
    "INSERT INTO sessions (id, owner_id, tree_id, depth, role, policy, policy_version, not_before, expires_at,"
    " created_at, revoked_at, carried, alias, label, wallet_address, funding, key_hash)"
    f" {_NUMBERS} SELECT {_MARK}, :owner, {_MARK}, 0, 'buyer', :policy, 1, 0,"
    " CASE x % 10 WHEN 1 THEN 2 ELSE 4000000000 END, 1, CASE x % 10 WHEN 0 THEN 2 END, 0, 'byr' || x,"
    f" 'label ' || (x % {LABELS}), printf('0x%040x', x), 'grant', CAST(printf('%032d', x) AS BLOB) FROM n",
    "INSERT INTO spent (session_id, figures, exhausted, rest, owner, ends, currency, high, low)"
    f" {_NUMBERS} SELECT {_MARK}, :figures, 0, 2410 + x % 90, :owner,"
    " CASE x % 10 WHEN 0 THEN NULL WHEN 1 THEN 2 ELSE 4000000000 END, CASE x % 10 WHEN 0 THEN NULL ELSE 'USDC' END,"
    " 1000000, 0 FROM n",
)


def results(many: int, rounds: int) -> list[Result]:
    """Everything about many sessions, on an embedded chain."""
    with tempfile.TemporaryDirectory() as name, DevChain.start(engine="py-evm") as chain:
        folder = Path(name)
        signer = LocalSigner(PrivateKey(dev_private_key(0)))
        contract = deploy(chain.rpc_url, signer).allowance
        place = {"chain": "baseSepolia", "rpc_url": chain.rpc_url, "path": folder / "manager.db"}
        with SessionKeyManager(signer, contract, lock=_lock(), **place) as manager:
            found = [_made(manager, folder, rounds), *_signed(manager)]
            found += _restored(manager, rounds)
            fill(folder / "manager.db", many)
            found += _listed(manager, many, rounds)
            # Few among many: what is looked up must not depend on how many there are.
            found += _restored(manager, rounds, f", {many:,} in the file")
    return [*found, *asyncio.run(_store(many, rounds)), *_through_a_platform(rounds)]


def _lock() -> PassphraseLock:
    """One whose key takes no time: the derivation is slow on purpose, happens once, and is not what is measured."""
    return PassphraseLock(Secret("bench"), Argon2(memory_kib=64, iterations=1, lanes=1))


def _made(manager: SessionKeyManager, folder: Path, rounds: int) -> Result:
    """Sessions with key and signed grant; their approval is for later, and no block is waited for."""

    def make(number: int) -> None:
        manager.create_session(label=f"made {number}", spending_limit=1, valid_until=DAY, approve=False)

    # The first one asks the node who it is.
    make(0)
    times = [_timed(partial(make, number)) for number in range(1, rounds + 1)]
    return Result(
        "sessions made by a manager, one after the other",
        1 / statistics.median(times),
        "1/s",
        1 / statistics.median(_commits(folder, rounds)),
        note="a durable commit each for key, session and grant; the owner's epoch is asked of the node",
    )


def _commits(folder: Path, rounds: int) -> list[float]:
    """Seconds of three durable commits of a row: what the bare engine takes for a key, a session and a grant."""
    db = apsw.Connection(str(folder / "floor.db"))
    try:
        db.execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (body BLOB)"
        ).fetchall()

        def commit() -> None:
            for _ in range(3):
                db.execute("INSERT INTO t (body) VALUES (zeroblob(600))")

        return [_timed(commit) for _ in range(rounds)]
    finally:
        db.close()


def _signed(manager: SessionKeyManager) -> list[Result]:
    """Signatures of a session's key, which is read and checked each time, against eth_account with a key at hand."""
    from eth_account import Account
    from eth_account.messages import encode_defunct, encode_typed_data

    key = manager.create_session(
        label="signs", spending_limit=1, valid_until=DAY, approve=False
    ).session_key_hash
    bare_key = Account.from_key(bytes(range(1, 33)))
    data = {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
            "Login": [{"name": "who", "type": "string"}, {"name": "nonce", "type": "uint256"}],
        },
        "primaryType": "Login",
        "domain": {"name": "Somebody", "chainId": CHAIN_ID},
        "message": {"who": "me", "nonce": 7},
    }
    text = "sign me in"
    pairs: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
        (
            "messages",
            lambda: manager.sign(key, text),
            lambda: bare_key.sign_message(encode_defunct(text=text)),
        ),
        (
            "typed data",
            lambda: manager.sign(key, typed_data=data),
            lambda: bare_key.sign_message(encode_typed_data(full_message=data)),
        ),
    )
    return [
        Result(
            f"{what} signed by a manager's session",
            measure(what, ours).per_second,
            "1/s",
            measure(what, floor).per_second,
            note="the file is asked at each signature whether the session may",
        )
        for what, ours, floor in pairs
    ]


def _restored(manager: SessionKeyManager, rounds: int, among: str = "") -> list[Result]:
    """A session by its key's hash, as file, keystore and chain have it, and where the time goes."""
    key = manager.list_sessions(limit=1)[0].session_key_hash
    if among:
        made = manager.create_session(label="among", spending_limit=1, valid_until=DAY, approve=False)
        key = made.session_key_hash
    found = _percentiles(f"restore of a session{among}", lambda: manager.restore_session(key), rounds)
    whole = Result(
        found[0].name, found[0].value, "ms", most=RESTORE_MS_MOST, note=_parts(manager, key, rounds)
    )
    return [whole, *found[1:]]


def _parts(manager: SessionKeyManager, key: str, rounds: int) -> str:
    """The medians of what a restore does, in milliseconds."""
    kept, local = manager._manager._kept, manager._manager._local
    portal = manager._portal
    assert isinstance(local, OnEvm)
    grants = Grants(local, kept)

    async def of_store() -> None:
        await grants.of(await kept.record(key))

    async def of_chain() -> None:
        signed = await grants.of(await kept.record(key))
        assert signed is not None
        began = time.perf_counter()
        await standing_of(local, signed)
        chain.append(time.perf_counter() - began)

    chain: list[float] = []
    store = [_timed(lambda: portal.call(of_store)) for _ in range(rounds)]
    keystore = [_timed(lambda: local.keystore.get(key)) for _ in range(rounds)]
    for _ in range(rounds):
        portal.call(of_chain)
    parts = {"chain": chain, "store": store, "keystore": keystore}
    return ", ".join(f"{name} {statistics.median(one) * 1e3:.1f}" for name, one in parts.items()) + " ms"


def _listed(manager: SessionKeyManager, many: int, rounds: int) -> list[Result]:
    """Pages of a hundred out of so many."""
    asked: dict[str, dict[str, Any]] = {
        "list": {},
        "by label": {"label": "label 7"},
        "by status active": {"status": "active"},
        "by status revoked": {"status": "revoked"},
        "by status expired": {"status": "expired"},
        "by status exhausted, of which there are none": {"status": "exhausted"},
        "by label and status": {"label": "label 7", "status": "active"},
        "the middle page": {"offset": many // 2},
    }
    return [
        one
        for what, query in asked.items()
        for one in _percentiles(
            f"manager, {many:,} sessions, {what}",
            partial(manager.list_sessions, **query),
            rounds,
            LIST_MS_MOST,
        )
    ]


async def _store(many: int, rounds: int) -> list[Result]:
    """The same of the platform's account store, which counts all that fit as well."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "store.db"
        store = open_store(path)
        owner = await add_owner(store)
        await add_session(store, owner)
        fill(path, many)
        found: list[Result] = []
        asked: dict[str, dict[str, Any]] = {
            "list": {},
            "by label": {"label": "label 7"},
            "by status active": {"status": "active"},
            "by status revoked": {"status": "revoked"},
            "by chain": {"chain_id": CHAIN_ID},
            "by currency": {"currency": "USDC"},
            "by part of a label": {"part_of_label": "99"},
            "by words": {"text": "label 77"},
            "by the beginning of a wallet": {"text": "0x" + "0" * 36},
            "the last page": {"offset": max(many - 100, 0)},
            "that need a look": {"attention": True},
            "sorted by expiry": {"sort": "expiry"},
            "sorted by label": {"sort": "label"},
            "sorted by what is left": {"sort": "remaining"},
        }
        for what, query in asked.items():
            times = []
            for _ in range(rounds):
                began = time.perf_counter()
                await store.sessions(SessionQuery(owner.id, limit=100, **query))
                times.append(time.perf_counter() - began)
            found += _told(f"SQLite store, {many:,} sessions, {what}", times, LIST_MS_MOST)
        for what, look in (
            ("counts of each status", lambda: store.session_counts(owner.id)),
            ("overview", lambda: store.overview(owner.id, 0, 2**40)),
        ):
            times = []
            for _ in range(rounds):
                began = time.perf_counter()
                await look()
                times.append(time.perf_counter() - began)
            found += _told(f"SQLite store, {many:,} sessions, {what}", times)
        await store.close()
    return found


def _through_a_platform(rounds: int) -> list[Result]:
    """Sessions that a Client makes: keys kept, the platform told, the answer kept."""
    from tests.fixtures_stack import start_stack
    from valetkey import BuyerAgent, Client

    with tempfile.TemporaryDirectory() as name, ExitStack() as held, _without_places():
        folder = Path(name)
        stack = start_stack()
        held.callback(stack.stop)
        key = stack.wallet()
        owner = BuyerAgent.register(key, "bench", base_url=stack.base_url, state_dir=folder / "owner")
        held.callback(owner.close)
        port, _ = held.enter_context(bare(folder))
        flood = held.enter_context(load())
        order = {"host": "127.0.0.1", "path": "/api/v1/spends", "body": {}, "tokens": ["x"]}
        floor = flood(**order, port=port, count=4 * rounds, connections=1)
        found = []
        for funding in ("wallet", "grant"):
            client = Client(
                owner.api_key,
                "baseSepolia",
                base_url=stack.base_url,
                state_dir=folder / funding,
                signer=key,
                lock=_lock(),
            )
            with client:
                times = _times_of_making(client, funding, rounds)
            found.append(
                Result(
                    f"sessions made by a Client, with a {funding}",
                    1 / statistics.median(times),
                    "1/s",
                    4 * rounds / floor["seconds"],
                    note="the floor is one request that writes one row; each session is several",
                )
            )
    return found


def _times_of_making(client: Any, funding: str, rounds: int) -> list[float]:
    def make(number: int) -> None:
        label = f"made {number}"
        client.create_session(label=label, spending_limit=1, valid_until=DAY, funding=funding)

    # The first one asks more.
    make(0)
    return [_timed(partial(make, number)) for number in range(1, rounds + 1)]


@contextmanager
def _without_places() -> Iterator[None]:
    """Nothing of the caller's environment says where things are."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("VALETKEY_")}
    try:
        yield
    finally:
        os.environ.update(kept)


def fill(path: Path, many: int) -> None:
    """So many sessions with the rules of one that is there."""
    db = apsw.Connection(str(path))
    with contextlib.closing(db):
        db.set_busy_timeout(10_000)
        ((owner, policy, figures),) = db.execute(
            "SELECT owner_id, policy, figures FROM sessions JOIN spent ON session_id = id ORDER BY seq LIMIT 1"
        ).fetchall()
        with db:
            for statement in _FILL:
                names = {"many": many, "owner": owner, "policy": policy, "figures": figures}
                db.execute(statement, {one: value for one, value in names.items() if f":{one}" in statement})


def _percentiles(
    name: str, work: Callable[[], object], rounds: int, most: float | None = None
) -> list[Result]:
    work()
    return _told(name, [_timed(work) for _ in range(rounds)], most)


def _told(name: str, times: list[float], most: float | None = None) -> list[Result]:
    middle, slow = (1e3 * one for one in (statistics.median(times), statistics.quantiles(times, n=20)[-1]))
    return [Result(f"{name}, p50", middle, "ms", most=most), Result(f"{name}, p95", slow, "ms")]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
