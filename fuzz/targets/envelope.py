"""Envelopes: end-to-end encrypted payloads, as JSON of a stranger, and what is inside one that opens."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from fuzz.target import REFUSED, Target, must, outcome
from valetkey.crypto.aead import decrypt_aes_gcm, encrypt_aes_gcm, hkdf_sha256
from valetkey.crypto.ecdh import shared_x
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.keys import PrivateKey
from valetkey.wire import envelope, js_json
from valetkey.wire.envelope import (
    FIELDS,
    Decrypted,
    Envelope,
    EnvelopeError,
    decrypt,
    encrypt,
    parse_envelope,
)

VECTORS = Path(__file__).parents[2] / "spec" / "vectors" / "envelopes.json"
SENDER, RECIPIENT, EPHEMERAL = PrivateKey(b"\xa1" * 32), PrivateKey(b"\xb2" * 32), PrivateKey(b"\xc3" * 32)
SALT, IV = b"\x04" * 16, b"\x05" * 12
AS_JSON, AS_PLAINTEXT, AS_PAYLOAD = range(3)


def check(data: bytes) -> None:
    """The first byte says whether the rest is an envelope, what is encrypted in one, or a payload to send."""
    if not data:
        return
    mode, rest = data[0] % 3, data[1:]
    if mode == AS_JSON:
        _read(rest)
    elif mode == AS_PLAINTEXT:
        _open(rest)
    else:
        _send(rest)


def _read(text: bytes) -> None:
    told = outcome(lambda: js_json.parse(text), js_json.JsonError)
    if told is REFUSED:
        return
    found = outcome(lambda: parse_envelope(told), EnvelopeError)
    if not isinstance(found, Envelope):
        return
    again = parse_envelope(msgspec.json.decode(msgspec.json.encode(found.to_json())))
    must(again == found, "an envelope that was read reads the same when it is written")
    outcome(
        lambda: decrypt(found, RECIPIENT),
        EnvelopeError,
        DecryptionFailed,
        hides=[RECIPIENT.to_hex(prefix=False)],
    )


def _open(plaintext: bytes) -> None:
    """A sender who does everything right but says something else than JSON."""
    made = _sealed(plaintext)
    opened = outcome(lambda: decrypt(made, RECIPIENT), EnvelopeError)
    if isinstance(opened, Decrypted):
        must(js_json.parse(plaintext) == opened.payload or _has_nan(opened.payload), "what was sent arrives")
    change = hashlib.sha256(plaintext).digest()
    names = ("sender", "recipient", "epk", "salt", "iv", "ct")
    name = names[change[0] % len(names)]
    value = bytearray.fromhex(getattr(made, name))
    value[int.from_bytes(change[1:5], "big") % len(value)] ^= 1 << change[5] % 8
    _must_not_open(msgspec_replace(made, name, value.hex()))
    _must_not_open(msgspec_replace(made, "ts", made.ts + 1))
    if isinstance(opened, Decrypted):
        flipped = bytearray.fromhex(decrypt_signed(made))
        flipped[int.from_bytes(change[6:10], "big") % len(flipped)] ^= 1 << change[10] % 8
        forged = msgspec_replace(made, "sig", flipped.hex())
        must(not decrypt(forged, RECIPIENT).verified, "a changed signature verifies nothing")


def decrypt_signed(made: Envelope) -> str:
    """The signature that the sender puts on such an envelope."""
    digest = hashlib.sha256(bytes.fromhex(made.iv) + bytes.fromhex(made.ct) + made.context()).digest()
    return SENDER.sign_der(digest).hex()


def msgspec_replace(made: Envelope, name: str, value: Any) -> Envelope:
    """The same envelope with another member."""
    return Envelope(**{one: value if one == name else getattr(made, one) for one in Envelope.__slots__})


def _must_not_open(changed: Envelope) -> None:
    must(
        outcome(lambda: decrypt(changed, RECIPIENT), EnvelopeError, DecryptionFailed) is REFUSED,
        "a changed envelope does not open",
    )


def _send(text: bytes) -> None:
    payload = outcome(lambda: js_json.parse(text), js_json.JsonError)
    if payload is REFUSED:
        return
    made = encrypt(
        payload, SENDER, RECIPIENT.public_key_compressed, now_ms=1, ephemeral=EPHEMERAL, salt=SALT, iv=IV
    )
    opened = decrypt(made, RECIPIENT)
    must(opened.verified, "what is sent is verified")
    must(js_json.stringify(opened.payload) == js_json.stringify(payload), "what was sent arrives")


def _sealed(plaintext: bytes) -> Envelope:
    shared = shared_x(EPHEMERAL, RECIPIENT.public_key_compressed) + shared_x(
        SENDER, RECIPIENT.public_key_compressed
    )
    key = hkdf_sha256(shared, salt=SALT, info=envelope._INFO)
    bare = Envelope(
        sender=SENDER.public_key_compressed.hex(),
        recipient=RECIPIENT.public_key_compressed.hex(),
        epk=EPHEMERAL.public_key_compressed.hex(),
        salt=SALT.hex(),
        iv=IV.hex(),
        ct="",
        sig="",
        ts=1,
    )
    sealed = encrypt_aes_gcm(key, IV, plaintext, bare.context())
    must(decrypt_aes_gcm(key, IV, sealed, bare.context()) == plaintext, "what is encrypted decrypts")
    return msgspec_replace(bare, "ct", sealed.hex())


def _has_nan(value: object) -> bool:
    """NaN equals nothing, itself neither; JSON has none, so it cannot come out of it."""
    return value != value


def strategy() -> st.SearchStrategy[bytes]:
    """Envelopes with members of other kinds, and JSON of every shape."""
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=15,
    )
    texts = values.map(lambda one: json.dumps(one).encode())

    @st.composite
    def envelopes(draw: st.DrawFn) -> bytes:
        made: dict[str, Any] = dict(
            encrypt({"task": 1}, SENDER, RECIPIENT.public_key_compressed, now_ms=1).to_json()
        )
        hexes = st.binary(max_size=66).map(bytes.hex)
        for name in draw(st.lists(st.sampled_from(FIELDS), max_size=2)):
            made[name] = draw(
                st.one_of(values, hexes, st.text(alphabet="0123456789abcdefABCDEF", max_size=70))
            )
        for name in draw(st.lists(st.sampled_from(FIELDS), max_size=1)):
            made.pop(name, None)
        return bytes([AS_JSON]) + json.dumps(made).encode()

    return st.one_of(
        envelopes(),
        st.builds(lambda text: bytes([AS_PLAINTEXT]) + text, st.one_of(texts, st.binary(max_size=60))),
        st.builds(lambda text: bytes([AS_PAYLOAD]) + text, texts),
    )


def seeds() -> Iterable[bytes]:
    """The third party's own envelopes, whole and tampered with, and what they hold."""
    told = json.loads(VECTORS.read_text())
    for one in (*told["cases"], *told["tampered"]):
        if isinstance(one.get("envelope"), dict):
            yield bytes([AS_JSON]) + json.dumps(one["envelope"]).encode()
        if "sourceJson" in one:
            yield bytes([AS_PLAINTEXT]) + one["sourceJson"].encode("utf-8", "surrogatepass")
            yield bytes([AS_PAYLOAD]) + one["sourceJson"].encode("utf-8", "surrogatepass")


TARGET = Target(
    name="envelope",
    parser="wire/envelope.py parse_envelope, decrypt; wire/js_json.py",
    holds=(
        "EnvelopeError and DecryptionFailed alone come out, and tell nothing of the key",
        "an envelope that is read is written the same",
        "what is sent arrives, to the byte of JSON.stringify",
        "a changed bit of an envelope does not open it, one of its signature verifies nothing",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(*(f'"{one}":' for one in FIELDS), "\\ud800", "1e400", "-0", "[[[[", '{"a":', '\\"'),
)
