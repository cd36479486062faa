"""Recovery copies: a session's bundle, sealed under a key that only the owner's wallet can make.

The key comes from a deterministic signature (RFC 6979) of a fixed text, so that the wallet alone is enough.
"""

from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.sealing import derive_key, seal, unseal
from valetkey.ports.signer import Signer
from valetkey.sdk.errors import RecoveryFailed
from valetkey.wire.bundle import Bundle, parse_bundle

PURPOSE = "valetkey recovery copies v1"
ROOM = "recovery"


def recovery_text(address: str) -> str:
    """What the owner's wallet signs to make the key. Whoever has that signature can open the copies."""
    return (
        "Valetkey recovery copies, version 1\n"
        f"Wallet: {address}\n"
        "This signature opens the recovery copies of every session of this wallet.\n"
        "Sign it for nobody but Valetkey on your own machine."
    )


def seal_recovery(signer: Signer, session_id: str, bundle: Bundle) -> bytes:
    """The recovery copy of a session. Raises RecoveryFailed for a wallet whose signatures change."""
    key = _key(signer)
    if key != _key(signer):
        raise RecoveryFailed(
            "this wallet signs the same text differently each time: it could never open a copy"
        )
    return seal(key, bundle.serialize().encode("ascii"), _context(signer, session_id))


def open_recovery(signer: Signer, session_id: str, sealed: bytes) -> Bundle:
    """The session of a recovery copy, also an ended one. Raises RecoveryFailed when another wallet made it."""
    opened = None
    try:
        opened = unseal(_key(signer), sealed, _context(signer, session_id))
    except DecryptionFailed:
        opened = None
    if opened is None:
        raise RecoveryFailed("this wallet did not make the recovery copy of this session")
    return parse_bundle(opened.decode("ascii"), None)


def _key(signer: Signer) -> bytes:
    return derive_key(signer.sign_message(recovery_text(signer.address).encode("utf-8")), PURPOSE)


def _context(signer: Signer, session_id: str) -> bytes:
    return f"{signer.address} {session_id}".encode()
