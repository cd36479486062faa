"""Allotments as the platform reads and ends them: whose an account is, what its key moved, and the presigned end."""

from typing import Any

from valetkey.chains.solana import errors, expiring
from valetkey.chains.solana.accounts import read_mint, read_nonce, read_token_account
from valetkey.chains.solana.addresses import SessionAccounts, pubkey, wallet_key
from valetkey.chains.solana.expiring import Revocation, read_revocation
from valetkey.chains.solana.node import TIMEOUT_SECONDS
from valetkey.chains.solana.reader import LISTED_MAX, SolanaReader
from valetkey.chains.solana.state import accounts
from valetkey.chains.solana.submitting import FINALIZED
from valetkey.core import tokens
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.core.money import Asset
from valetkey.ports.allotments import Allotment, AllotmentEnd, AllotmentState, Moved, RevocationDead
from valetkey.ports.chain import Execution
from valetkey.wire.solana import read_payment

WAIT_SECONDS = 15.0
"""How long one try waits for a final block; the next one goes on."""

MOVES_MAX = 200
"""Transactions of one account that are read in one look."""


class SolanaAllotments(SolanaReader):
    """The sessions' accounts of one cluster and one token. Used by one event loop; `close` it."""

    def __init__(
        self, chain_id: int, rpc_url: str, mint: str, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        super().__init__(chain_id, rpc_url, timeout_seconds=timeout_seconds)
        self._mint = pubkey(mint, "usdc")

    async def check_token(self, asset: Asset) -> None:
        """See ports/allotments.py."""
        _, (found,) = await accounts(self.node, [self._mint])
        problem = ""
        try:
            read_mint(self._mint, found, asset.decimals)
        except InvalidInput as error:
            problem = str(error)
        if problem:
            raise tokens.TokenMismatch(problem, field="token")

    async def terms(self, revocation: bytes, key: str, asset: Asset, units_max: int) -> tuple[str, str, int]:
        """See ports/allotments.py."""
        await self.check_token(asset)
        read = read_revocation(read_payment(revocation))
        session_key = wallet_key(key, "key")
        session = SessionAccounts(read.owner, session_key, self._mint, read.program)
        if (read.account, read.nonce) != (session.account, session.nonce):
            raise _unfit(
                "the revocation is of another account, or lives by another nonce, than this session's"
            )
        _, (account, nonce) = await accounts(self.node, [read.account, read.nonce])
        token, found = read_token_account(account), read_nonce(nonce)
        if token is None or (token.mint, token.owner, token.program) != (
            self._mint,
            read.owner,
            read.program,
        ):
            raise _unfit("the session has no account of this token on this cluster: open it first")
        if token.delegate != session_key or token.is_frozen:
            raise _unfit("the session's key may not move anything out of its account")
        if found is None or found.authority != read.owner or found.value != read.nonce_value:
            raise _unfit("the revocation could not be executed: its nonce is another one by now")
        if token.delegated > units_max:
            raise _unfit("the session's key may move more than the session's budget")
        return str(read.owner), str(read.account), token.delegated

    async def state(self, allotment: Allotment, key: str) -> AllotmentState:
        """See ports/allotments.py."""
        read = _revocation(allotment)
        slot, (account, nonce) = await accounts(self.node, [read.account, read.nonce], FINALIZED)
        token, found = read_token_account(account), read_nonce(nonce)
        is_open = token is not None and token.delegate == pubkey(key, "key")
        return AllotmentState(
            slot=slot,
            amount=0 if token is None else token.amount,
            delegated=token.delegated if token is not None and is_open else 0,
            is_alive=found is not None and found.value == read.nonce_value,
        )

    async def moved(self, allotment: Allotment, key: str) -> tuple[list[Moved], str | None]:
        """See ports/allotments.py."""
        listed = await self._listed(allotment)
        found, seen = list[Moved](), allotment.seen
        for signature, succeeded in listed[:MOVES_MAX]:
            seen = signature
            if not succeeded:
                continue
            done = await self.execution(signature)
            if done is None:
                raise ChainUnavailable("the node lists a transaction that it does not know")
            move = _move(done, key, allotment.mint)
            if move is not None:
                found.append(move)
        return found, seen

    async def revoke(self, allotment: Allotment, due_at: int) -> AllotmentEnd | None:
        """See ports/allotments.py."""
        read = _revocation(allotment)
        dead = False
        try:
            done = await expiring.submit(self.node, read, due_at, wait_seconds=WAIT_SECONDS)
        except errors.RevocationDead:
            dead = True
        if dead:
            raise RevocationDead
        if done.signature is not None:
            return AllotmentEnd(done.slot, done.at, done.signature, done.lateness_seconds)
        # Somebody else's revocation may still be undone with its block.
        slot, (account,) = await accounts(self.node, [read.account], FINALIZED)
        token = read_token_account(account)
        if token is not None and token.delegate is not None:
            return None
        return AllotmentEnd(slot, done.at, None, None)

    async def _listed(self, allotment: Allotment) -> list[tuple[str, bool]]:
        """The final transactions of an account after `seen`, oldest first, and whether each did what it says."""
        found: list[tuple[str, bool]] = []
        while True:
            options: dict[str, Any] = {"commitment": FINALIZED, "limit": LISTED_MAX}
            if allotment.seen is not None:
                options["until"] = allotment.seen
            if found:
                options["before"] = found[-1][0]
            page = await self.node.ask("getSignaturesForAddress", allotment.account, options)
            if not isinstance(page, list) or not all(
                isinstance(one, dict) and isinstance(one.get("signature"), str) for one in page
            ):
                raise ChainUnavailable("the node's answer is no list of transactions")
            found += [(one["signature"], one.get("err") is None) for one in page]
            if len(page) < LISTED_MAX:
                return found[::-1]


def _revocation(allotment: Allotment) -> Revocation:
    return read_revocation(read_payment(allotment.revocation))


def _unfit(why: str) -> InvalidInput:
    return InvalidInput(why, code="allotment_mismatch", field="revocation")


def _move(done: Execution, key: str, mint: str) -> Moved | None:
    """What the key moved in a transaction. What goes home to the owner is not gone."""
    moves = [
        one
        for one in done.transfers
        if (one.token, one.authority) == (mint, key) and one.payer != one.payee and one.units
    ]
    if not moves:
        return None
    payees = {one.payee for one in moves}
    return Moved(done.tx_hash, sum(one.units for one in moves), payees.pop() if len(payees) == 1 else None)
