"""Signature-Input, Signature and Content-Digest (RFC 9421, RFC 9530): proofs of possession."""

import hashlib
from collections.abc import Iterable
from functools import cache

from hypothesis import strategies as st

from fuzz.making import changed_text
from fuzz.target import REFUSED, Target, must, outcome
from valetkey.crypto.ed25519 import SigningKey
from valetkey.wire.message_signature import (
    CONTENT_DIGEST,
    SIGNATURE,
    SIGNATURE_INPUT,
    MalformedProof,
    Proof,
    content_digest,
    is_digest_of,
    read_proof,
    sign_request,
)

BODY = b'{"amount":"1"}'


def check(data: bytes) -> None:
    """A Signature-Input, a Signature and a Content-Digest, a line each, and a body."""
    first, second, third, body = (*data.split(b"\n", 3), b"", b"", b"", b"")[:4]
    for codec in ("latin-1", "utf-8"):
        told, signature, digest = (one.decode(codec, "replace") for one in (first, second, third))
        proof = outcome(lambda told=told, signature=signature: read_proof(told, signature), MalformedProof)  # type: ignore[misc]
        if isinstance(proof, Proof):
            must(f"vk={proof.parameters}" == told, "what is signed is what was written")
            must(
                len(proof.signature) == 64 and len(set(proof.components)) == len(proof.components),
                "a proof has one form",
            )
            must(read_proof(told, signature) == proof, "a proof reads the same again")
        if is_digest_of(digest, body):
            must(digest == content_digest(body), "a digest has one form")
    change = hashlib.sha256(data).digest()
    good = _good()
    other = bytearray(BODY)
    other[change[0] % len(other)] ^= 1 << change[1] % 8
    must(not is_digest_of(good[CONTENT_DIGEST], bytes(other)), "a changed bit of a body has another digest")
    text = good[SIGNATURE]
    at = 4 + change[2] % 85
    changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    forged = outcome(lambda: read_proof(good[SIGNATURE_INPUT], changed), MalformedProof)
    must(
        forged is REFUSED or forged.signature != read_proof(good[SIGNATURE_INPUT], text).signature,
        "a signature has one spelling",
    )  # type: ignore[union-attr]


@cache
def _good() -> dict[str, str]:
    headers = {"Idempotency-Key": "a", "X-API-Key": "abba_session_1"}
    key = SigningKey(b"\x11" * 32)
    return sign_request(
        key, "POST", "https://vk.example.com/a", headers, BODY, created=1_772_323_200, nonce="n" * 22
    )


def strategy() -> st.SearchStrategy[bytes]:
    """Good proofs with a part of another kind."""

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        good = _good()
        parts = [good[SIGNATURE_INPUT], good[SIGNATURE], good[CONTENT_DIGEST]]
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.integers(0, 2))
            parts[at] = draw(changed_text(parts[at]))
        return "\n".join(parts).encode("utf-8", "surrogatepass") + b"\n" + BODY

    return made()


def seeds() -> Iterable[bytes]:
    """A proof with a body, and one without."""
    good = _good()
    yield "\n".join((good[SIGNATURE_INPUT], good[SIGNATURE], good[CONTENT_DIGEST])).encode() + b"\n" + BODY
    yield "\n".join((good[SIGNATURE_INPUT], good[SIGNATURE])).encode()


TARGET = Target(
    name="proof-headers",
    parser="wire/message_signature.py read_proof, is_digest_of",
    holds=(
        "MalformedProof alone comes out",
        "what is signed is what was written; a proof, a signature and a digest have one spelling each",
        "a changed bit of a body has another digest",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(
        "vk=(",
        '"@method"',
        '"@target-uri"',
        ";created=",
        ';nonce="',
        ';keyid="',
        ';alg="ed25519"',
        ';tag="valetkey"',
        "vk=:",
        "==:",
        "sha-256=:",
    ),
    bytes_max=2_048,
)
