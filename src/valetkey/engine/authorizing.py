"""What became of a signed permission to move a token: whoever settles it, and whatever they say, the chain tells.

A payment of x402 is sent by the seller's facilitator, so its transaction is not known; the nonce that it uses is.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from valetkey.core.addresses import same_address
from valetkey.core.commands import Capture, Void
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, rescale
from valetkey.core.spend import Hold
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import address_of, keccak256
from valetkey.crypto.signatures import recover_digest
from valetkey.ports.chain import Block, Execution, Log
from valetkey.ports.following import Place
from valetkey.ports.ledger import SpendRecord
from valetkey.ports.wallet import Call
from valetkey.wire.authorizations import (
    EXACT_SPENDER,
    PERMIT2_ADDRESS,
    UPTO_SPENDER,
    Authorization,
    PermitTransfer,
    TransferAuthorization,
    read_authorization,
)

USED = keccak256(b"AuthorizationUsed(address,bytes32)")
CANCELED = keccak256(b"AuthorizationCanceled(address,bytes32)")
MOVED = keccak256(b"Transfer(address,address,uint256)")
INVALIDATED = keccak256(b"UnorderedNonceInvalidation(address,uint256,uint256)")

LAPSED_MARGIN_SECONDS = 30
"""So much later than its last moment a final block has to be for an unused one to count as dead."""

CLOCKS_DIFFER_SECONDS = 60
LOGS_BLOCKS = 1_000
"""Blocks whose logs are asked for at once; many nodes answer no more."""

WORD = 32


@runtime_checkable
class AuthorizationReader(Protocol):
    """What is read of a chain to prove such a payment; see ports/chain.py."""

    async def execution(self, tx_hash: str) -> Execution | None: ...

    async def place(self, number: int) -> Place | None: ...

    async def view(self, call: Call, *, at_block: int | None = None) -> bytes: ...

    async def logs(
        self, contract: str, first: int, last: int, topics: tuple[bytes | None, ...] = ()
    ) -> list[Log]: ...


def unlike(hold: Hold, payload: bytes, reference: str, wallet: str | None) -> str | None:
    """How what was signed differs from what is held; None when it is a payment of this very hold by its session.

    Asked before the payment is believed, and again before anything is proven by it: nobody's word is.
    """
    try:
        signed = read_authorization(payload)
    except InvalidInput as problem:
        return str(problem)
    asset, payee = hold.request.amount.asset, hold.request.payee
    if wallet is None or not same_address(signed.payer, wallet):
        return "another wallet than the session's signed it"
    if signed.chain_id != asset.chain_id or not same_address(signed.token, asset.address):
        return "it moves another token than what is held"
    if payee is None or not same_address(signed.payee, payee):
        return "it pays somebody else than what is held for"
    if int(signed.amount) != hold.request.amount.units:
        return "it moves another amount than what is held"
    if reference != signed.reference:
        return "the reference is not its own"
    if isinstance(signed, PermitTransfer):
        spender = EXACT_SPENDER if signed.facilitator is None else UPTO_SPENDER
        if not same_address(signed.spender, spender):
            return "a contract that is not known may take the money"
    try:
        key = recover_digest(signed.digest(), bytes.fromhex(signed.signature[2:]))
    except InvalidSignature as problem:
        return str(problem)
    return None if same_address(address_of(key), wallet) else "another key signed it"


async def outcome(
    record: SpendRecord, reader: AuthorizationReader, final: Block, wallet: str | None
) -> Capture | Void | str | None:
    """What a final block proves about such a payment; None while it proves nothing.

    A text when what is stored cannot be a payment of the hold, or the chain tells what cannot be understood: the
    money stays held. Raises ChainUnavailable.
    """
    payment, hold = record.payment, record.hold
    assert payment is not None
    assert payment.reference is not None
    problem = unlike(hold, payment.payload, payment.reference, wallet)
    if problem is not None:
        return problem
    signed = read_authorization(payment.payload)
    used = await is_used(reader, signed, final.number)
    if not used:
        # No later block is earlier, so it can never be used.
        lapsed = final.timestamp >= signed.dead_from + LAPSED_MARGIN_SECONDS
        return Void(proven=True) if lapsed else None
    search = _Search(reader, final, hold.placed_at - CLOCKS_DIFFER_SECONDS)
    if isinstance(signed, TransferAuthorization):
        found = await _of_token(search, signed)
    else:
        found = await _of_permit2(search, signed)
    if isinstance(found, str):
        return found
    if found == 0:
        return Void(proven=True)
    asset = hold.request.amount.asset
    return Capture(rescale(found, asset.decimals, CURRENCY_DECIMALS[asset.currency], up=True))


async def is_used(reader: AuthorizationReader, signed: Authorization, block: int) -> bool:
    """Whether the nonce of what was signed is used up at a block. Raises ChainUnavailable."""
    if isinstance(signed, TransferAuthorization):
        data = _call(
            b"authorizationState(address,bytes32)", _account(signed.payer), bytes.fromhex(signed.nonce[2:])
        )
        word = await reader.view(Call(signed.token, data), at_block=block)
        if len(word) != WORD or int.from_bytes(word) > 1:
            raise ChainUnavailable("the token does not tell what became of an authorization")
        return any(word)
    nonce = int(signed.nonce)
    data = _call(b"nonceBitmap(address,uint256)", _account(signed.payer), (nonce >> 8).to_bytes(WORD))
    word = await reader.view(Call(PERMIT2_ADDRESS, data), at_block=block)
    if len(word) != WORD:
        raise ChainUnavailable("Permit2 does not tell what became of a permission")
    return bool(int.from_bytes(word) >> (nonce & 0xFF) & 1)


async def _of_token(search: "_Search", signed: TransferAuthorization) -> int | str:
    """Base units that a used authorization moved; 0 for one that its payer cancelled."""
    payer, nonce = _account(signed.payer), bytes.fromhex(signed.nonce[2:])
    # FiatToken and whatever follows EIP-3009 use up a nonce once, and tell it by one of the two events.
    log = await search.newest(
        signed.token, lambda log: log.topics[0] in (USED, CANCELED), (None, payer, nonce)
    )
    if log is None:
        return "its use is in no log of the token"
    if log.topics[0] == CANCELED:
        return 0
    done = await search.reader.execution(log.tx_hash)
    if done is None or not done.succeeded or done.block.number > search.final.number:
        raise ChainUnavailable("the node tells of a transaction that it does not show")
    own = [
        one
        for one in done.transfers
        if same_address(one.token, signed.token)
        and same_address(one.payer, signed.payer)
        and not same_address(one.payee, signed.payer)
    ]
    if any(same_address(one.payee, signed.payee) and one.units == int(signed.amount) for one in own):
        return int(signed.amount)
    # The key signed something else with the same nonce: what it moved is debited, and what is stored is dead.
    moved = sum(one.units for one in own)
    return moved or "its use moved nothing of the payer's"


async def _of_permit2(search: "_Search", signed: PermitTransfer) -> int | str:
    """Base units that a used permission moved; 0 for one that its payer invalidated.

    Permit2 tells no event of a use, so the block is looked for in which the nonce was used up.
    """
    payer, nonce, units = _account(signed.payer), int(signed.nonce), int(signed.amount)

    async def used_in(block: int) -> bool:
        return await is_used(search.reader, signed, block) and not await is_used(
            search.reader, signed, block - 1
        )

    moves = await search.all(signed.token, (MOVED, payer, _account(signed.payee)))
    amounts = [
        int.from_bytes(log.data)
        for log in moves
        if len(log.data) == WORD and 0 < int.from_bytes(log.data) <= units and await used_in(log.block)
    ]
    if amounts:
        # Two in one block cannot be told apart: the larger one is debited.
        return max(amounts)
    for log in await search.all(PERMIT2_ADDRESS, (INVALIDATED, payer)):
        word, mask = int.from_bytes(log.data[:WORD]), int.from_bytes(log.data[WORD : 2 * WORD])
        if word == nonce >> 8 and mask >> (nonce & 0xFF) & 1 and await used_in(log.block):
            return 0
    return "its use moved nothing that can be found"


class _Search:
    """Logs of the blocks from a time until a final one, the newest first."""

    def __init__(self, reader: AuthorizationReader, final: Block, since: int) -> None:
        self.reader, self.final, self._since = reader, final, since
        self._first: int | None = None

    async def newest(
        self, contract: str, fits: Callable[[Log], bool], topics: tuple[bytes | None, ...]
    ) -> Log | None:
        last, first = self.final.number, await self._begin()
        while last >= first:
            found = await self.reader.logs(contract, max(first, last - LOGS_BLOCKS + 1), last, topics)
            fitting = [log for log in found if len(log.topics) == len(topics) and fits(log)]
            if fitting:
                return fitting[-1]
            last -= LOGS_BLOCKS
        return None

    async def all(self, contract: str, topics: tuple[bytes | None, ...]) -> list[Log]:
        found: list[Log] = []
        last, first = self.final.number, await self._begin()
        while last >= first:
            logs = await self.reader.logs(contract, max(first, last - LOGS_BLOCKS + 1), last, topics)
            found = [*(log for log in logs if len(log.topics) >= len(topics)), *found]
            last -= LOGS_BLOCKS
        return found

    async def _begin(self) -> int:
        """The first block that is not older than the time, or a little before it; found by halves."""
        if self._first is None:
            low, high = 0, self.final.number
            while high - low > LOGS_BLOCKS:
                middle = (low + high) // 2
                place = await self.reader.place(middle)
                if place is None:
                    raise ChainUnavailable("the node does not know a block below a final one")
                low, high = (middle, high) if place.timestamp < self._since else (low, middle)
            self._first = low
        return self._first


def _call(signature: bytes, *words: bytes) -> bytes:
    return keccak256(signature)[:4] + b"".join(words)


def _account(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(WORD, b"\0")
