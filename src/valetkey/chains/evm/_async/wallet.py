"""One account on one network: what it has, what it signs, what becomes of what it sent. Every call may raise
ChainUnavailable (retryable); nothing is guessed."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from valetkey.chains.evm.answers import TRANSFER_TOPIC, read_logged, read_outcome
from valetkey.chains.evm.connection import async_close_web3, async_open_web3, no_answer
from valetkey.chains.evm.errors import CallReverts, NotAccepted, StillPending, WrongChain
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.core.escrow import Escrow
from valetkey.core.money import NATIVE, Asset
from valetkey.core.tokens import TokenMismatch, check_decimals
from valetkey.crypto.keys import checksum_address, keccak256
from valetkey.ports.outcome import Outcome
from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call, Mined, SignedTransaction
from valetkey.seam import async_sleep
from valetkey.wire import calls
from valetkey.wire.escrow import read_escrow

T = TypeVar("T")

GAS_MARGIN_PERCENT = 130
"""An estimate is of the state now; a spend that lands later may touch a storage slot anew."""

TRANSFER_GAS = 21_000
PRIORITY_FEE_WEI = 1_000_000
"""What is offered to a block's maker when the node suggests nothing."""

LOOK_SECONDS = 0.25
GAS_ORACLE = "0x420000000000000000000000000000000000000F"
"""The fee oracle that OP stack chains (Base) have at this address; it tells what posting to layer 1 costs."""


class AsyncEvmWallet:
    """A signer's account. Reading needs no signer; signing without one is a mistake of the caller."""

    def __init__(self, rpc_url: str, chain_id: int, escrow: str, signer: Signer | None = None) -> None:
        self._rpc_url = rpc_url
        self._chain_id = chain_id
        self._escrow = escrow
        self._signer = signer
        self._web3: Any = None
        self._sound: set[Asset] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._signer.address if self._signer else 'read only'}>"

    @property
    def address(self) -> str:
        """The account's address, EIP-55."""
        assert self._signer is not None, "this wallet only reads"
        return self._signer.address

    async def close(self) -> None:
        """Close the connection."""
        web3, self._web3 = self._web3, None
        if web3 is not None:
            await async_close_web3(web3)

    # What it has

    async def native_balance(self, address: str) -> int:
        """Wei of an account."""
        web3 = await self._connected()
        return int(await self._ask(lambda: web3.eth.get_balance(checksum_address(address))))

    async def token_balance(self, token: str, address: str) -> int:
        """Base units of a token that an account has."""
        return await self._number(calls.balance_of(token, address))

    async def allowance(self, token: str, owner: str, spender: str) -> int:
        """Base units of a token that a spender may still take."""
        return await self._number(calls.allowance(token, owner, spender))

    async def checked(self, asset: Asset) -> Asset:
        """The asset, whose decimals its chain told; it is asked once. Raises TokenMismatch when it says otherwise."""
        if asset.chain_id != self._chain_id:
            raise TokenMismatch(f"{asset.id} is not of chain {self._chain_id}", field="token")
        if asset.address != NATIVE and asset not in self._sound:
            try:
                answer = await self.view(calls.decimals(asset.address))
            except CallReverts:
                answer = b""
            check_decimals(asset, answer)
            self._sound.add(asset)
        return asset

    async def escrow(self, transaction_id: str) -> Escrow | None:
        """The escrow of a marketplace transaction as it is now; None when there is none."""
        answer = await self.view(calls.get_escrow(self._escrow, transaction_id))
        escrow, sound = None, True
        try:
            escrow = read_escrow(answer)
        except InvalidInput:
            sound = False
        if not sound:
            raise ChainUnavailable("what answers at the escrow's address is no escrow contract")
        return escrow

    async def block_time(self) -> int:
        """Unix seconds of the newest block."""
        web3 = await self._connected()
        return int((await self._ask(lambda: web3.eth.get_block("latest")))["timestamp"])

    async def block_number(self) -> int:
        """The number of the newest block."""
        web3 = await self._connected()
        return int(await self._ask(lambda: web3.eth.block_number))

    async def nonce(self) -> int:
        """How many transactions of the account are in blocks."""
        web3 = await self._connected()
        return int(await self._ask(lambda: web3.eth.get_transaction_count(self.address, "latest")))

    async def fee_per_gas(self) -> int:
        """Wei per gas that a transaction offers at most if it is signed now."""
        return (await self._fees())[0]

    # What it sends

    async def sign(
        self, call: Call, *, nonce: int | None = None, gas: int | None = None
    ) -> SignedTransaction:
        """Sign a call; nothing is sent. The account's next nonce is taken unless one is given.

        Without `gas` the call is tried first: raises CallReverts when the contract would refuse it.
        """
        web3 = await self._connected()
        if gas is None:
            gas = await self._gas(call)
        fee, tip = await self._fees()
        if nonce is None:
            nonce = int(await self._ask(lambda: web3.eth.get_transaction_count(self.address, "pending")))
        return self._signed(call, nonce, gas, fee, tip)

    async def sign_sweep(self, to: str) -> SignedTransaction | None:
        """Sign away all the account's wei to an address; None when it has less than that would cost."""
        balance = await self.native_balance(self.address)
        fee, _ = await self._fees()
        nonce = await self.nonce()
        # With the tip as high as the fee the whole fee is paid, so that nothing is left behind.
        trial = self._signed(calls.transfer_native(to, balance), nonce, TRANSFER_GAS, fee, fee)
        value = balance - TRANSFER_GAS * fee - await self._layer1_cost(trial.raw)
        if value <= 0:
            return None
        return self._signed(calls.transfer_native(to, value), nonce, TRANSFER_GAS, fee, fee)

    async def send(self, signed: SignedTransaction) -> None:
        """Send signed bytes; sending them again is harmless. Raises NotAccepted when no node takes them."""
        web3 = await self._connected()
        from web3.exceptions import Web3RPCError

        refusal = ""
        try:
            await self._ask(lambda: web3.eth.send_raw_transaction(signed.raw), let=Web3RPCError)
        except Web3RPCError as error:
            refusal = _reason(error.message)
        # A node that knows it already refuses it too.
        if refusal and not await self._known(signed.tx_hash):
            raise NotAccepted(refusal)

    async def mined(self, tx_hash: str) -> Mined | None:
        """What became of a transaction; None while it is in no block."""
        web3 = await self._connected()
        from web3.exceptions import TransactionNotFound

        try:
            receipt = await self._ask(
                lambda: web3.eth.get_transaction_receipt(tx_hash), let=TransactionNotFound
            )
        except TransactionNotFound:
            return None
        return Mined(tx_hash, int(receipt["status"]) == 1, int(receipt["blockNumber"]))

    async def outcome(self, tx_hash: str) -> Outcome | None:
        """What a transaction did, as its receipt says; None while it is in no block."""
        web3 = await self._connected()
        from web3.exceptions import TransactionNotFound

        try:
            receipt = await self._ask(
                lambda: web3.eth.get_transaction_receipt(tx_hash), let=TransactionNotFound
            )
        except TransactionNotFound:
            return None
        return read_outcome(tx_hash, receipt)

    async def left(self, token: str, payer: str, first: int) -> int:
        """Base units of a token that an account paid to others since a block, that one included."""
        web3 = await self._connected()
        asked = {
            "fromBlock": first,
            "address": checksum_address(token),
            "topics": ["0x" + TRANSFER_TOPIC.hex(), "0x" + payer[2:].lower().rjust(64, "0")],
        }
        logs = await self._ask(lambda: web3.eth.get_logs(asked))
        return sum(one.units for one in read_logged(logs) if one.payee.lower() != payer.lower())

    async def wait(self, tx_hash: str, seconds: float) -> Mined:
        """Wait until a transaction is in a block. Raises StillPending when it takes longer."""
        deadline = time.monotonic() + seconds
        pause = LOOK_SECONDS / 5
        while (found := await self.mined(tx_hash)) is None:
            if time.monotonic() >= deadline:
                raise StillPending(f"transaction {tx_hash} is not in a block after {seconds:g} s")
            await async_sleep(pause)
            pause = min(pause * 2, LOOK_SECONDS * 4)
        return found

    # Inside

    async def _connected(self) -> Any:
        if self._web3 is None:
            web3 = await async_open_web3(self._rpc_url)
            met = -1
            try:
                met = int(await self._ask(lambda: web3.eth.chain_id))
            finally:
                if met != self._chain_id:
                    await async_close_web3(web3)
            if met != self._chain_id:
                raise WrongChain(f"the node serves chain {met}, not {self._chain_id}")
            # Another task may have been faster.
            kept = self._web3 or web3
            if kept is not web3:
                await async_close_web3(web3)
            self._web3 = kept
        return self._web3

    async def _ask(self, question: Callable[[], Awaitable[T]], *, let: type[Exception] | None = None) -> T:
        """Ask, and await the answer; failures become ours, and never quote the URL. `let` passes as it is.

        The question is asked in here, so that the sync twin, which gets its answer at once, meets its failures here.
        """
        from web3.exceptions import ContractLogicError, Web3RPCError

        problem: Exception
        try:
            return await question()
        except ContractLogicError as error:
            problem = CallReverts(_reason(error.message))
        except Web3RPCError as error:
            if let is not None and isinstance(error, let):
                raise
            problem = ChainUnavailable(f"the node answered an error: {_reason(error.message)}")
        except Exception as error:
            met = no_answer(error)
            if met is None:
                raise
            problem = met
        raise problem

    async def view(self, call: Call) -> bytes:
        """What a contract answers to a call now. Raises CallReverts when it refuses."""
        web3 = await self._connected()
        # The sender is set by no caller of a view: whoever asks gets the same answer.
        return bytes(await self._ask(lambda: web3.eth.call({"to": call.to, "data": call.data})))

    async def _number(self, call: Call) -> int:
        answer = await self.view(call)
        if len(answer) != calls.WORD_BYTES:
            raise ChainUnavailable("what answers at the token's address is no token")
        return int.from_bytes(answer, "big")

    async def _gas(self, call: Call) -> int:
        if not call.data:
            return TRANSFER_GAS
        web3 = await self._connected()
        asked = {"from": self.address, "to": call.to, "data": call.data, "value": call.value}
        return int(await self._ask(lambda: web3.eth.estimate_gas(asked))) * GAS_MARGIN_PERCENT // 100

    async def _fees(self) -> tuple[int, int]:
        """The most that is paid per gas, and what of it goes to the block's maker, in wei."""
        web3 = await self._connected()
        from web3.exceptions import MethodUnavailable

        base = int((await self._ask(lambda: web3.eth.get_block("latest"))).get("baseFeePerGas", 0))
        try:
            tip = (
                int(await self._ask(lambda: web3.eth.max_priority_fee, let=MethodUnavailable))
                or PRIORITY_FEE_WEI
            )
        except MethodUnavailable:
            tip = PRIORITY_FEE_WEI
        return 2 * base + tip, tip

    async def _layer1_cost(self, raw: bytes) -> int:
        """Wei that an OP stack chain takes beside gas for these bytes; 0 on a chain that has no such fee."""
        body = raw + bytes(-len(raw) % calls.WORD_BYTES)
        data = (
            keccak256(b"getL1Fee(bytes)")[:4] + (32).to_bytes(32, "big") + len(raw).to_bytes(32, "big") + body
        )
        try:
            answer = await self.view(Call(GAS_ORACLE, data))
        except CallReverts:
            return 0
        # It may rise until the sweep is in a block.
        return int.from_bytes(answer[:32], "big") * 3 // 2

    async def _known(self, tx_hash: str) -> bool:
        web3 = await self._connected()
        from web3.exceptions import TransactionNotFound

        try:
            await self._ask(lambda: web3.eth.get_transaction(tx_hash), let=TransactionNotFound)
        except TransactionNotFound:
            return False
        return True

    def _signed(self, call: Call, nonce: int, gas: int, fee: int, tip: int) -> SignedTransaction:
        assert self._signer is not None, "this wallet only reads"
        raw = self._signer.sign_transaction(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": call.to,
                "value": call.value,
                "data": call.data,
                "gas": gas,
                "maxFeePerGas": fee,
                "maxPriorityFeePerGas": tip,
            }
        )
        return SignedTransaction(raw, "0x" + keccak256(raw).hex(), nonce, gas * fee + call.value)


def _reason(message: object) -> str:
    """A node's own words about a call, which quote no URL; cut, because a contract may say anything."""
    return str(message or "no reason given")[:300]
