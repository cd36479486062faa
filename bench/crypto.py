"""The work of one session on one core: keys, bundles, envelopes, signatures, each beside the bare library's calls.

A floor does the arithmetic and nothing else: no check of what comes in, no format, no context, no secret kept.
"""

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Callable
from typing import Any

import coincurve
import msgspec
from Crypto.Hash import keccak
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account import Account

from bench.noble import noble
from bench.result import Result
from bench.timing import measure_beside
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey, keccak256, session_key_hash
from valetkey.crypto.secret import Secret
from valetkey.crypto.signatures import recover_digest, sign_digest
from valetkey.wire.bundle import Bundle, parse_bundle
from valetkey.wire.envelope import decrypt, encrypt
from valetkey.wire.webhooks import sign_header, verify_header

PAYLOAD = {"text": "a" * 1_000}
ADDRESS = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
TYPED_DATA: dict[str, Any] = {
    "domain": {"name": "USDC", "version": "2", "chainId": 8453, "verifyingContract": ADDRESS},
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "TransferWithAuthorization": [
            {"name": "from", "type": "address"},
            {"name": "to", "type": "address"},
            {"name": "value", "type": "uint256"},
            {"name": "validAfter", "type": "uint256"},
            {"name": "validBefore", "type": "uint256"},
            {"name": "nonce", "type": "bytes32"},
        ],
    },
    "primaryType": "TransferWithAuthorization",
    "message": {
        "from": ADDRESS,
        "to": ADDRESS,
        "value": "10000",
        "validAfter": "0",
        "validBefore": "2000000000",
        "nonce": "0x" + "12" * 32,
    },
}

Work = Callable[[], object]


def results(*, peers: bool = True) -> list[Result]:
    """One figure for each operation beside the bare library, and, with `peers`, beside noble and viem."""
    rates = {name: measure_beside(ours, bare) for name, (ours, bare) in _works().items()}
    found = [Result(name, rate, "1/s", floor) for name, (rate, floor) in rates.items()]
    # Slower than what a TypeScript client has would need an explanation.
    beside = noble(TYPED_DATA) if peers else {}
    return found + [
        Result(f"{name}, beside {library}", rates[name][0], "1/s", rate, least=1)
        for name, (library, rate) in beside.items()
    ]


def _works() -> dict[str, tuple[Work, Work]]:
    """Each operation: ours, and the bare library's."""
    ours, theirs = PrivateKey.generate(), PrivateKey.generate()
    bare, other = coincurve.PrivateKey(ours.secret()), coincurve.PrivateKey(theirs.secret())
    bundle = Bundle(
        token=Secret("abba_session_" + "0" * 64),
        agent_id="agt_0",
        budget_usdc=None,
        expiry=2**31,
        wallet_private_key=ours,
        e2e_private_key=theirs,
    )
    text, plain = bundle.serialize(), {"wallet": ours.to_hex(), "e2e": theirs.to_hex(), "token": "0" * 64}
    packed = base64.b64encode(msgspec.json.encode(plain))
    envelope = encrypt(PAYLOAD, ours, theirs.public_key_compressed, now_ms=0)
    digest, whole = keccak256(b"digest"), ours.public_key
    signature, found = sign_digest(ours, digest), bare.sign_recoverable(digest, hasher=None)
    secret, body, now = Secret("whsec_0"), b"{}" * 500, int(time.time())
    header = sign_header(secret, body, now)
    signer, account = LocalSigner(ours), Account.from_key(ours.secret())
    ready = _Bare(bare, other)
    return {
        "session keys: wallet and encryption key": (
            lambda: (PrivateKey.generate().address, PrivateKey.generate().address),
            lambda: (_key(), _key()),
        ),
        "session key hash": (
            lambda: session_key_hash(whole),
            lambda: keccak.new(digest_bits=256, data=whole).digest(),
        ),
        "bundle: serialize": (bundle.serialize, lambda: base64.b64encode(msgspec.json.encode(plain))),
        "bundle: parse and check": (lambda: parse_bundle(text, now), lambda: _opened(packed)),
        "envelope: encrypt and sign 1 kB": (
            lambda: encrypt(PAYLOAD, ours, theirs.public_key_compressed, now_ms=0),
            ready.encrypt,
        ),
        "envelope: decrypt and verify 1 kB": (lambda: decrypt(envelope, theirs), ready.decrypt),
        "sign a digest": (
            lambda: sign_digest(ours, digest),
            lambda: bare.sign_recoverable(digest, hasher=None),
        ),
        "recover a signer": (
            lambda: recover_digest(digest, signature),
            lambda: coincurve.PublicKey.from_signature_and_message(found, digest, hasher=None),
        ),
        "webhook: verify 1 kB": (
            lambda: verify_header(secret, header, body, now),
            lambda: hmac.compare_digest(
                header[-64:], hmac.new(b"whsec_0", b"%d.%b" % (now, body), hashlib.sha256).hexdigest()
            ),
        ),
        "typed data: sign (EIP-712)": (
            lambda: signer.sign_typed_data(TYPED_DATA),
            lambda: account.sign_typed_data(full_message=TYPED_DATA),
        ),
    }


def _key() -> bytes:
    return bytes(coincurve.PrivateKey().public_key.format())


def _opened(packed: bytes) -> tuple[object, object]:
    told = msgspec.json.decode(base64.b64decode(packed))
    keys = [coincurve.PrivateKey(bytes.fromhex(told[name][2:])) for name in ("wallet", "e2e")]
    return keys[0].public_key, keys[1].public_key


class _Bare:
    """The arithmetic of an envelope: three agreements or two, one derivation, one cipher, one signature."""

    def __init__(self, ours: coincurve.PrivateKey, theirs: coincurve.PrivateKey) -> None:
        self._ours, self._theirs = ours, theirs
        self._text = msgspec.json.encode(PAYLOAD)
        self._sealed = self.encrypt()

    def encrypt(self) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        once, salt, iv = coincurve.PrivateKey(), os.urandom(16), os.urandom(12)
        shared = once.ecdh(self._theirs.public_key.format()) + self._ours.ecdh(
            self._theirs.public_key.format()
        )
        text = AESGCM(self._key(shared, salt)).encrypt(iv, self._text, None)
        return once.public_key.format(), salt, iv, text, self._ours.sign(text)

    def decrypt(self) -> bytes:
        epk, salt, iv, text, signature = self._sealed
        shared = self._theirs.ecdh(epk) + self._theirs.ecdh(self._ours.public_key.format())
        opened = AESGCM(self._key(shared, salt)).decrypt(iv, text, None)
        assert coincurve.PublicKey(self._ours.public_key.format()).verify(signature, text)
        return opened

    def _key(self, shared: bytes, salt: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"abba-e2e-v1-enc").derive(shared)
