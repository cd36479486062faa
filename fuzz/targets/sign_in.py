"""Sign-in messages (EIP-4361), and their signatures."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from fuzz.making import changed_text
from fuzz.target import REFUSED, Target, must, outcome
from valetkey.core.api_key import Scope
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import sign_message
from valetkey.wire.sign_in import (
    KEY_SECONDS_MAX,
    LOOPBACK,
    Accepted,
    ProvenSignIn,
    SignInChallenge,
    build_message,
    verify_sign_in,
)
from valetkey.wire.sign_in_message import CHARS_MAX, SignInError, SignInMessage, read_message, second_of
from valetkey.wire.timestamps import iso_timestamp

VECTORS = Path(__file__).parents[2] / "spec" / "vectors" / "sign_in.json"
NOW = 1_772_323_200
KEY = PrivateKey(b"\x11" * 32)
BASE = "https://vk.example.com"
TAKES = Accepted(
    domains=("studio.example.com", LOOPBACK),
    uris=(f"{BASE}/api/v1/agents/sign-in",),
    chain_ids=frozenset({84_532}),
)


def check(data: bytes) -> None:
    """A signature in the first line, and the message. Without one the message is signed as it is."""
    first, _, text = data.decode("utf-8", "surrogateescape").partition("\n")
    message = outcome(lambda: read_message(text), SignInError)
    if isinstance(message, SignInMessage):
        must(str(message) == text, "a message that was read is written to the byte")
        for moment in (message.issued_at, message.expiration_time):
            must(moment is None or second_of(moment) <= second_of(moment, up=True), "dates are in order")
    signature = first
    if not first.startswith("0x") and text.isascii():
        signature = "0x" + sign_message(KEY, text.encode("ascii")).hex()
    proven = outcome(lambda: verify_sign_in(text, signature, TAKES, NOW), SignInError)
    if isinstance(proven, ProvenSignIn):
        must(isinstance(message, SignInMessage), "who is signed in signed a message of the grammar")
        must(NOW < proven.expires_at <= NOW + KEY_SECONDS_MAX, "a key lives no longer than it may")
        must(bool(proven.scopes), "a key may do something")
        if signature != first:
            must(proven.address == KEY.address, "who is proven is who signed")
    _signed(hashlib.sha256(data).digest())


@cache
def _good() -> tuple[str, str]:
    challenge = SignInChallenge(
        nonce="abcdefgh12345678",
        issued_at=iso_timestamp(NOW),
        expires_at=iso_timestamp(NOW + 300),
        chain_ids=[84_532],
    )
    text = build_message(
        challenge,
        address=KEY.address,
        base_url=BASE,
        domain="studio.example.com",
        scopes=list(Scope),
        seconds=3_600,
    )
    return text, "0x" + sign_message(KEY, text.encode("ascii")).hex()


def _signed(change: bytes) -> None:
    text, signature = _good()
    must(verify_sign_in(text, signature, TAKES, NOW).address == KEY.address, "what was signed signs in")
    if change[0] % 2:
        at = int.from_bytes(change[1:3], "big") % len(text)
        text = text[:at] + chr(ord(text[at]) ^ (1 << change[3] % 7)) + text[at + 1 :]
    else:
        raw = bytearray.fromhex(signature[2:])
        raw[change[1] % len(raw)] ^= 1 << change[3] % 8
        signature = "0x" + raw.hex()
    must(
        outcome(lambda: verify_sign_in(text, signature, TAKES, NOW), SignInError) is REFUSED,
        "a changed bit signs in nobody",
    )


def strategy() -> st.SearchStrategy[bytes]:
    """Good messages with a part of another kind."""
    moments = st.one_of(
        st.datetimes().map(lambda one: one.isoformat() + "Z"),
        st.from_regex(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})",
            fullmatch=True,
        ),
    )
    hosts = st.sampled_from(
        [
            "studio.example.com",
            "localhost:1",
            "[::1]",
            "[v1.a]",
            "[::ffff:1.2.3.4]:80",
            "u@h",
            "127.0.0.1:99999",
            "a%20b",
        ]
    )

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        text, signature = _good()
        lines = text.split("\n")
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.integers(0, len(lines) - 1))
            change = draw(st.integers(0, 6))
            if change == 0:
                lines[at] = draw(changed_text(lines[at]))
            elif change == 1:
                lines.insert(
                    at,
                    draw(st.sampled_from(["", "Request ID: a%2Fb", "Resources:", "- urn:a", "Version: 1"])),
                )
            elif change == 2 and len(lines) > 1:
                del lines[at]
            elif change == 3:
                name = draw(st.sampled_from(["Issued At", "Expiration Time", "Not Before"]))
                where = next((n for n, one in enumerate(lines) if one.startswith(name)), len(lines))
                lines[where : where + 1] = [f"{name}: {draw(moments)}"]
            elif change == 4:
                lines[0] = draw(hosts) + " wants you to sign in with your Ethereum account:"
            elif change == 5:
                lines.append("- " + draw(st.from_regex(r"[a-z]{1,5}:[!-~]{0,40}", fullmatch=True)))
        first = signature if draw(st.booleans()) else ""
        return (first + "\n" + "\n".join(lines)).encode("utf-8", "surrogatepass")

    return made()


def seeds() -> Iterable[bytes]:
    """What the specification's own library reads and refuses."""
    told = json.loads(VECTORS.read_text())
    for one in (*told["read"], *told["refused"]):
        if isinstance(one.get("message"), str):
            yield b"\n" + one["message"].encode()
    text, signature = _good()
    yield f"{signature}\n{text}".encode()
    yield f"\n{text}".encode()


TARGET = Target(
    name="sign-in",
    parser="wire/sign_in_message.py read_message, wire/sign_in.py verify_sign_in",
    holds=(
        "SignInError alone comes out",
        "a message that is read is written to the byte",
        "who is signed in signed a message of the grammar, for a key that ends in time",
        "a changed bit of the message or the signature signs nobody in",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(
        " wants you to sign in with your Ethereum account:\n",
        "\nURI: ",
        "\nVersion: 1",
        "\nChain ID: ",
        "\nNonce: ",
        "\nIssued At: ",
        "\nExpiration Time: ",
        "\nNot Before: ",
        "\nRequest ID: ",
        "\nResources:\n- ",
        "%41",
        "[::1]",
        "urn:valetkey:scope:read",
    ),
    bytes_max=CHARS_MAX + 200,
)
