"""The end of a session, signed by its owner in advance and submitted by anybody when its time has come.

It lives by a durable nonce of the session's own, whose authority is the owner. It revokes and does nothing else.
"""

from dataclasses import dataclass

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from valetkey.chains.solana import programs
from valetkey.chains.solana.accounts import read_nonce, read_token_account
from valetkey.chains.solana.addresses import SessionAccounts
from valetkey.chains.solana.errors import NotAccepted, RevocationDead, SessionClosed
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.state import accounts, session_state
from valetkey.chains.solana.submitting import (
    CONFIRMED,
    FINALIZED,
    WAIT_SECONDS,
    settle,
    status,
)
from valetkey.chains.solana.transactions import is_signed, read_transaction, sign
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.ports.signer import Ed25519Signer
from valetkey.wire.solana import SolanaPayment, payment_of


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revocation that is signed and waits. `payment` is what is submitted; whoever has it can end the session."""

    payment: SolanaPayment
    owner: Pubkey
    account: Pubkey
    nonce: Pubkey
    nonce_value: bytes
    payer: Pubkey
    program: Pubkey


@dataclass(frozen=True, slots=True)
class Revoked:
    """That a session's key can move nothing. With `signature` this revocation did it; without, another one had before.

    `at` is the time of its block, unix seconds; `lateness_seconds` what passed since the session's end, not below 0.
    """

    signature: str | None
    slot: int
    at: int
    lateness_seconds: int


async def presign(
    node: SolanaNode, session: SessionAccounts, owner: Ed25519Signer, payer: Ed25519Signer | None
) -> Revocation:
    """See SolanaOwner.presign_revocation."""
    state = await session_state(node, session)
    if state.account is None or state.nonce is None or state.nonce.authority != session.owner:
        raise SessionClosed("this session has no account and no nonce: there is nothing to revoke in advance")
    paying = owner if payer is None else payer
    raw = sign(
        [
            programs.advance_nonce(session.nonce, session.owner),
            programs.revoke(session.program, session.account, session.owner),
        ],
        Pubkey(paying.public_key),
        state.nonce.value,
        [owner, paying],
    )
    return read_revocation(payment_of(raw, None, state.slot))


def read_revocation(payment: SolanaPayment) -> Revocation:
    """What a presigned revocation would do, so that nobody submits anything else. Raises InvalidInput.

    It is an advance of a nonce and a revocation by the same owner, alone, and signed by everybody whom it asks.
    """
    transaction = read_transaction(payment.raw)
    message = transaction.message
    keys, called = message.account_keys, message.instructions
    if payment.last_valid_height is not None or len(called) != 2 or not is_signed(transaction):
        raise InvalidInput("this is no signed revocation")
    advance, revoke = called
    try:
        nonce, _, authority = (keys[one] for one in advance.accounts)
        account, owner = (keys[one] for one in revoke.accounts)
        what = (keys[advance.program_id_index], bytes(advance.data), bytes(revoke.data), authority)
        program = keys[revoke.program_id_index]
    except (IndexError, ValueError) as error:
        raise InvalidInput("this is no signed revocation") from error
    wanted = (programs.SYSTEM, programs.ADVANCE_NONCE, bytes([programs.REVOKE]), owner)
    if what != wanted or program not in (programs.TOKEN, programs.TOKEN_2022) or _has_tables(transaction):
        raise InvalidInput("this is no signed revocation")
    return Revocation(payment, owner, account, nonce, bytes(message.recent_blockhash), keys[0], program)


def _has_tables(transaction: VersionedTransaction) -> bool:
    return bool(getattr(transaction.message, "address_table_lookups", None))


async def submit(
    node: SolanaNode, revocation: Revocation, expires_at: int, *, wait_seconds: float = WAIT_SECONDS
) -> Revoked:
    """Execute a presigned revocation, and wait until it is final. Anybody may, and any number of times.

    `expires_at` is unix seconds, from which the lateness is counted. Raises RevocationDead when its nonce was used and
    the key can still move something; StillPending, NotAccepted (the payer has no lamports), ChainUnavailable.
    """
    _, known = await status(node, revocation.payment.signature)
    if known is None or known.error is not None:
        slot, (account, nonce) = await accounts(node, [revocation.account, revocation.nonce], CONFIRMED)
        token = read_token_account(account)
        if token is None or token.delegate is None:
            return await _done(node, None, slot, expires_at)
        found = read_nonce(nonce)
        if found is None or found.value != revocation.nonce_value:
            raise RevocationDead("the nonce of this revocation was used otherwise: the owner has to revoke")
    try:
        landed = await settle(node, revocation.payment, commitment=FINALIZED, wait_seconds=wait_seconds)
    except NotAccepted:
        # Somebody else may have submitted the same bytes between the look and this.
        _, known = await status(node, revocation.payment.signature)
        if known is None:
            raise
        landed = await settle(node, revocation.payment, commitment=FINALIZED, wait_seconds=wait_seconds)
    return await _done(node, landed.signature, landed.slot, expires_at)


async def _done(node: SolanaNode, signature: str | None, slot: int, expires_at: int) -> Revoked:
    at = await node.ask("getBlockTime", slot)
    if type(at) is not int:
        raise ChainUnavailable("the node does not tell the time of a block")
    return Revoked(signature, slot, at, max(0, at - expires_at))
