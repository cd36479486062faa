"""Whose session a command is of: the one order of its sources, and an enrolled session that buys."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli.transcribing import Scribe, mark_of, registered
from tests.fixtures_stack import RunningStack
from valetkey.cli.complaint import Complaint
from valetkey.cli.configured import Configured
from valetkey.cli.held import BUNDLE, named_session, only_enrollment, session_at_hand
from valetkey.sdk.kept_enrollment import ROOM, KeptEnrollment, KeptEnrollments
from valetkey.sdk.state import StateFolder
from valetkey.wire.errors import Exit

CODE, OTHER = "7Q2M-XK4D-90TB-HV3R", "0000-0000-0000-0000"
NOWHERE = {"VALETKEY_CONFIG": ""}


@pytest.mark.parametrize(
    ("flags", "environ", "wanted"),
    [
        ({}, {}, None),
        ({"bundle": "b"}, {"VALETKEY_ENROLLMENT": CODE}, BUNDLE),
        ({"enrollment": CODE}, {"VALETKEY_BUNDLE": "b"}, CODE),
        ({"enrollment": CODE}, {"VALETKEY_ENROLLMENT": OTHER}, CODE),
        ({}, {"VALETKEY_BUNDLE_FILE": "b"}, BUNDLE),
        ({}, {"VALETKEY_ENROLLMENT": CODE}, CODE),
    ],
    ids=["nothing", "flag of a bundle", "flag of a code", "two codes", "a file", "a code"],
)
def test_the_command_comes_before_the_environment(
    flags: dict[str, Any], environ: dict[str, str], wanted: str | None, tmp_path: Path
) -> None:
    assert (
        named_session(Configured(flags, {"VALETKEY_CONFIG": "", "HOME": str(tmp_path), **environ})) == wanted
    )


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"bundle_file = 'keystore:work'\nhome = '{tmp_path}'\n")
    config.chmod(0o600)
    environ = {"VALETKEY_CONFIG": str(config)}
    assert named_session(Configured({}, environ)) == BUNDLE
    assert named_session(Configured({}, environ | {"VALETKEY_ENROLLMENT": CODE})) == CODE


def test_two_in_one_place_are_none() -> None:
    with pytest.raises(Complaint, match="VALETKEY_BUNDLE and VALETKEY_ENROLLMENT"):
        named_session(Configured({}, {"VALETKEY_BUNDLE": "b", "VALETKEY_ENROLLMENT": CODE}))


def test_two_in_the_file_are_none(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"bundle_file = 'b'\nenrollment = '{CODE}'\n")
    config.chmod(0o600)
    with pytest.raises(Complaint, match="bundle_file and enrollment"):
        named_session(Configured({}, {"VALETKEY_CONFIG": str(config)}))


def test_the_only_enrolment_of_the_state_folder_comes_last(tmp_path: Path) -> None:
    kept = KeptEnrollments(StateFolder(tmp_path))
    assert only_enrollment(tmp_path) is None
    first, second = (KeptEnrollment.new("shopper", None) for _ in range(2))
    kept.keep(first)
    configured = Configured({"home": tmp_path}, {"VALETKEY_CONFIG": "", "HOME": str(tmp_path)})
    assert session_at_hand(configured) == first.keys.code
    kept.keep(second)
    os.utime(tmp_path / ROOM / first.keys.code, (1_000, 1_000))
    with pytest.raises(Complaint) as told:
        session_at_hand(configured)
    assert f"{second.keys.code}, {first.keys.code}" in str(told.value)
    assert "--enrollment CODE" in (told.value.hint or "")


def test_an_enrolled_session_buys_and_pays_by_its_own_keys(
    scribe: Scribe, stack: RunningStack, tmp_path: Path
) -> None:
    """Its keys are kept under a passphrase; neither owner's key nor API key is there."""
    registered(scribe)
    offer = "--title Books --description 'A book' --category other --price 2"
    seller, key = tmp_path / "seller", tmp_path / "seller.key"
    key.write_text(stack.wallet().to_hex())
    theirs = {
        "VALETKEY_OWNER_KEY_FILE": str(key),
        "VALETKEY_API_KEY_FILE": str(seller),
        "VALETKEY_HOME": str(tmp_path / "sellers-home"),
    }
    scribe.run(f"agent register --name seller-{mark_of(scribe)} --out {seller}", **theirs)
    service = json.loads(scribe.run(f"service add {offer} --json", **theirs))["id"]
    there = {
        "VALETKEY_HOME": str(tmp_path / "delegate"),
        "VALETKEY_OWNER_KEY_FILE": "",
        "VALETKEY_API_KEY_FILE": "",
        "VALETKEY_PASSPHRASE": "correct horse",
    }
    code = json.loads(scribe.run("agent enroll --for 1s --json", 7, **there))["code"]
    waits = scribe.run(f"tx buy {service}", 7, **there)
    assert waits == "", "no session is made yet"
    scribe.run(f"session create --budget 5 --enrollment {code}")
    bought = json.loads(scribe.run(f"tx buy {service} --json", **there))
    paid = json.loads(scribe.run(f"tx fund {bought['id']} --json", **there))
    assert paid["status"] == "escrowed"
    told = json.loads(scribe.run("session show --json", **there))
    assert (told["proof"], told["spends"]) == ("required", 1)
    scribe.run("session show", 2, **(there | {"VALETKEY_PASSPHRASE": ""}))
    scribe.run("session show", 4, **(there | {"VALETKEY_PASSPHRASE": "a guess"}))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "delegate").rglob("*") if path.is_file())
    assert b"correct horse" not in kept
    # What is written in the command counts more than what lies in the folder.
    assert json.loads(scribe.run(f"tx list --api-key-file {seller} --json", **there))["transactions"]
    session = json.loads(scribe.run("session list --json"))["sessions"][0]["session_id"]
    scribe.run(f"session revoke {session}")
    scribe.run("session show --json", 4, **there)


def test_whoever_may_be_asked_by_anybody_is_asked_without_a_session(scribe: Scribe, tmp_path: Path) -> None:
    """An enrolment that waits does not stand in the way of a search."""
    there = {
        "VALETKEY_HOME": str(tmp_path / "delegate"),
        "VALETKEY_OWNER_KEY_FILE": "",
        "VALETKEY_API_KEY_FILE": "",
    }
    scribe.run("agent enroll --for 1s --json", 7, **there)
    scribe.run("service list", **there)
    assert os.listdir(tmp_path / "delegate" / "enrollments")
    scribe.run("session show", Exit.ENVIRONMENT, **there)
