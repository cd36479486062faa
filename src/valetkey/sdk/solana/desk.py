"""A desk for sessions on one cluster: what their owner does, and what their keys do. Everything may be repeated."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from valetkey.chains.solana import programs
from valetkey.chains.solana.accounts import Mint
from valetkey.chains.solana.delegate import SolanaDelegate
from valetkey.chains.solana.errors import SessionClosed, TransactionRefused
from valetkey.chains.solana.moving import move, takeable
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import SolanaOwner
from valetkey.chains.solana.state import SessionState, mint_of, session_state
from valetkey.chains.solana.submitting import FINALIZED, WAIT_SECONDS, blockhash, settle
from valetkey.chains.solana.transactions import sign
from valetkey.core.errors import ChainUnavailable
from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.ports.signer import Ed25519Signer
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.solana.paid import Paid
from valetkey.wire.solana import SolanaPayment, payment_of, read_payment


class AsyncSolanaDesk:
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
        self._node = SolanaNode(chain_id, rpc_url)
        self._address = mint
        self._signer = owner
        self._wait_seconds = wait_seconds
        self._found: Mint | None = None

    def __repr__(self) -> str:
        return f"<AsyncSolanaDesk {self._node!r}>"

    async def open(self, key: str, units: int, fee_lamports: int, keep: Callable[[bytes], None]) -> str:
        """Give a session's key its account with a budget of base units, once; the account's address.

        `keep` is handed the signed bytes before they are sent. Raises SessionClosed, TransactionRefused, TokenMismatch,
        StillPending, ChainUnavailable.
        """

        async def store(payment: SolanaPayment) -> None:
            keep(payment.encode())

        session = await self._owner().open(
            key, await self._mint(), units, fee_lamports=fee_lamports, store=store
        )
        return str(session.account)

    async def left(self, key: str) -> int:
        """What a session's key could take, base units; of one that was revoked on the cluster, what its account has.

        Raises SessionClosed where there is no account, TransactionRefused for one that its issuer froze.
        """
        owner = self._owner()
        session = owner.accounts(key, await self._mint())
        return takeable(_there(await session_state(self._node, session)), session)

    async def hand_over(self, old: str, new: str, units: int, seen: int, fee_lamports: int) -> bool:
        """Approve the new key for so many base units as the old one ends, at once: see chains/solana/moving.py.

        Done before, it stays. False when nothing is left for the new key: the old one is revoked alone. `seen`: what
        `left` said of the old one. Raises SessionClosed for a new one that was closed before, TransactionRefused,
        StillPending, ChainUnavailable.
        """
        owner, mint = self._owner(), await self._mint()
        before, after = owner.accounts(old, mint), owner.accounts(new, mint)
        if (await session_state(self._node, after)).account is not None:
            return True
        # What was taken home is not paid out once more.
        await owner.check_new(after)
        assert self._signer is not None, "who is the owner signs"
        if units > 0 and await move(
            *(self._node, self._signer, before, after, mint, units),
            seen=seen,
            wait_seconds=self._wait_seconds,
            fee_lamports=fee_lamports,
        ):
            return True
        await owner.revoke(before)
        return False

    async def is_open(self, key: str) -> bool:
        """Whether a session has its account, whatever is in it. Raises ChainUnavailable."""
        owner = self._owner()
        return (await session_state(self._node, owner.accounts(key, await self._mint()))).account is not None

    async def presign(self, key: str) -> str:
        """The end of a session, signed now: what the platform keeps and submits, base64. Raises SessionClosed."""
        owner = self._owner()
        revocation = await owner.presign_revocation(owner.accounts(key, await self._mint()))
        return revocation.payment.transaction

    async def sign(self, key: Ed25519Signer, owner: str, payee: str, units: int, name: str) -> bytes:
        """A payment out of a session's account, signed by its key and not sent. Raises SessionClosed, InvalidInput."""
        acting = SolanaDelegate(self._node, key, owner, await self._mint())
        return (await acting.sign(payee, units, name=name)).encode()

    async def pay(self, payload: bytes) -> Paid:
        """Send what was signed until it is in a block. Raises TransactionRefused, Lapsed, StillPending."""
        payment = read_payment(payload)
        landed = await settle(self._node, payment, wait_seconds=self._wait_seconds)
        return Paid(landed.signature, landed.slot, await self._fee(landed.signature))

    async def outcome(self, signature: str) -> Paid | None:
        """A payment that was made; None for one that the cluster does not know."""
        found = await self._node.ask("getTransaction", signature, _OPTIONS)
        return (
            None if found is None else Paid(signature, _number(found, "slot"), _number(found["meta"], "fee"))
        )

    async def revoke(self, key: str) -> None:
        """Take a session's key its power, by the owner's own signature, in a final block. Raises ChainUnavailable."""
        owner = self._owner()
        await owner.revoke(owner.accounts(key, await self._mint()), commitment=FINALIZED)

    async def reclaim(self, key: str, signer: Ed25519Signer | None = None) -> str | None:
        """Revoke, bring home what is left, close the session's accounts; the signature, None when nothing was there.

        `signer`: the session's key, whose lamports come home too.
        """
        owner = self._owner()
        done = await owner.reclaim(owner.accounts(key, await self._mint()))
        if signer is not None:
            await self._sweep(signer)
        return done.signature

    async def exposure(self, key: str) -> int:
        """What a session's key could take now, base units. Raises ChainUnavailable."""
        owner = self._owner()
        return await owner.exposure(owner.accounts(key, await self._mint()))

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._node.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Inside

    def _owner(self) -> SolanaOwner:
        if self._signer is None:
            raise NotConfigured("this is signed by the sessions' owner on Solana: give solana_signer")
        return SolanaOwner(self._node, self._signer, wait_seconds=self._wait_seconds)

    async def _mint(self) -> Mint:
        if self._found is None:
            self._found = await mint_of(self._node, self._address, CURRENCY_DECIMALS["USDC"])
        return self._found

    async def _fee(self, signature: str) -> int:
        paid = await self.outcome(signature)
        return 0 if paid is None else paid.fee_lamports

    async def _sweep(self, signer: Ed25519Signer) -> None:
        """Send all lamports of a key to the owner, who pays the fee. Nothing is lost when it is repeated."""
        assert self._signer is not None, "who reclaims signs"
        _, left = await self._node.value("getBalance", signer.address, {"commitment": "confirmed"})
        if type(left) is not int:
            raise ChainUnavailable("the node's answer is no number of lamports")
        if left == 0:
            return
        recent = await blockhash(self._node)
        home, key = programs.pubkey_of(self._signer.public_key), programs.pubkey_of(signer.public_key)
        raw = sign([programs.pay(key, home, left)], home, recent.value, [self._signer, signer])
        payment = payment_of(raw, recent.last_valid_height, recent.slot)
        await settle(self._node, payment, wait_seconds=self._wait_seconds)


def _there(state: SessionState) -> SessionState:
    if state.account is None:
        raise SessionClosed("the account of this session was closed: make another one")
    if state.account.is_frozen:
        raise TransactionRefused(
            "the account of this session is frozen by whoever issued the token: nothing is moved meanwhile",
            None,
            landed=False,
        )
    return state


_OPTIONS = {"encoding": "base64", "commitment": "confirmed", "maxSupportedTransactionVersion": 0}


def _number(answer: Any, name: str) -> int:
    found = answer.get(name) if isinstance(answer, dict) else None
    if type(found) is not int:
        raise ChainUnavailable(f"the node's answer has no {name}")
    return found
