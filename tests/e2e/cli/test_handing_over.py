"""Handing sessions over at the command line: transcripts, and what happens to the secrets on the way."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.e2e.cli.transcribing import Scribe, registered
from tests.fixtures_stack import RunningStack
from valetkey import Client, SessionConfig

IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())


@pytest.fixture
def one(scribe: Scribe, tmp_path: Path) -> str:
    """The id of a session, whose bundle is in a file."""
    registered(scribe)
    scribe.run(f"session create --budget 5 --label handed --expires-in 2h --out {tmp_path}/bundle")
    (tmp_path / "identity").write_text(f"# public key: {RECIPIENT}\n{IDENTITY}\n")
    (tmp_path / "words").write_text("ruby canyon otter violin magnet thistle\n")
    (tmp_path / "others").write_text("other words\n")
    session_id: str = json.loads(scribe.run("session list --json"))["sessions"][0]["session_id"]
    del scribe.lines[:]
    return session_id


def delegate(tmp_path: Path, **more: str) -> dict[str, str]:
    """The environment of another process, which is no owner."""
    home = str(tmp_path / "delegate")
    return {"VALETKEY_HOME": home, "VALETKEY_OWNER_KEY_FILE": "", "VALETKEY_API_KEY_FILE": "", **more}


def test_sealed_bundles(scribe: Scribe, one: str, tmp_path: Path) -> None:
    here, there = {"VALETKEY_BUNDLE_FILE": f"{tmp_path}/bundle"}, delegate(tmp_path)
    scribe.run(f"session seal {one} --to {RECIPIENT} --out {tmp_path}/sealed")
    assert (tmp_path / "sealed").stat().st_mode & 0o777 == 0o600
    scribe.run(f"session seal {one} --to {RECIPIENT} --out {tmp_path}/sealed", 6)
    # Whoever holds a bundle asks nobody.
    (tmp_path / "keys").write_text(f"# the delegate's\n{RECIPIENT}\n")
    offline = {**there, **here, "VALETKEY_BASE_URL": ""}
    text = scribe.run(f"session seal --to-file {tmp_path}/keys", **offline)
    assert pyrage.decrypt(text.encode(), [IDENTITY]) == (tmp_path / "bundle").read_bytes().strip()
    scribe.run(f"session seal --to {RECIPIENT} --json", **offline)
    scribe.run("session seal", 2, **offline)
    scribe.run("session seal --to age1nobody", 2, **offline)
    scribe.run(f"session seal {one} --to {RECIPIENT} --bundle-file {tmp_path}/bundle", 2)
    scribe.run(f"session seal {one} --to {RECIPIENT} --bundle-passphrase-file {tmp_path}/words", 2)
    scribe.run(f"session seal --to {RECIPIENT}", 2, **there)
    scribe.run(f"session seal --to {RECIPIENT} --binary", 2, **offline)
    scribe.run(f"session show --bundle-file {tmp_path}/sealed --identity-file {tmp_path}/identity", **there)
    scribe.run(f"session show --bundle-file {tmp_path}/sealed", 2, **there)
    scribe.run(
        f"session show --bundle-file {tmp_path}/bundle --identity-file {tmp_path}/identity", 2, **there
    )
    scribe.check("sealed")


def test_bundles_under_a_passphrase(scribe: Scribe, one: str, tmp_path: Path) -> None:
    there = delegate(tmp_path)
    words = f"--bundle-passphrase-file {tmp_path}/words"
    scribe.run(f"session seal {one} {words} --binary --out {tmp_path}/locked")
    locked = (tmp_path / "locked").read_bytes()
    assert locked.startswith(b"age-encryption.org/v1\n-> scrypt ")
    phrase = (tmp_path / "words").read_text().rstrip("\n")
    assert pyrage.passphrase.decrypt(locked, phrase) == (tmp_path / "bundle").read_bytes().strip()
    scribe.run(f"session show --bundle-file {tmp_path}/locked {words}", **there)
    other = f"--bundle-passphrase-file {tmp_path}/others"
    scribe.run(f"session show --bundle-file {tmp_path}/locked {other}", 2, **there)
    # What is configured for some sealed bundle does not get in the way of another one, which is not.
    standing = {"VALETKEY_BUNDLE_PASSPHRASE_FILE": f"{tmp_path}/words", "VALETKEY_IDENTITY": str(IDENTITY)}
    scribe.run(f"session show --bundle-file {tmp_path}/bundle", **there, **standing)
    scribe.run(
        f"session seal --to {RECIPIENT} --out {tmp_path}/again --bundle-file {tmp_path}/locked {words}",
        **there,
    )
    opened = pyrage.decrypt((tmp_path / "again").read_bytes(), [IDENTITY])
    assert opened == (tmp_path / "bundle").read_bytes().strip()
    scribe.check("locked")


def test_claims(scribe: Scribe, one: str, tmp_path: Path) -> None:
    there = delegate(tmp_path, VALETKEY_PASSPHRASE="correct horse")
    link = scribe.run(f"session claim-link {one} --expires-in 10m").strip()
    claim = link.partition("/claim/")[2].partition("#")[0]
    scribe.run("session claim-link ses_of_nobody", 5)
    scribe.run(f"session claim-status {claim}")
    scribe.run("session claim-status clm_of_nobody", 5)
    scribe.run("agent claim --link-file - --out keystore:work", stdin=link + "\n", **there)
    # The same again gets the same.
    scribe.run("agent claim --link-file - --out keystore:work", 6, stdin=link, **there)
    scribe.run("agent claim --print-bundle", VALETKEY_CLAIM_LINK=link, **there)
    scribe.run("session show", VALETKEY_BUNDLE_FILE="keystore:work", **there)
    scribe.run("keystore list", **there)
    scribe.run("agent claim --out keystore:spare", VALETKEY_CLAIM_LINK=link, **there)
    scribe.run("keystore forget spare", **there)
    scribe.run("keystore forget spare", 5, **there)
    scribe.run("agent claim --print-bundle", 2, **there)
    scribe.run("agent claim --print-bundle", 2, VALETKEY_CLAIM_LINK=link[:-1], **there)
    other = there | {"VALETKEY_HOME": str(tmp_path / "thief")}
    scribe.run(f"agent claim --out {tmp_path}/stolen", 6, VALETKEY_CLAIM_LINK=link, **other)
    assert not (tmp_path / "stolen").exists()
    scribe.run(f"session claim-status {claim} --json")
    scribe.run("session show", 4, VALETKEY_BUNDLE_FILE="keystore:work", **there)
    scribe.run(f"session claim-cancel {claim}", 6)
    scribe.run(f"session create --budget 1 --out {tmp_path}/second")
    second = json.loads(scribe.run("session list --status active --json"))["sessions"][0]["session_id"]
    made = json.loads(
        scribe.run(
            f"session claim-link {second} --on-interception pause --out {tmp_path}/link --json"
            f" --bundle-file {tmp_path}/second"
        )
    )
    assert (tmp_path / "link").stat().st_mode & 0o777 == 0o600
    scribe.run(f"session claim-cancel {made['claim_id']}")
    scribe.run(f"agent claim --link-file {tmp_path}/link --print-bundle", 6, **there)
    scribe.check("claims")


def test_narrowing(scribe: Scribe, one: str, tmp_path: Path) -> None:
    offline: dict[str, Any] = delegate(tmp_path, VALETKEY_BASE_URL="")
    bundle = f"--bundle-file {tmp_path}/bundle"
    scribe.run(f"session narrow {bundle} --budget 2 --label child", 2, **offline)
    scribe.run(
        f"session narrow {bundle} --parent {one} --budget 2 --expires-in 1h --per-spend 1 --window 1h=1 --label child"
        f" --out {tmp_path}/child",
        **offline,
    )
    scribe.run(f"session narrow {bundle} --parent {one} --budget 6 --print-bundle", 3, **offline)
    scribe.run(f"session narrow {bundle} --parent work --budget 1 --print-bundle", 2, **offline)
    scribe.run(f"session narrow --bundle-file {tmp_path}/child --budget 1 --print-bundle", **offline)
    scribe.run(f"session narrow --bundle-file {tmp_path}/child --parent {one} --print-bundle", 2, **offline)
    scribe.run(
        f"session narrow --bundle-file {tmp_path}/child --budget 0.5 --out {tmp_path}/grandchild --json",
        **offline,
    )
    scribe.run(f"session show --bundle-file {tmp_path}/grandchild", **delegate(tmp_path))
    scribe.run(f"session tree {one}")
    scribe.check("narrowing")


def test_a_sealed_bundle_comes_by_standard_input_too(scribe: Scribe, one: str, tmp_path: Path) -> None:
    there = delegate(tmp_path, VALETKEY_IDENTITY_FILE=f"{tmp_path}/identity")
    sealed = scribe.run(f"session seal {one} --to {RECIPIENT}")
    told = json.loads(scribe.run("session show --bundle-file - --json", stdin=sealed, **there))
    assert told["session_id"] == one
    # Standard input is one of the two.
    scribe.run("session show --bundle-file - --identity-file -", 2, stdin=sealed, **there)
    assert "cannot both be standard input" in scribe.last
    # What was sealed to somebody else, or changed, opens nothing, and none of it is told.
    changed = sealed.replace(sealed.splitlines()[2][:8], "AAAAAAAA")
    scribe.run("session show --bundle-file -", 2, stdin=changed, **there)
    assert sealed.splitlines()[3] not in scribe.last
    # Funding takes it, too, and a child that was narrowed out of it.
    wallet = {"VALETKEY_BUNDLE": sealed, "VALETKEY_IDENTITY": str(IDENTITY)}
    scribe.run(f"session fund {one} --amount 1", **wallet)
    scribe.run(f"session narrow --parent {one} --budget 1 --out {tmp_path}/child", **wallet)
    scribe.run(f"session reclaim {one}", **wallet)


def test_a_run_that_was_killed_left_a_file(scribe: Scribe, one: str, tmp_path: Path) -> None:
    (tmp_path / "left").touch()
    scribe.run(f"session seal {one} --to {RECIPIENT} --out {tmp_path}/left", 6)
    assert "it is empty, as a run leaves it that was killed" in scribe.last
    (tmp_path / "left").unlink()
    scribe.run(f"session seal {one} --to {RECIPIENT} --out {tmp_path}/left")
    assert (tmp_path / "left").read_text().startswith("-----BEGIN AGE")


def test_the_keystore_keeps_any_secret_but_its_own_passphrase(
    scribe: Scribe, one: str, tmp_path: Path
) -> None:
    scribe.environ["VALETKEY_PASSPHRASE"] = "correct horse"
    scribe.run("agent keys create reader --scope read --out keystore:reader")
    assert json.loads(scribe.run("session list --api-key-file keystore:reader --json"))["total"] == 1
    keys = json.loads(scribe.run("agent keys list --json"))["keys"]
    # Nothing is made that cannot be kept.
    scribe.run("agent keys create other --scope read --out keystore:other", 4, VALETKEY_PASSPHRASE="a guess")
    scribe.run("agent keys create other --scope read --out keystore:reader", 6)
    scribe.run("agent keys create other --scope read --out keystore:", 2)
    assert len(json.loads(scribe.run("agent keys list --json"))["keys"]) == len(keys)
    scribe.run("session list --api-key-file keystore:nothing", 5)
    circle = {"VALETKEY_PASSPHRASE": "", "VALETKEY_PASSPHRASE_FILE": "keystore:passphrase"}
    scribe.run("session list --api-key-file keystore:reader", 2, **circle)
    assert "which it opens" in scribe.last
    assert b"abba_" not in (tmp_path / "home" / "keys.db").read_bytes()


def test_a_session_that_a_client_keeps_is_held_by_the_hash_of_its_key(
    scribe: Scribe, one: str, stack: RunningStack, tmp_path: Path
) -> None:
    api_key = (tmp_path / "api-key").read_text().strip()
    with Client(
        api_key,
        chain="base-sepolia",
        base_url=stack.base_url,
        state_dir=tmp_path / "home",
        passphrase="correct horse",
    ) as client:
        made = client.create_session(
            SessionConfig(label="kept", spending_limit=5, valid_until=timedelta(hours=1))
        )
    there = delegate(
        tmp_path, VALETKEY_PASSPHRASE="correct horse", VALETKEY_KEYSTORE=f"{tmp_path}/home/keys.db"
    )
    bundle = f"--bundle-file keystore:{made.session_key_hash}"
    assert json.loads(scribe.run(f"session show {bundle} --json", **there))["session_id"] == made.session_id
