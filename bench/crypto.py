"""The work of one session on one core: keys, bundles, envelopes, signatures."""

import time

from bench.result import Result
from bench.timing import Figure, measure
from valetkey.crypto.keys import PrivateKey, keccak256, session_key_hash
from valetkey.crypto.secret import Secret
from valetkey.crypto.signatures import recover_digest, sign_digest
from valetkey.wire.bundle import Bundle, parse_bundle
from valetkey.wire.envelope import decrypt, encrypt
from valetkey.wire.webhooks import sign_header, verify_header

PAYLOAD = {"text": "a" * 1_000}


def results() -> list[Result]:
    """One figure for each operation: no other library does the same here, so there is no floor."""
    return [Result(one.name, one.per_second, "1/s") for one in _figures()]


def _figures() -> list[Figure]:
    ours, theirs = PrivateKey.generate(), PrivateKey.generate()
    bundle = Bundle(
        token=Secret("abba_session_" + "0" * 64),
        agent_id="agt_0",
        budget_usdc=None,
        expiry=2**31,
        wallet_private_key=ours,
        e2e_private_key=theirs,
    )
    text = bundle.serialize()
    envelope = encrypt(PAYLOAD, ours, theirs.public_key_compressed, now_ms=0)
    digest = keccak256(b"digest")
    signature = sign_digest(ours, digest)
    secret, body, now = Secret("whsec_0"), b"{}" * 500, int(time.time())
    header = sign_header(secret, body, now)
    return [
        measure("session keys: wallet and encryption key", lambda: (_pair(), _pair())),
        measure("session key hash", lambda: session_key_hash(ours.public_key)),
        measure("bundle: serialize", bundle.serialize),
        measure("bundle: parse and check", lambda: parse_bundle(text, now)),
        measure(
            "envelope: encrypt and sign 1 kB",
            lambda: encrypt(PAYLOAD, ours, theirs.public_key_compressed, now_ms=0),
        ),
        measure("envelope: decrypt and verify 1 kB", lambda: decrypt(envelope, theirs)),
        measure("sign a digest", lambda: sign_digest(ours, digest)),
        measure("recover a signer", lambda: recover_digest(digest, signature)),
        measure("webhook: verify 1 kB", lambda: verify_header(secret, header, body, now)),
    ]


def _pair() -> str:
    return PrivateKey.generate().address
