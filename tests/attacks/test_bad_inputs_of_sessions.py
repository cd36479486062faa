"""Bad input at every door that a session has: one table, a row per kind and door.

Whatever is wrong is told with a code and the field, before anything is stored, signed or sent, and without a secret.
"""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.fixtures_chain import PRIVATE_KEYS, ChainRpc
from tests.fixtures_stack import RunningStack
from tests.integration.manager.world import HOUR, PASSPHRASE, PAYEE, World
from tests.integration.sdk import world as sdk_world
from tests.integration.sdk.clients import WORDS, Desk, new_desk
from valetkey.chains.evm.deploy import deploy
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.client_session import ClientSession
from valetkey.sdk.errors import NotFound, WrongNetwork
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.views import ManagedSession

CHECKSUM_ERROR = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"[:-1] + "D"
ZERO = "0x" + "0" * 40
LOOKALIKE = "USD\u0421"
"""Its last letter is Cyrillic."""
NOW = int(datetime.now(UTC).timestamp())
GOOD: dict[str, Any] = {"label": "good", "spending_limit": "5", "valid_until": HOUR}


class Odd:
    """Nothing that any door takes."""

    def __repr__(self) -> str:
        return "<odd>"


@dataclass
class Managed:
    """A manager with a session that lives, and what there is of everything."""

    world: World
    manager: SessionKeyManager
    session: ManagedSession
    secrets: list[str]

    def facts(self) -> object:
        """Rows, keys, holds, approvals and transactions: what bad input must not add to."""
        db = apsw.Connection(str(self.world.file), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            tables = ("sessions", "holds", "grants", "relays", "keystore_records", "answers")
            found = {(name,) for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            rows = [
                (name, *db.execute(f"SELECT count(*) FROM {name}").fetchall()[0])
                for name in tables
                if (name,) in found
            ]
        finally:
            db.close()
        return rows, self.world.sent(), self.world.allowed(), self.world.units()


@pytest.fixture(scope="module")
def managed(devchain: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    rpc = ChainRpc(devchain)
    at = deploy(devchain.rpc_url, LocalSigner(PrivateKey.from_hex(PRIVATE_KEYS[0])))
    world = World(rpc, at, tmp_path_factory.mktemp("managed"))
    world.furnish()
    with world.manager() as manager:
        session = manager.create_session(label="lives", spending_limit=50, valid_until=HOUR)
        inner = manager._manager._local.keystore.get(session.session_key_hash)
        assert inner is not None
        yield Managed(world, manager, session, [world.owner.to_hex()[2:], bytes(inner).hex(), PASSPHRASE])
    rpc.close()


@dataclass
class Served:
    """A client with a session that lives, and what there is of everything."""

    desk: Desk
    session: ClientSession
    secrets: list[str]

    def facts(self) -> object:
        sessions = self.desk.client.owner.list_sessions(limit=100)
        spends = self.desk.client.owner.list_spends(limit=100)
        names = self.desk.client._keys.store.names()
        world = self.desk.world
        nonces = [world.nonce(one) for one in (self.desk.key.address, self.session.wallet_address or ZERO)]
        return len(sessions.sessions), len(spends.spends), names, nonces


@pytest.fixture(scope="module")
def served(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = sdk_world.World(stack, tmp_path_factory.mktemp("served"), [])
    desk = new_desk(world)
    session = desk.client.create_session(label="lives", spending_limit="50", valid_until=HOUR)
    assert session.session_key_hash is not None
    kept = desk.client._keys.find(session.session_key_hash)
    assert kept is not None
    bare = [one.removeprefix("0x") for one in (kept.wallet, kept.e2e, desk.key.to_hex())]
    yield Served(desk, session, [*bare, WORDS, desk.owner.api_key.reveal()])
    desk.client.close()
    world.close()


# What is wrong with amounts, wherever one is taken

AMOUNTS: dict[str, Any] = {
    "nan float": float("nan"),
    "nan Decimal": Decimal("NaN"),
    "signalling nan": Decimal("sNaN"),
    "nan text": "NaN",
    "infinity float": float("inf"),
    "infinity Decimal": Decimal("Infinity"),
    "infinity text": "Infinity",
    "negative int": -1,
    "negative text": "-1",
    "negative Decimal": Decimal("-0.000001"),
    "too many decimals": "0.0000001",
    "too many decimals, float": 1e-7,
    "31 digits": "9" * 31,
    "31 digits, int": 10**30,
    "digits beyond the unit": "9" * 25 + ".000001",
    "huge exponent text": "1e999999999",
    "huge exponent Decimal": Decimal("1e999999"),
    "tiny exponent": Decimal("1e-999999"),
    "bool": True,
    "empty": "",
    "blank around": " 1",
    "comma": "1,5",
    "digits of another script": "\u0661",
    "bytes": b"1",
    "nothing of the kind": Odd(),
    "list": [1],
}

TIMES: dict[str, tuple[Any, str]] = {
    "over already": (NOW - 3_600, "*"),
    "over already, datetime": (datetime.now(UTC) - timedelta(days=1), "*"),
    "negative duration": (timedelta(seconds=-5), "*"),
    "beyond the maximum": (timedelta(days=31), "*"),
    "far beyond the maximum": (timedelta.max, "*"),
    "below the minimum": (timedelta(seconds=59), "*"),
    "milliseconds given as seconds of a clock of another unit": (NOW * 1_000_000, "ambiguous_time"),
    "a duration given as a time": (3_600, "ambiguous_time"),
    "a duration in milliseconds": (3_600_000, "ambiguous_time"),
    "naive datetime": (datetime.now() + timedelta(hours=1), "invalid_input"),  # noqa: DTZ005 - what is wrong
    "the last datetime": (datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), "*"),
    "the first datetime": (datetime.min.replace(tzinfo=timezone(timedelta(hours=12))), "*"),
    "nan": (float("nan"), "invalid_input"),
    "infinity": (float("inf"), "invalid_input"),
    "huge": (10**400, "ambiguous_time"),
    "bool": (True, "invalid_input"),
    "text": ("tomorrow", "invalid_input"),
    "none": (None, "invalid_input"),
}

LABELS: dict[str, Any] = {
    "empty": "",
    "blank": "   ",
    "blanks around": " a",
    "over-long": "a" * 201,
    "newline": "a\nb",
    "null": "a\0b",
    "escape": "a\x1b[31mb",
    "right to left override": "a\u202eb",
    "zero width": "a\u200bb",
    "lone surrogate": "a\ud800",
    "not a text": 7,
    "none": None,
    "bytes": b"a",
}

ADDRESSES: dict[str, tuple[Any, str]] = {
    "zero address": (ZERO, "invalid_address"),
    "checksum error": (CHECKSUM_ERROR, "invalid_address"),
    "too short": ("0x12", "invalid_address"),
    "without 0x": ("5e" * 20, "invalid_address"),
    "upper case prefix": ("0X" + "5e" * 20, "invalid_address"),
    "a name": ("vitalik.eth", "invalid_address"),
    "not a text": (7, "invalid_address"),
    "bytes": (b"\x5e" * 20, "invalid_address"),
    "none": (None, "invalid_address"),
}

TOKENS: dict[str, tuple[Any, str]] = {
    "unknown token": ("DOGE", "unknown_token"),
    "look-alike": (LOOKALIKE, "unknown_token"),
    "other case": ("usdc", "unknown_token"),
    "full width": ("\uff35\uff33\uff24\uff23", "unknown_token"),
    "empty": ("", "unknown_token"),
    "another address": ("0x" + "11" * 20, "unknown_token"),
    "checksum error": (CHECKSUM_ERROR, "invalid_address"),
    "zero address": (ZERO, "*"),
    "not a text": (7, "unknown_token"),
}

KEYS: dict[str, Any] = {
    "empty": "",
    "newline": "a\nb",
    "not a text": 7,
    "over-long": "k" * 201,
    "unicode": "\u00e9",
}

NAMES: dict[str, Any] = {
    "none": None,
    "number": 7,
    "bool": True,
    "list": [],
    "mapping": {},
    "lone surrogate": "\ud800",
    "null": "\0",
    "blank": " ",
    "empty": "",
    "a way out": "../../agents/me",
    "a question": "x?limit=1",
    "half a hash": "0x" + "0" * 63,
    "nobody's hash": "0x" + "0" * 64,
    "nothing of the kind": Odd(),
}
"""By which nothing is found."""

CHAINS: dict[str, tuple[Any, str]] = {
    "wrong chain": ("polygon", "wrong_chain"),
    "wrong number": (8453, "wrong_chain"),
    "no such name": ("bass", "unknown_chain"),
    "negative": (-1, "*"),
    "bool": (True, "*"),
    "float": (84532.0, "*"),
    "huge": (10**100, "*"),
    "list": ([84532], "*"),
}

Row = tuple[dict[str, Any], str, str]
"""What is given instead, the code, the field."""


def created() -> Iterator[tuple[str, Row]]:
    """What `create_session` refuses, of a Client as of a manager."""
    for kind, bad in AMOUNTS.items():
        yield f"spending_limit {kind}", ({"spending_limit": bad}, "invalid_amount", "spending_limit")
        yield (
            f"spending_limit {kind}, with a key",
            ({"spending_limit": bad, "idempotency_key": "k"}, "invalid_amount", "spending_limit"),
        )
    for name in ("per_transaction_limit", "daily_limit", "approval_above"):
        for kind in ("nan float", "negative text", "too many decimals", "huge exponent text", "bool", "list"):
            yield f"{name} {kind}", ({name: AMOUNTS[kind]}, "invalid_amount", name)
    for kind in ("nan Decimal", "negative int", "31 digits", "nothing of the kind"):
        yield f"windows {kind}", ({"windows": {3600: AMOUNTS[kind]}}, "invalid_amount", "windows")
    for kind, windows in {
        "no seconds": {0: 1},
        "negative seconds": {-60: 1},
        "seconds as text": {"3600": 1},
        "bool": {True: 1},
        "nan seconds": {float("nan"): 1},
        "a list": [3600, 1],
        "none": None,
        "a day twice": {86_400: 1},
    }.items():
        given = {"windows": windows} | ({"daily_limit": 1} if kind == "a day twice" else {})
        yield f"windows {kind}", (given, "*", "daily_limit or windows")
    for kind, bad in {"negative": -1, "bool": True, "float": 1.5, "text": "1"}.items():
        yield f"spends_max {kind}", ({"spends_max": bad}, "*", "spends_max")
    for kind, (bad, code) in TIMES.items():
        yield f"valid_until {kind}", ({"valid_until": bad}, code, "valid_until")
        if kind in ("nan", "bool", "text", "naive datetime", "a duration given as a time", "huge"):
            yield f"not_before {kind}", ({"not_before": bad}, code, "not_before")
    yield "not_before after the end", ({"not_before": timedelta(hours=2)}, "*", "not_before")
    for kind, bad in LABELS.items():
        yield f"label {kind}", ({"label": bad}, "invalid_input", "label")
    for kind in ("empty", "over-long", "newline", "lone surrogate", "not a text"):
        yield f"delegate {kind}", ({"delegate": LABELS[kind]}, "invalid_input", "delegate")
        yield f"role {kind}", ({"role": LABELS[kind]}, "invalid_input", "role")
    for kind, (bad, code) in ADDRESSES.items():
        yield f"payee {kind}", ({"allowed_payees": [bad]}, code, "allowed_payees")
    yield "payees as a text", ({"allowed_payees": PAYEE}, "invalid_input", "allowed_payees")
    yield (
        "payees as a text, with a key",
        (
            {"allowed_payees": [7], "idempotency_key": "k"},
            "invalid_address",
            "allowed_payees",
        ),
    )
    for kind, (bad, code) in TOKENS.items():
        yield f"token {kind}", ({"allowed_tokens": [bad]}, code, "allowed_tokens")
    yield "tokens as a text", ({"allowed_tokens": "USDC"}, "invalid_input", "allowed_tokens")
    for kind, (bad, code) in CHAINS.items():
        yield f"chain {kind}", ({"chain": bad}, code, "chain")
    for kind, bad in KEYS.items():
        yield f"idempotency_key {kind}", ({"idempotency_key": bad}, "invalid_input", "idempotency_key")
    yield "sole_label no bool", ({"sole_label": "no"}, "invalid_input", "sole_label")
    yield "an unknown member", ({"spending_limits": 5}, "invalid_input", "spending_limits")
    yield "a funding that there is none of", ({"funding": "credit"}, "invalid_input", "funding")


def spent() -> Iterator[tuple[str, Row]]:
    """What `spend` of a manager refuses."""
    for kind, bad in AMOUNTS.items():
        yield f"amount {kind}", ({"amount": bad}, "invalid_amount", "amount")
    for kind, zero in {"zero": 0, "zero text": "0.0", "minus zero": Decimal("-0"), "none": None}.items():
        yield f"amount {kind}", ({"amount": zero}, "invalid_amount", "amount")
    for kind, (bad, code) in ADDRESSES.items():
        yield f"to {kind}", ({"to": bad}, code, "to")
    for kind, (bad, code) in TOKENS.items():
        yield f"token {kind}", ({"token": bad}, code, "token")
    for kind, key in KEYS.items():
        yield f"idempotency_key {kind}", ({"idempotency_key": key}, "invalid_input", "idempotency_key")
    for kind, memo in {
        "over-long": "m" * 501,
        "not a text": 7,
        "lone surrogate": "\ud800",
        "null": "a\0b",
    }.items():
        yield f"memo {kind}", ({"memo": memo}, "invalid_input", "memo")


def told() -> Iterator[tuple[str, Row]]:
    """What `execute` of a Client refuses, of a transfer."""
    for kind, bad in AMOUNTS.items():
        yield f"amount {kind}", ({"amount": bad}, "invalid_amount", "amount")
    yield "amount zero", ({"amount": 0}, "invalid_amount", "amount")
    for kind, (bad, code) in ADDRESSES.items():
        yield f"to {kind}", ({"to": bad}, code, "to")
    for kind, (bad, code) in TOKENS.items():
        if kind != "other case":
            yield f"token {kind}", ({"token": bad}, code, "token")
    for kind, key in KEYS.items():
        yield f"idempotency_key {kind}", ({"idempotency_key": key}, "invalid_input", "idempotency_key")
    yield "an unknown member", ({"amounts": 1}, "invalid_input", "amounts")
    for kind, type_ in {"unknown": "steal", "none": None, "not a text": ["transfer"]}.items():
        yield f"type {kind}", ({"type": type_}, "invalid_input", "type")


DOORS: dict[str, Callable[[], Iterator[tuple[str, Row]]]] = {
    "manager.create": created,
    "client.create": created,
    "manager.spend": spent,
    "client.execute": told,
}
# The platform of the tests lets sessions live for a second.
LEFT_OUT = ("client.create valid_until below the minimum",)
TABLE = [
    pytest.param(door, *row, id=f"{door} {kind}")
    for door, rows in DOORS.items()
    for kind, row in rows()
    if f"{door} {kind}" not in LEFT_OUT
]


@pytest.mark.parametrize(("door", "given", "code", "field"), TABLE)
def test_bad_input_is_told_and_leaves_nothing(
    managed: Managed, served: Served, door: str, given: dict[str, Any], code: str, field: str
) -> None:
    place: Managed | Served = managed if door.startswith("manager") else served
    before = place.facts()
    problem = refused(lambda: ask(place, door, given))
    if isinstance(problem, WrongNetwork):
        # Of a chain that there is: the platform says that it does not serve it.
        assert (door, code, problem.code) == ("client.create", "wrong_chain", WrongNetwork.code)
    else:
        assert isinstance(problem, InvalidInput), f"{type(problem).__name__}: {problem}"
        assert code in (problem.code, "*"), f"{problem.code}: {problem}"
        assert problem.field in field.split(" or "), f"{problem.field}: {problem}"
    check_silent(problem, place.secrets)
    assert place.facts() == before


@pytest.mark.parametrize("kind", NAMES)
def test_what_names_no_session_or_payment_is_told_and_leaves_nothing(
    managed: Managed, served: Served, kind: str
) -> None:
    name, manager, client = NAMES[kind], managed.manager, served.desk.client
    action = {"type": "transfer", "to": PAYEE, "amount": "1"}
    before = managed.facts(), served.facts()
    calls: list[Callable[[], object]] = [
        lambda: manager.restore_session(name),
        lambda: manager.revoke_session(name),
        lambda: manager.rotate(name),
        lambda: manager.spend(name, to=PAYEE, amount=1),
        lambda: manager.sign(name, "hello"),
        lambda: manager.export_session(name, passphrase=PASSPHRASE),
        lambda: manager.import_session(name, passphrase=PASSPHRASE),
        lambda: manager.exposure(name),
        lambda: manager.reclaim(name),
        lambda: manager.forget_key(name),
        lambda: manager.get_spend(name),
        lambda: manager.approve_spend(name),
        lambda: manager.reject_spend(name),
        lambda: client.get_session(name),
        lambda: client.execute(name, action),
        lambda: client.revoke_session(name),
        lambda: client.rotate_session(name),
        lambda: client.recover_session(name),
        lambda: client.fund_session(name),
        lambda: client.reclaim_session(name),
        lambda: client.allotment(name),
    ]
    for call in calls:
        problem = refused(call)
        assert isinstance(problem, (InvalidInput, NotFound)), f"{type(problem).__name__}: {problem}"
        check_silent(problem, managed.secrets + served.secrets)
    assert (managed.facts(), served.facts()) == before


@pytest.mark.parametrize("whose", ["owner", "session"])
@pytest.mark.parametrize("door", ["manager.spend", "client.execute"])
def test_what_would_be_paid_to_oneself_is_told_and_leaves_nothing(
    managed: Managed, served: Served, door: str, whose: str
) -> None:
    place: Any = managed if door.startswith("manager") else served
    owner = place.world.owner.address if isinstance(place, Managed) else place.desk.key.address
    before = place.facts()
    problem = refused(
        lambda: ask(place, door, {"to": owner if whose == "owner" else place.session.wallet_address})
    )
    assert isinstance(problem, InvalidInput)
    assert (problem.code, problem.field) == ("invalid_address", "to")
    assert place.facts() == before


@pytest.mark.parametrize(
    "label",
    [
        "caf\u00e9 \u2615",
        "cafe\u0301",
        "\u0437\u0430\u0440\u043f\u043b\u0430\u0442\u0430",
        "\u7d66\u6599",
        "\u0631\u0627\u062a\u0628",
        "\U0001f469\U0001f3fd",
        "\uff35\uff33\uff24\uff23",
        "a%_b'\"--",
        "x" * 200,
        "\U0001f600" * 200,
    ],
)
def test_a_label_in_any_script_is_found_again_exactly(managed: Managed, served: Served, label: str) -> None:
    wanted = GOOD | {"label": label}
    made = managed.manager.create_session(**wanted, approve=False)
    assert [one.session_key_hash for one in managed.manager.list_sessions(label=label)] == [
        made.session_key_hash
    ]
    assert managed.manager.list_sessions(label=label)[0].label == label
    client = served.desk.client
    kept = client.create_session(**wanted, funding="wallet")
    (found,) = client.list_sessions(label=label)
    assert (found.label, found.session_id) == (label, kept.session_id)


DAMAGE = {
    "policy of a session, cut": "UPDATE sessions SET policy = substr(policy, 1, 9) WHERE id = :id",
    "policy of a session, other bytes": "UPDATE sessions SET policy = '[1,2,3]' WHERE id = :id",
    "policy of a session, money no number": (
        "UPDATE sessions SET policy = replace(policy, '20000000', 'much') WHERE id = :id"
    ),
    "key hash of a session": "UPDATE sessions SET key_hash = zeroblob(32) WHERE id = :id",
    "figures of a session": "UPDATE spent SET figures = '[0,' WHERE session_id = :id",
    "figures of a session, other bytes": "UPDATE spent SET figures = 'null' WHERE session_id = :id",
    "body of a grant": "UPDATE grants SET body = substr(body, 1, 40) WHERE session_id = :id",
    "body of a grant, other bytes": "UPDATE grants SET body = '{}' WHERE session_id = :id",
    "request of a hold": "UPDATE holds SET request = '[' WHERE session_id = :id AND state = 'unknown'",
    "amount of a hold": "UPDATE holds SET amount = '' WHERE session_id = :id AND state = 'unknown'",
    "payload of a hold": "UPDATE holds SET payload = x'00' WHERE session_id = :id AND state = 'unknown'",
    "key": "UPDATE keystore_records SET body = zeroblob(length(body)) WHERE name = :key",
    "header of a key": "UPDATE keystore_records SET header = zeroblob(length(header)) WHERE name = :key",
    "half of a key": "UPDATE keystore_records SET body = substr(body, 1, 7) WHERE name = :key",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_row_touches_its_own_session_only(
    managed: Managed, chain: ChainRpc, tmp_path: Path, kind: str
) -> None:
    """Whatever became of one session's rows, it answers a typed error, and all others are listed, restored and pay."""
    world = World(chain, managed.world.at, tmp_path)
    world.furnish()
    rules = {"spending_limit": 20, "valid_until": HOUR}
    with world.manager() as manager:
        other, hurt = [manager.create_session(label=one, **rules) for one in ("other", "hurt")]
        manager.spend(hurt.session_key_hash, to=PAYEE, amount=1)
        # Sent, and in no block that was told yet.
        sent = manager.spend(hurt.session_key_hash, to=PAYEE, amount=1, wait=False)
    hurt_row(world.file, DAMAGE[kind], {"id": hurt.session_id, "key": hurt.session_key_hash})
    with world.manager() as again:
        asked: list[Callable[[], object]] = [
            lambda: again.restore_session(hurt.session_key_hash),
            lambda: again.spend(hurt.session_key_hash, to=PAYEE, amount=1),
        ]
        if kind.endswith("of a hold"):
            asked = [lambda: again.get_spend(sent.hold_id)]
        for call in asked:
            problem = refused(call)
            wanted = "invalid_input" if kind == "payload of a hold" else "damaged_record"
            assert problem.code == wanted, f"{type(problem).__name__}: {problem}"
            check_silent(problem, [world.owner.to_hex()[2:], PASSPHRASE])
        assert other.session_id in {one.session_id for one in again.list_sessions()}
        assert again.restore_session(other.session_key_hash).status == "active"
        assert again.spend(other.session_key_hash, to=PAYEE, amount=1).state == "captured"
        fresh = again.create_session(label="fresh", **rules)
        assert again.spend(fresh.session_key_hash, to=PAYEE, amount=1).state == "captured"
        again.step()
        assert again.revoke_session(other.session_key_hash).on_chain


def hurt_row(file: Path, asked: str, names: dict[str, str]) -> None:
    """Change one row as a bad disk would."""
    db = apsw.Connection(str(file))
    db.set_busy_timeout(5_000)
    db.execute(asked, {one: name for one, name in names.items() if f":{one}" in asked})
    assert db.changes() == 1
    db.close()


def ask(place: Any, door: str, given: dict[str, Any]) -> object:
    """Go through a door with something wrong, and everything else right."""
    if door == "manager.create":
        return place.manager.create_session(**GOOD | given)
    if door == "client.create":
        return place.desk.client.create_session(**GOOD | given)
    if door == "manager.spend":
        return place.manager.spend(place.session.session_key_hash, **{"to": PAYEE, "amount": 1} | given)
    key = {name: given[name] for name in given if name == "idempotency_key"}
    action = {"type": "transfer", "to": PAYEE, "amount": "1"} | given
    action.pop("idempotency_key", None)
    return place.desk.client.execute(place.session, action, **key)


def refused(work: Callable[[], object]) -> ValetkeyError:
    """What it raised, which is ours."""
    with pytest.raises(ValetkeyError) as caught:
        work()
    return caught.value


def check_silent(problem: BaseException, secrets: list[str]) -> None:
    """No secret is in what would be logged of it, causes and contexts included."""
    text = "".join(traceback.format_exception(problem)) + repr(problem) + repr(vars(problem))
    assert len(text) < 100_000
    for secret in secrets:
        assert secret not in text
