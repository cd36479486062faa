"""`valetkey doctor` on a machine with each part missing: what it sees, what it says, how it ends."""

import json
import shutil
import sqlite3
import time
from collections import namedtuple
from contextlib import closing
from importlib.metadata import version

import httpx
import pytest

from tests.cluster import databases
from tests.e2e.cli.patients import Patient
from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent, PrivateKey
from valetkey.chains.devchain import DevChain
from valetkey.cli import extras
from valetkey.cli.doctor import remote
from valetkey.wire.errors import Exit

NOBODY = "http://127.0.0.1:1"


def test_a_machine_on_which_all_is_well(patient: Patient) -> None:
    found = patient.seen(Exit.OK)
    assert {one["status"] for one in found.values()} <= {"ok", "skip"}
    assert {name for name, one in found.items() if one["status"] == "skip"} == {
        "configuration",
        "keystore",
        "session",
    }


def test_no_platform(patient: Patient) -> None:
    found = patient.seen(Exit.ENVIRONMENT, VALETKEY_BASE_URL=NOBODY)
    assert found["platform"]["status"] == "fail"
    assert "valetkey serve" in found["platform"]["todo"]
    assert found["API key"]["status"] == "skip"
    assert (
        patient.seen(Exit.INPUT, VALETKEY_BASE_URL="http://pay.example.com")["platform"]["status"] == "fail"
    )


def test_something_else_in_the_place_of_the_platform(patient: Patient, stack: RunningStack) -> None:
    found = patient.seen(Exit.ENVIRONMENT, VALETKEY_BASE_URL=stack.rpc_url)
    assert found["platform"]["status"] == "fail"
    assert found["network"]["status"] == "fail"
    assert "platform's version" not in found


@pytest.mark.parametrize(
    ("ours", "status", "told"),
    [
        ("99.0.0", "warn", "older than 99.0.0 here"),
        ("0.0.1", "warn", "newer than 0.0.1 here"),
        ("0.0.1rc1", "warn", "newer than 0.0.1rc1 here"),
        (version("valetkey"), "ok", "as here"),
    ],
    ids=["older", "newer", "newer than a candidate", "the same"],
)
def test_a_platform_of_another_version(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, ours: str, status: str, told: str
) -> None:
    monkeypatch.setattr(remote, "version", lambda _name: ours)
    found = patient.seen(Exit.OK)["platform's version"]
    assert (found["status"], told in found["seen"]) == (status, True), found


def test_a_platform_whose_version_is_no_version(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line to paste is made of it, so it is looked at."""
    monkeypatch.setattr(BuyerAgent, "platform_version", lambda _agent: "9.9'; rm -rf ~; '")
    found = patient.seen(Exit.OK)["platform's version"]
    assert (found["status"], "~" in json.dumps(found)) == ("warn", False)


def test_no_node_and_a_node_of_another_chain(patient: Patient) -> None:
    dead = patient.seen(Exit.ENVIRONMENT, VALETKEY_RPC_URL=f"{NOBODY}/a-key-of-ours")
    assert dead["chain"]["status"] == "fail"
    assert "a-key-of-ours" not in json.dumps(dead)
    with DevChain.start(engine="py-evm", chain_id=31337) as other:
        found = patient.seen(Exit.INPUT, VALETKEY_RPC_URL=other.rpc_url)
    assert found["chain id"] == {
        "name": "chain id",
        "status": "fail",
        "seen": "the node is of chain 31337, the platform of 84532",
        "todo": "name a node of the platform's chain with --rpc-url",
    }


def test_no_contract_at_its_address(patient: Patient) -> None:
    """The right chain, and not the same one: another node that says 84532."""
    with DevChain.start(engine="py-evm", chain_id=84532) as other:
        found = patient.seen(Exit.PROOF, VALETKEY_RPC_URL=other.rpc_url)
    assert found["contract escrow"]["status"] == "fail"
    assert "contracts deploy" in found["contract escrow"]["todo"]


def test_a_wallet_without_anything(patient: Patient) -> None:
    (patient.folder / "wallet.key").write_text(PrivateKey.generate().to_hex())
    found = patient.seen(Exit.OK)
    assert (found["wallet's gas"]["status"], found["wallet's USDC"]["status"]) == ("warn", "warn")
    (patient.folder / "wallet.key").write_text("0x12")
    assert patient.seen(Exit.INPUT)["wallet"]["status"] == "fail"


@pytest.mark.parametrize(
    ("seconds", "status", "code"), [(30, "warn", 0), (-300, "fail", 7), (300, "fail", 7)]
)
def test_a_clock_that_is_wrong(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, seconds: int, status: str, code: int
) -> None:
    """Ours, which is what a skewed machine has."""
    monkeypatch.setattr(remote.Remote.__init__, "__defaults__", (lambda: time.time() + seconds,))
    found = patient.seen(code)
    assert found["clock of the platform"]["status"] == status
    assert "NTP" in found["clock of the platform"]["todo"]
    assert ("ahead" if seconds > 0 else "behind") in found["clock of the platform"]["seen"]
    if seconds < -60:
        assert found["chain's head"]["status"] == "fail"


def test_credentials_that_are_dead_or_may_nothing(patient: Patient) -> None:
    dead = patient.seen(Exit.CREDENTIAL, VALETKEY_API_KEY="abba_" + "0" * 64)
    assert dead["API key"]["status"] == "fail"
    narrow = patient.owner.create_api_key("narrow", scopes=["market:read"])
    assert patient.seen(Exit.OK, VALETKEY_API_KEY=narrow.secret.reveal())["API key"]["status"] == "warn"
    session = patient.owner.create_session(1, 600)
    bundle = session.serialize()
    assert patient.seen(Exit.OK, VALETKEY_BUNDLE=bundle)["session"]["status"] == "ok"
    patient.owner.pause_session(session)
    assert patient.seen(Exit.OK, VALETKEY_BUNDLE=bundle)["session"]["status"] == "warn"
    patient.owner.revoke_session(session)
    found = patient.seen(Exit.CREDENTIAL, VALETKEY_BUNDLE=bundle)
    assert found["session"]["status"] == "fail"
    assert bundle not in json.dumps(found)


def test_files_that_others_may_read(patient: Patient) -> None:
    (patient.folder / "api-key").chmod(0o644)
    found = patient.seen(Exit.INPUT)["file of the owner's API key"]
    assert (found["status"], found["todo"]) == ("fail", f"chmod 600 {patient.folder}/api-key")
    (patient.folder / "api-key").chmod(0o600)
    (patient.folder / "home").chmod(0o755)
    assert patient.seen(Exit.INPUT)["state folder"]["status"] == "fail"
    (patient.folder / "home").chmod(0o700)
    gone = str(patient.folder / "gone")
    assert (
        patient.seen(Exit.INPUT, VALETKEY_API_KEY_FILE=gone)["file of the owner's API key"]["status"]
        == "fail"
    )
    config = patient.folder / "config.toml"
    config.write_text("")
    config.chmod(0o644)
    assert patient.seen(Exit.INPUT, VALETKEY_CONFIG=str(config))["configuration"]["status"] == "fail"


def test_databases(patient: Patient) -> None:
    path = patient.folder / "platform.db"
    assert patient.seen(Exit.OK)["database"]["status"] == "ok"
    with closing(sqlite3.connect(path)) as db, db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {version - 1}")
    assert patient.seen(Exit.OK)["database"]["status"] == "warn"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA user_version = {version + 1}")
    assert patient.seen(Exit.CONFLICT)["database"]["status"] == "fail"
    path.write_text("no database at all, whatever it is called, and long enough to be looked at")
    assert patient.seen(Exit.ENVIRONMENT)["database"]["status"] == "fail"
    assert path.read_text().startswith("no database"), "it looks, and changes nothing"
    path.unlink()
    found = patient.seen(Exit.ENVIRONMENT)["database"]
    assert "valetkey migrate" in found["todo"]
    dead = patient.seen(Exit.ENVIRONMENT, VALETKEY_DATABASE="postgresql://u:p4ssw0rd@127.0.0.1:9/x")
    assert "p4ssw0rd" not in json.dumps(dead)
    living = patient.seen(Exit.OK, VALETKEY_DATABASE=databases().fresh())
    assert living["database"]["seen"].startswith("PostgreSQL")


def test_a_disk_without_room(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(1, 1, 2**20))
    assert patient.seen(Exit.ENVIRONMENT)["database's disk"]["status"] == "fail"


def test_an_extra_that_is_not_installed(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "solders" else name)
    found = patient.seen(Exit.OK)["extra solana"]
    assert (found["status"], found["todo"]) == ("warn", "pip install 'valetkey[solana]', if you need it")


def test_a_platform_that_is_not_ready(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx.Response(503, json={"details": {"failing": ["database"]}})
    monkeypatch.setattr(remote.httpx, "get", lambda *_args, **_more: answer)
    assert "database" in patient.seen(Exit.ENVIRONMENT)["platform"]["seen"]
