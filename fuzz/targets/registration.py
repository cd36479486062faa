"""Registration by wallet signature: three lines, and a signature of them."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from fuzz.making import changed_text
from fuzz.target import REFUSED, Target, must, outcome
from valetkey.crypto.keys import PrivateKey, is_address
from valetkey.wire.registration import (
    TITLE,
    TOLERANCE_SECONDS,
    ProvenWallet,
    RegistrationError,
    build_message,
    sign_registration,
    verify_registration,
)

VECTORS = Path(__file__).parents[2] / "spec" / "vectors" / "registration.json"
NOW = 1_772_323_200
KEY = PrivateKey(b"\x11" * 32)


def check(data: bytes) -> None:
    """An address and a signature, a line each, and the message."""
    address, signature, message = _three(data.decode("utf-8", "surrogateescape"))
    found = outcome(lambda: verify_registration(address, message, signature, NOW), RegistrationError)
    if isinstance(found, ProvenWallet):
        must(is_address(found.address), "who is proven has an address")
        must(abs(found.timestamp - NOW) <= TOLERANCE_SECONDS, "what proves a wallet is of the last minutes")
        must(
            message.lower() == build_message(found.address, found.timestamp).lower(),
            "the message has one form",
        )
        must(found.address.lower() == address.lower(), "who is proven is who was asked for")
    _signed(hashlib.sha256(data).digest())


def _three(text: str) -> tuple[str, str, str]:
    address, _, rest = text.partition("\n")
    signature, _, message = rest.partition("\n")
    return address, signature, message


@cache
def _good(timestamp: int) -> tuple[str, str]:
    return sign_registration(KEY, timestamp)


def _signed(change: bytes) -> None:
    """A registration with one bit of its message or its signature changed."""
    message, signature = _good(NOW - change[0])
    proven = verify_registration(KEY.address, message, signature, NOW)
    must(proven.public_key == KEY.public_key_compressed, "what was signed is proven, and by which key")
    if change[1] % 2:
        at = change[2] % len(message)
        message = message[:at] + chr(ord(message[at]) ^ (1 << change[3] % 7)) + message[at + 1 :]
        # The case of the letters of an address in the message is signed, and means nothing.
    else:
        raw = bytearray.fromhex(signature[2:])
        raw[change[2] % len(raw)] ^= 1 << change[3] % 8
        signature = "0x" + raw.hex()
    found = outcome(lambda: verify_registration(KEY.address, message, signature, NOW), RegistrationError)
    must(found is REFUSED, "a changed bit proves nothing")


def strategy() -> st.SearchStrategy[bytes]:
    """Good ones, of which a part is something else."""
    good = [_good(NOW + shift) for shift in (-301, -300, 0, 300, 301)]

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        message, signature = draw(st.sampled_from(good))
        address = KEY.address
        part = draw(st.integers(0, 6))
        if part == 0:
            message = draw(changed_text(message))
        elif part == 1:
            signature = draw(changed_text(signature))
        elif part == 2:
            address = draw(changed_text(address))
        elif part == 3:
            address, message = address.lower(), message.replace(KEY.address, KEY.address.lower())
        elif part == 4:
            message = draw(st.text(max_size=200))
        elif part == 5:
            signature = "0x" + draw(st.binary(min_size=65, max_size=65)).hex()
        return "\n".join((address, signature, message)).encode("utf-8", "surrogatepass")

    return made()


def seeds() -> Iterable[bytes]:
    """The third party's own."""
    for one in json.loads(VECTORS.read_text())["requests"]:
        yield "\n".join((one["address"], one["signature"], one["message"])).encode()
    yield "\n".join((KEY.address, _good(NOW)[1], _good(NOW)[0])).encode()


TARGET = Target(
    name="registration",
    parser="wire/registration.py verify_registration",
    holds=(
        "RegistrationError alone comes out",
        "what proves a wallet has one form, names that wallet, and is of the last minutes",
        "a changed bit of the message or the signature proves nothing",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(TITLE, "\nWallet: 0x", "\nTimestamp: ", "0x", str(NOW)),
)
