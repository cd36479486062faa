"""What is read of a cluster to prove payments: slots, what transactions did, balances (ports/chain.py's shapes).

The bytes of a transaction come with its signature, which is checked: a node cannot make up what was signed.
"""

import base64
import binascii
from typing import Any

from solders.pubkey import Pubkey

from valetkey.chains.solana.addresses import pubkey, reference_of
from valetkey.chains.solana.moves import read_moves
from valetkey.chains.solana.node import TIMEOUT_SECONDS, SolanaNode
from valetkey.chains.solana.submitting import CONFIRMED, FINALIZED, lapsed
from valetkey.chains.solana.transactions import is_signed, read_transaction
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.crypto import base58
from valetkey.ports.chain import Block, Execution
from valetkey.wire.solana import SIGNATURE_BYTES, read_payment

LISTED_MAX = 1_000


class SolanaReader:
    """One cluster, read only. Used by one event loop; `close` it. A block's number is its slot here."""

    def __init__(self, chain_id: int, rpc_url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.node = SolanaNode(chain_id, rpc_url, timeout_seconds=timeout_seconds)

    def __repr__(self) -> str:
        return f"<SolanaReader of {self.node!r}>"

    async def head(self) -> Block:
        """The newest slot that most of the cluster voted for. Raises ChainUnavailable, WrongChain."""
        return await self._block(await self._number("getSlot", {"commitment": CONFIRMED}))

    async def final(self) -> Block:
        """The newest slot that counts as proof. Raises ChainUnavailable, WrongChain."""
        return await self._block(await self._number("getSlot", {"commitment": FINALIZED}))

    async def execution(self, signature: str) -> Execution | None:
        """What a transaction did; None while it is in no block that most of the cluster voted for.

        A transfer's payer and payee are the owners of the token accounts, and its `authority` is who signed for it.
        Raises InvalidInput for a text that is no signature, before any node is asked, and ChainUnavailable.
        """
        if len(base58.decode(signature)) != SIGNATURE_BYTES:
            raise InvalidInput("a transaction of Solana is named by its signature", field="reference")
        options = {"encoding": "base64", "commitment": CONFIRMED, "maxSupportedTransactionVersion": 0}
        found = await self.node.ask("getTransaction", signature, options)
        if found is None:
            return None
        try:
            return _execution(signature, found)
        except (KeyError, IndexError, TypeError, ValueError, InvalidInput, binascii.Error) as error:
            raise ChainUnavailable("the node's answer is no transaction") from error

    async def lapsed(self, payload: bytes) -> bool:
        """Whether it is proven that a stored payment moved nothing and never will. False is no proof of anything.

        Raises InvalidInput for a payload that is none, and ChainUnavailable.
        """
        return await lapsed(self.node, read_payment(payload))

    async def payments(self, name: str) -> list[str]:
        """The signatures of the final transactions that name a hold, newest first. Anybody can make one that does."""
        options = {"commitment": FINALIZED, "limit": LISTED_MAX}
        found = await self.node.ask("getSignaturesForAddress", str(reference_of(name)), options)
        if not isinstance(found, list) or not all(
            isinstance(one, dict) and isinstance(one.get("signature"), str) for one in found
        ):
            raise ChainUnavailable("the node's answer is no list of transactions")
        return [one["signature"] for one in found]

    async def token_balance(self, account: str, *, commitment: str = CONFIRMED) -> int:
        """Base units in a token account; 0 when it is not there. Raises ChainUnavailable."""
        from valetkey.chains.solana.accounts import read_token_account
        from valetkey.chains.solana.state import accounts

        _, (found,) = await accounts(self.node, [pubkey(account, "account")], commitment)
        token = read_token_account(found)
        return 0 if token is None else token.amount

    async def native_balance(self, address: str, *, commitment: str = CONFIRMED) -> int:
        """Lamports. Raises ChainUnavailable."""
        _, found = await self.node.value(
            "getBalance", str(pubkey(address, "address")), {"commitment": commitment}
        )
        if type(found) is not int or found < 0:
            raise ChainUnavailable("the node's answer is no number of lamports")
        return found

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self.node.close()

    async def _block(self, slot: int) -> Block:
        # A slot without a block has no time: the one before it that has one is asked for.
        for number in range(slot, max(slot - 32, -1), -1):
            try:
                found = await self.node.ask("getBlockTime", number)
            except ChainUnavailable:
                if number == max(slot - 31, 0):
                    raise
                continue
            if type(found) is int:
                return Block(number, found)
        raise ChainUnavailable("the node does not tell the time of its blocks")

    async def _number(self, method: str, *params: Any) -> int:
        found = await self.node.ask(method, *params)
        if type(found) is not int or found < 0:
            raise ChainUnavailable(f"the node's answer to {method} is no number")
        return found


def _execution(signature: str, found: Any) -> Execution:
    text, encoding = found["transaction"]
    transaction = read_transaction(base64.b64decode(text, validate=True))
    if encoding != "base64" or str(transaction.signatures[0]) != signature or not is_signed(transaction):
        raise ChainUnavailable("the node answered another transaction than it was asked for")
    slot, at, meta = found["slot"], found["blockTime"], found["meta"]
    if type(slot) is not int or type(at) is not int:
        raise ChainUnavailable("the node's answer has no slot or no time")
    message = transaction.message
    loaded = meta.get("loadedAddresses") or {}
    tables = [*loaded.get("writable", []), *loaded.get("readonly", [])]
    keys = [*message.account_keys, *(Pubkey.from_string(one) for one in tables)]
    signers = tuple(str(one) for one in keys[: message.header.num_required_signatures])
    block = Block(slot, at)
    if meta["err"] is not None:
        return Execution(signature, signers[0], False, block, (), signers)
    return Execution(signature, signers[0], True, block, read_moves(message, keys, meta), signers)
