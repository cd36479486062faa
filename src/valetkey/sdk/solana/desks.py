"""Opening a desk on Solana, for async code and its sync twin, and reading an owner's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.core.errors import InvalidInput
from valetkey.crypto import base58
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.secret import Secret
from valetkey.ports.signer import Ed25519Signer
from valetkey.sdk.errors import NotConfigured

if TYPE_CHECKING:
    from valetkey.sdk.solana.blocking import SolanaDesk as SolanaDesk
    from valetkey.sdk.solana.desk import AsyncSolanaDesk as AsyncSolanaDesk

SEED_BYTES, PAIR_BYTES = 32, 64

SolanaSigner = str | Secret | Ed25519Signer
"""Who signs for an account on Solana: a key in hex (32 bytes) or base58 (64, as wallets export it), or a signer."""


def async_open_desk(chain_id: int, rpc_url: str, mint: str, owner: Ed25519Signer | None) -> AsyncSolanaDesk:
    """A desk of an event loop. Raises NotConfigured without valetkey[solana]."""
    missing = ""
    try:
        # Imported late: who has no session on Solana needs no solders.
        from valetkey.sdk.solana.desk import AsyncSolanaDesk

        return AsyncSolanaDesk(chain_id, rpc_url, mint, owner=owner)
    except ImportError as error:
        missing = error.name or "solders"
    raise _needs(missing)


def open_desk(chain_id: int, rpc_url: str, mint: str, owner: Ed25519Signer | None) -> SolanaDesk:
    """A desk that waits, for any thread. Raises NotConfigured without valetkey[solana]."""
    missing = ""
    try:
        from valetkey.sdk.solana.blocking import SolanaDesk

        return SolanaDesk(chain_id, rpc_url, mint, owner=owner)
    except ImportError as error:
        missing = error.name or "solders"
    raise _needs(missing)


def solana_signer_of(given: SolanaSigner) -> Ed25519Signer:
    """The signer of an account of Solana. Raises InvalidInput, which quotes no key."""
    if isinstance(given, Ed25519Signer):
        return given
    text = given.reveal() if isinstance(given, Secret) else given
    key = None
    try:
        key = _key(text)
    except (InvalidInput, ValueError):
        key = None
    if key is None:
        raise InvalidInput(
            "a key of Solana is 32 bytes in hex, or 64 in base58 as wallets export it", field="solana_signer"
        )
    return key


def _key(text: str) -> SigningKey | None:
    plain = text.removeprefix("0x")
    if len(plain) == 2 * SEED_BYTES:
        return SigningKey(bytes.fromhex(plain))
    pair = base58.decode(text)
    key = SigningKey(pair[:SEED_BYTES]) if len(pair) == PAIR_BYTES else None
    # The second half is the public key: a typing error shows.
    return key if key is not None and key.public_key == pair[SEED_BYTES:] else None


def _needs(missing: str) -> NotConfigured:
    return NotConfigured(f"sessions on Solana need {missing}: install valetkey[solana]")
