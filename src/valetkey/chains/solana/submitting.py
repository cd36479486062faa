"""Sending signed bytes, looking after them, and proving their end.

Bytes are stored by the caller before they come here. A retry sends the same bytes, which land at most once: after the
last height at which their blockhash counts they can land no more, and then their absence is proof.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from valetkey.chains.solana.addresses import pubkey
from valetkey.chains.solana.errors import (
    Lapsed,
    NotAccepted,
    StillPending,
    TooOld,
    TransactionRefused,
)
from valetkey.chains.solana.node import NodeRefused, SolanaNode
from valetkey.chains.solana.transactions import is_signed, lives_by_nonce, read_transaction
from valetkey.core.errors import ChainUnavailable
from valetkey.wire.solana import SolanaPayment

CONFIRMED, FINALIZED = "confirmed", "finalized"
_RANKS = {"processed": 0, CONFIRMED: 1, FINALIZED: 2}

PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.1, 0.8
"""Between two looks: longer from one to the next."""

RESEND_SECONDS = 2.0
WAIT_SECONDS = 90.0
"""A blockhash counts for about a minute."""

_PREFLIGHT_FAILED = -32002
_SIGNATURE_FAILED = -32003
_TOO_OLD = "BlockhashNotFound"
_ALREADY = "AlreadyProcessed"


@dataclass(frozen=True, slots=True)
class Landed:
    """A transaction in a block. `error` is None when it did what it says; otherwise it took its fee alone."""

    signature: str
    slot: int
    error: Any
    commitment: str


@dataclass(frozen=True, slots=True)
class Blockhash:
    """What a transaction names so that it can land until `last_valid_height`. `slot`: where it was read."""

    value: bytes
    last_valid_height: int
    slot: int


async def blockhash(node: SolanaNode) -> Blockhash:
    """A blockhash that counts from now on. Raises ChainUnavailable."""
    slot, found = await node.value("getLatestBlockhash", {"commitment": CONFIRMED})
    try:
        value, height = found["blockhash"], found["lastValidBlockHeight"]
        read = bytes(pubkey(value, "blockhash"))
    except (KeyError, TypeError, ValueError) as error:
        raise ChainUnavailable("the node's answer is no blockhash") from error
    if type(height) is not int:
        raise ChainUnavailable("the node's answer is no blockhash")
    return Blockhash(read, height, slot)


async def send(node: SolanaNode, payment: SolanaPayment) -> None:
    """Hand the bytes to the node, after it tried them. Bytes that are in a block already are no error.

    Raises TransactionRefused when they would fail now and NotAccepted when they cannot land now; neither proves that an
    earlier attempt did not land: `settle` does. Raises ChainUnavailable.
    """
    options = {"encoding": "base64", "preflightCommitment": CONFIRMED, "maxRetries": 0}
    try:
        await node.ask("sendTransaction", payment.transaction, options)
    except NodeRefused as refused:
        _tell(refused)


def _tell(refused: NodeRefused) -> None:
    error = refused.data.get("err") if isinstance(refused.data, dict) else None
    if refused.rpc_code == _SIGNATURE_FAILED:
        raise NotAccepted("the cluster refused the transaction: a signature is wrong or missing") from None
    if refused.rpc_code != _PREFLIGHT_FAILED:
        raise refused
    if error == _ALREADY:
        return
    if isinstance(error, dict) and "InstructionError" in error:
        raise TransactionRefused(f"the programs refuse this: {error}", error, landed=False) from None
    if error == _TOO_OLD:
        raise TooOld("the transaction is too old for the cluster, or its nonce was used") from None
    raise NotAccepted(f"the cluster does not take the transaction now: {error}") from None


async def status(node: SolanaNode, signature: str) -> tuple[int, Landed | None]:
    """Where a transaction is, as of which slot; None while it is in no block. Raises ChainUnavailable."""
    slot, value = await node.value("getSignatureStatuses", [signature], {"searchTransactionHistory": True})
    if not isinstance(value, list) or len(value) != 1:
        raise ChainUnavailable("the node's answer is no status")
    found = value[0]
    if found is None:
        return slot, None
    try:
        landed_slot, error = found["slot"], found["err"]
        commitment = found["confirmationStatus"] or FINALIZED
    except (KeyError, TypeError) as problem:
        raise ChainUnavailable("the node's answer is no status") from problem
    if type(landed_slot) is not int or commitment not in _RANKS:
        raise ChainUnavailable("the node's answer is no status")
    return slot, Landed(signature, landed_slot, error, commitment)


async def settle(
    node: SolanaNode,
    payment: SolanaPayment,
    *,
    commitment: str = CONFIRMED,
    wait_seconds: float = WAIT_SECONDS,
) -> Landed:
    """Send the bytes until they are in a block of this commitment, and no longer than they can land.

    Raises TransactionRefused when they would fail, or landed and failed; Lapsed when it is proven that they never
    landed; StillPending after `wait_seconds`; NotAccepted, ChainUnavailable.
    """
    deadline = time.monotonic() + wait_seconds
    pause = PAUSE_SECONDS
    sent_at: float | None = None
    while True:
        _, found = await status(node, payment.signature)
        if found is not None and _RANKS[found.commitment] >= _RANKS[commitment]:
            if found.error is not None:
                why = f"the transaction landed and failed: {found.error}"
                raise TransactionRefused(why, found.error, landed=True)
            return found
        now = time.monotonic()
        if found is None and (sent_at is None or now - sent_at >= RESEND_SECONDS):
            try:
                await send(node, payment)
            except TooOld:
                # The status of what landed may come late, and the height proves the rest.
                if await lapsed(node, payment):
                    raise Lapsed("the transaction was not taken in time: nothing moved") from None
                if payment.last_valid_height is None:
                    raise
            sent_at = now
        if now >= deadline:
            raise StillPending("the transaction is in no final block yet; doing the same again goes on")
        await asyncio.sleep(pause)
        pause = min(2 * pause, PAUSE_SECONDS_MAX)


async def lapsed(node: SolanaNode, payment: SolanaPayment) -> bool:
    """Whether it is proven that the bytes moved nothing and never will. False is no proof of anything.

    The proof: at a final block that is newer than the bytes their blockhash does not count any more, so no block after
    it can take them; and a node that saw this block, and remembers the ones before it from when they were signed,
    knows no such transaction. Of bytes that live by a durable nonce it is always False. Raises ChainUnavailable.
    """
    transaction = read_transaction(payment.raw)
    if payment.last_valid_height is None or lives_by_nonce(transaction) or not is_signed(transaction):
        return False
    height = await _number(node, "getBlockHeight", {"commitment": FINALIZED})
    if height <= payment.last_valid_height:
        return False
    final, counts = await node.value(
        "isBlockhashValid", str(transaction.message.recent_blockhash), {"commitment": FINALIZED}
    )
    first = await _number(node, "getFirstAvailableBlock")
    if counts is not False or final <= payment.signed_slot or first > payment.signed_slot:
        return False
    # Asked after that, and of a node that is past it: one that lags knows nothing about absence.
    slot, found = await status(node, payment.signature)
    return found is None and slot >= final


async def _number(node: SolanaNode, method: str, *params: Any) -> int:
    found = await node.ask(method, *params)
    if type(found) is not int:
        raise ChainUnavailable(f"the node's answer to {method} is no number")
    return found
