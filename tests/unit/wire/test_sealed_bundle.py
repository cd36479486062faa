"""Sealed bundles: open for whom they are for, and for nobody else, in one shape of error."""

import shutil
import subprocess
import time
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyrage
import pytest

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.wire.bundle import Bundle, BundleError, BundleExpired
from valetkey.wire.sealed_bundle import SEALED_BYTES_MAX, is_sealed, read_handed, seal_bundle

NOW = int(time.time())
IDENTITY = pyrage.x25519.Identity.generate()
OTHER = pyrage.x25519.Identity.generate()
RECIPIENT, SECRET = str(IDENTITY.to_public()), Secret(str(IDENTITY))
PHRASE = "six-words-that-a-program-drew-once"


def session(expiry: int = NOW + 86_400) -> SessionInfo:
    bundle = Bundle(
        token=Secret("abba_session_" + "ab" * 32),
        agent_id="agt_1",
        budget_usdc=Decimal(5),
        expiry=expiry,
        wallet_private_key=PrivateKey.generate(),
        e2e_private_key=PrivateKey.generate(),
    )
    return info_of("ses_" + "0" * 25, bundle)


SESSION = session()
SEALED = SESSION.seal(RECIPIENT)


def test_it_opens_for_its_recipient_as_text_and_as_bytes() -> None:
    assert SEALED.startswith("-----BEGIN AGE ENCRYPTED FILE-----\n")
    raw = SESSION.seal(RECIPIENT, armored=False)
    assert raw.startswith(b"age-encryption.org/v1\n")
    for handed in (SEALED, f"\n  {SEALED}\r\n", SEALED.encode(), SEALED.replace("\n", "\r\n"), raw):
        assert is_sealed(handed)
        bundle, narrowings = read_handed(handed, NOW, identity=SECRET)
        assert (bundle.serialize(), narrowings) == (SESSION.serialize(), ())
    # Without us, by the format alone.
    assert pyrage.decrypt(raw, [IDENTITY]).decode() == SESSION.serialize()


def by_the_usual_tool(sealed: bytes, folder: Path) -> str:
    """What the age program makes of it where it is on this machine, and pyrage by itself where it is not."""
    program = shutil.which("age")
    if program is None:
        return pyrage.decrypt(sealed, [IDENTITY]).decode()
    (folder / "key.txt").write_text(f"{IDENTITY}\n")
    command = [program, "-d", "-i", str(folder / "key.txt")]
    return subprocess.run(command, input=sealed, capture_output=True, check=True, timeout=30).stdout.decode()


@pytest.mark.parametrize("armored", [True, False])
def test_the_usual_tool_opens_it(tmp_path: Path, armored: bool) -> None:
    text = SESSION.seal([str(OTHER.to_public()), RECIPIENT])
    sealed = text.encode() if armored else SESSION.seal(RECIPIENT, armored=False)
    assert by_the_usual_tool(sealed, tmp_path) == SESSION.serialize()


def test_what_another_tool_sealed_opens_with_its_line_end() -> None:
    made = pyrage.encrypt(SESSION.serialize().encode() + b"\n", [IDENTITY.to_public()], armored=True)
    assert read_handed(made.decode(), NOW, identity=SECRET)[0].serialize() == SESSION.serialize()


def test_every_recipient_opens_it_and_a_file_of_identities_serves() -> None:
    made = SESSION.seal([RECIPIENT, f" {OTHER.to_public()} "])
    stranger = pyrage.x25519.Identity.generate()
    file = f"# created: 2026-01-01\n# public key: {stranger.to_public()}\n{stranger}\n\n{OTHER}\n"
    for identity in (str(IDENTITY), str(OTHER), file):
        assert read_handed(made, NOW, identity=Secret(identity))[0].agent_id == "agt_1"


def test_a_passphrase_opens_it() -> None:
    made = SESSION.seal(passphrase=PHRASE)
    assert read_handed(made, NOW, passphrase=Secret(PHRASE))[0].serialize() == SESSION.serialize()
    for wrong in ({"passphrase": Secret(PHRASE + " ")}, {"identity": SECRET}):
        with pytest.raises(BundleError) as caught:
            read_handed(made, NOW, **wrong)
        assert caught.value.code == "bundle_unreadable"


def test_a_childs_narrowings_come_along() -> None:
    child = session().attenuate(1, expiry=600)
    bundle, narrowings = read_handed(child.seal(RECIPIENT), NOW, identity=SECRET)
    assert (bundle.serialize(), narrowings) == (child.bundle.serialize(), child.narrowings)
    assert len(narrowings) == 1


def changed(text: str, at: int) -> str:
    """Another letter in one place of the armour."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "another key": (SEALED, {"identity": Secret(str(OTHER))}, "bundle_unreadable"),
    "a passphrase for a key": (SEALED, {"passphrase": Secret("x")}, "bundle_unreadable"),
    "a cut text": (SEALED[:-60], {"identity": SECRET}, "bundle_unreadable"),
    "its first line alone": (SEALED.splitlines()[0], {"identity": SECRET}, "bundle_unreadable"),
    "a changed header": (changed(SEALED, 80), {"identity": SECRET}, "bundle_unreadable"),
    "a changed body": (changed(SEALED, len(SEALED) - 60), {"identity": SECRET}, "bundle_unreadable"),
    "letters that are none": (SEALED.replace("\n", "\nÄ", 3), {"identity": SECRET}, "bundle_unreadable"),
    "bytes that were cut": (
        SESSION.seal(RECIPIENT, armored=False)[:-1],
        {"identity": SECRET},
        "bundle_unreadable",
    ),
    "the first bytes alone": (b"age-encryption.org/v1\n", {"identity": SECRET}, "bundle_unreadable"),
    "no secret": (SEALED, {}, "bundle_sealed"),
    "a plain one with a secret": (SESSION.serialize(), {"identity": SECRET}, "bundle_not_sealed"),
    "nothing": ("", {}, "bundle_missing_prefix"),
    "bytes that are nothing": (b"\xff\x00", {}, "bundle_missing_prefix"),
    "too much": (SEALED + "A" * SEALED_BYTES_MAX, {"identity": SECRET}, "bundle_too_long"),
}
INSIDE = {
    "a letter": (b"Dear agent, spend wisely", "bundle_missing_prefix"),
    "bytes": (bytes(range(256)), "bundle_missing_prefix"),
    "nothing": (b"", "bundle_missing_prefix"),
    "half a bundle": (SESSION.serialize()[:-101].encode(), "bundle_missing_padding"),
    "another age file": (SEALED.encode(), "bundle_missing_prefix"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_open_is_told_in_one_shape(name: str) -> None:
    handed, secret, code = WRONG[name]
    with pytest.raises(BundleError) as caught:
        read_handed(handed, NOW, **secret)
    assert_shape(caught.value, code)


@pytest.mark.parametrize("name", INSIDE)
def test_what_is_no_bundle_inside_is_told_in_the_same_shape(name: str) -> None:
    content, code = INSIDE[name]
    with pytest.raises(BundleError) as caught:
        read_handed(pyrage.encrypt(content, [IDENTITY.to_public()]), NOW, identity=SECRET)
    assert_shape(caught.value, code)


def assert_shape(error: BundleError, code: str) -> None:
    assert error.code == code
    assert error.__cause__ is None
    assert error.__context__ is None
    told = "".join(traceback.format_exception(error)) + repr(error)
    for secret in (
        str(IDENTITY),
        str(OTHER),
        SESSION.serialize()[20:],
        SESSION.token.reveal()[13:],
        SEALED[40:],
    ):
        assert secret[:12] not in told


def test_an_ended_one_says_so_and_is_reclaimed_all_the_same() -> None:
    sealed = session(NOW - 1).seal(RECIPIENT)
    with pytest.raises(BundleExpired):
        read_handed(sealed, NOW, identity=SECRET)
    assert read_handed(sealed, None, identity=SECRET)[0].agent_id == "agt_1"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "recipient"),
        ({"recipient": RECIPIENT, "passphrase": PHRASE}, "recipient"),
        ({"recipient": ""}, "recipient"),
        ({"recipient": []}, "recipient"),
        ({"recipient": [RECIPIENT] * 65}, "recipient"),
        ({"recipient": str(IDENTITY)}, "recipient"),
        ({"recipient": RECIPIENT[:-1] + ("p" if RECIPIENT[-1] == "q" else "q")}, "recipient"),
        ({"passphrase": ""}, "passphrase"),
    ],
    ids=["nothing", "both", "empty", "none", "many", "identity", "typo", "blank"],
)
def test_what_nobody_could_open_is_not_sealed(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SESSION.seal(**given)
    assert caught.value.field == field
    assert str(IDENTITY)[:20] not in str(caught.value)


@pytest.mark.parametrize(
    "identity",
    ["", "# a comment", "AGE-SECRET-KEY-1QQQQ", RECIPIENT],
    ids=["nothing", "comment", "cut", "recipient"],
)
def test_an_identity_that_is_none_is_not_quoted(identity: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_handed(SEALED, NOW, identity=Secret(identity))
    assert caught.value.field == "identity"
    assert not identity or identity not in str(caught.value)


def test_nothing_is_sealed_that_is_the_same_twice() -> None:
    assert seal_bundle("x", RECIPIENT, None) != seal_bundle("x", RECIPIENT, None)
