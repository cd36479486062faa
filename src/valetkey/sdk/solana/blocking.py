# Generated from src/valetkey/sdk/solana/desk.py by scripts/generate_sync.py: edit that file instead.
"""The sync twin of AsyncSolanaDesk: its calls run in one thread of their own."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from valetkey.chains.solana.submitting import WAIT_SECONDS
from valetkey.ports.signer import Ed25519Signer
from valetkey.sdk.manager.portal import Portal
from valetkey.sdk.solana.desk import AsyncSolanaDesk
from valetkey.sdk.solana.paid import Paid


class SolanaDesk:
    """One cluster and its USDC. `owner` signs for the sessions' owner; without it keys may still pay. `close` it."""

    def __init__(
        self,
        chain_id: int,
        rpc_url: str,
        mint: str,
        *,
        owner: Ed25519Signer | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """Nothing is asked yet. `mint` is that of USDC. Raises InvalidInput for a chain that is no cluster."""
        self._portal = Portal()
        try:
            self._manager = self._portal.make(
                lambda: AsyncSolanaDesk(chain_id, rpc_url, mint, owner=owner, wait_seconds=wait_seconds)
            )
        except BaseException:
            self._portal.close()
            raise

    def __repr__(self) -> str:
        return repr(self._manager).replace("<Async", "<", 1)

    def open(self, key: str, units: int, fee_lamports: int, keep: Callable[[bytes], None]) -> str:
        """Give a session's key its account with a budget of base units, once; the account's address.

        `keep` is handed the signed bytes before they are sent. Raises SessionClosed, TransactionRefused, TokenMismatch,
        StillPending, ChainUnavailable.
        """
        return self._portal.call(lambda: self._manager.open(key, units, fee_lamports, keep))

    def left(self, key: str) -> int:
        """What a session's key could take, base units; of one that was revoked on the cluster, what its account has.

        Raises SessionClosed where there is no account, TransactionRefused for one that its issuer froze.
        """
        return self._portal.call(lambda: self._manager.left(key))

    def hand_over(self, old: str, new: str, units: int, seen: int, fee_lamports: int) -> bool:
        """Approve the new key for so many base units as the old one ends, at once: see chains/solana/moving.py.

        Done before, it stays. False when nothing is left for the new key: the old one is revoked alone. `seen`: what
        `left` said of the old one. Raises SessionClosed for a new one that was closed before, TransactionRefused,
        StillPending, ChainUnavailable.
        """
        return self._portal.call(lambda: self._manager.hand_over(old, new, units, seen, fee_lamports))

    def is_open(self, key: str) -> bool:
        """Whether a session has its account, whatever is in it. Raises ChainUnavailable."""
        return self._portal.call(lambda: self._manager.is_open(key))

    def presign(self, key: str) -> str:
        """The end of a session, signed now: what the platform keeps and submits, base64. Raises SessionClosed."""
        return self._portal.call(lambda: self._manager.presign(key))

    def sign(self, key: Ed25519Signer, owner: str, payee: str, units: int, name: str) -> bytes:
        """A payment out of a session's account, signed by its key and not sent. Raises SessionClosed, InvalidInput."""
        return self._portal.call(lambda: self._manager.sign(key, owner, payee, units, name))

    def pay(self, payload: bytes) -> Paid:
        """Send what was signed until it is in a block. Raises TransactionRefused, Lapsed, StillPending."""
        return self._portal.call(lambda: self._manager.pay(payload))

    def outcome(self, signature: str) -> Paid | None:
        """A payment that was made; None for one that the cluster does not know."""
        return self._portal.call(lambda: self._manager.outcome(signature))

    def revoke(self, key: str) -> None:
        """Take a session's key its power, by the owner's own signature, in a final block. Raises ChainUnavailable."""
        return self._portal.call(lambda: self._manager.revoke(key))

    def reclaim(self, key: str, signer: Ed25519Signer | None = None) -> str | None:
        """Revoke, bring home what is left, close the session's accounts; the signature, None when nothing was there.

        `signer`: the session's key, whose lamports come home too.
        """
        return self._portal.call(lambda: self._manager.reclaim(key, signer))

    def exposure(self, key: str) -> int:
        """What a session's key could take now, base units. Raises ChainUnavailable."""
        return self._portal.call(lambda: self._manager.exposure(key))

    def close(self) -> None:
        """Close the connections. Safe to call twice."""
        if self._portal.is_open:
            self._portal.call(self._manager.close)
            self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
