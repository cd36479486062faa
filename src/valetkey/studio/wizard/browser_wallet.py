"""The wallet of whoever sits before a page (EIP-1193): asked there, awaited in the thread that makes a session."""

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import TimeoutError as WaitedTooLong
from dataclasses import dataclass, field
from typing import Any

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import address_of, checksum_address, is_address, keccak256
from valetkey.crypto.signatures import recover_digest
from valetkey.ports.wallet import Call

ANSWER_SECONDS = 600.0
"""How long somebody may look at what the wallet shows."""

SEND = "eth_sendTransaction"
SIGNATURE_BYTES = 65
TX_HASH_CHARS = 66


class WalletRefused(ValetkeyError):
    """The wallet in the browser, or whoever sits before it, said no, or is not there."""


class WalletLost(WalletRefused):
    """Whether the wallet sent what it was asked to send is not known."""


@dataclass(eq=False, slots=True)
class Asked:
    """One thing that a wallet is asked. `chain_id`: the chain that it has to be on, None where that plays no part."""

    method: str
    params: list[Any]
    account: str | None
    chain_id: int | None
    answer: "asyncio.Future[Any]" = field(repr=False)
    is_taken: bool = False

    def told(self) -> dict[str, Any]:
        """As the page hears it."""
        return {
            "method": self.method,
            "params": self.params,
            "account": self.account,
            "chainId": None if self.chain_id is None else hex(self.chain_id),
        }


class Bridge:
    """Carries questions from a thread to whichever page is open, one at a time, and the answer back."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()
        self.asked: Asked | None = None

    def ask(self, method: str, params: list[Any], account: str | None, chain_id: int | None = None) -> Any:
        """Ask, from a thread, and wait for the answer. Raises WalletRefused."""
        waiting = asyncio.run_coroutine_threadsafe(self._ask(method, params, account, chain_id), self._loop)
        answer: Any = None
        try:
            answer = waiting.result(ANSWER_SECONDS)
        except WaitedTooLong:
            waiting.cancel()
            answer = None
        if method == SEND and (answer is None or "lost" in answer):
            raise WalletLost("the page was closed, or nobody answered, while the wallet was asked to send")
        if not isinstance(answer, Mapping) or "result" not in answer:
            told = answer.get("error") if isinstance(answer, Mapping) else None
            raise WalletRefused(str(told or "the wallet in the browser did not answer")[:300])
        return answer["result"]

    async def next(self) -> Asked:
        """What is asked now, once something is that no other page has taken."""
        while self.asked is None or self.asked.is_taken:
            self._changed.clear()
            await self._changed.wait()
        self.asked.is_taken = True
        return self.asked

    def lose(self, asked: Asked) -> None:
        """The page is gone, and what its wallet does nobody hears: another page asks again, but never for money."""
        if asked.method == SEND:
            self.answer(asked, {"lost": True})
        elif self.asked is asked:
            asked.is_taken = False
            self._changed.set()

    def answer(self, asked: Asked, answer: Any) -> None:
        """The page's answer; only the first one counts."""
        if self.asked is asked:
            self.asked = None
        if not asked.answer.done():
            asked.answer.set_result(answer)

    async def _ask(self, method: str, params: list[Any], account: str | None, chain_id: int | None) -> Any:
        asked = Asked(method, params, account, chain_id, self._loop.create_future())
        self.asked = asked
        self._changed.set()
        try:
            return await asked.answer
        finally:
            if self.asked is asked:
                self.asked = None


class BrowserSigner:
    """The owner's wallet in the browser, as ports/signer.py has it. It signs no transaction without sending it."""

    def __init__(self, bridge: Bridge, address: str, chain_id: int) -> None:
        if not is_address(address):
            raise InvalidInput("the owner's wallet is not known: sign in with it, or fund it first")
        self._bridge, self._address, self._chain_id = bridge, checksum_address(address), chain_id

    def __repr__(self) -> str:
        return f"<BrowserSigner {self._address}>"

    @property
    def address(self) -> str:
        """EIP-55."""
        return self._address

    def sign_message(self, message: bytes) -> bytes:
        """EIP-191 personal_sign. Raises WalletRefused, also for what another account signed."""
        told = self._bridge.ask("personal_sign", [f"0x{message.hex()}", self._address], self._address)
        signature = _signature(told)
        digest = keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)
        signer = ""
        try:
            signer = address_of(recover_digest(digest, signature))
        except InvalidSignature:
            signer = ""
        if signer.lower() != self._address.lower():
            raise WalletRefused(f"the wallet signed with another account than {self._address}")
        return signature

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """Raises WalletRefused: a browser's wallet sends what it signs."""
        raise WalletRefused(
            f"a wallet in a browser signs nothing of chain {transaction.get('chainId')} without sending it"
        )

    def sign_typed_data(self, typed_data: Mapping[str, Any]) -> bytes:
        """EIP-712, eth_signTypedData_v4. Raises WalletRefused."""
        # JavaScript has no whole numbers of 256 bits.
        told = json.dumps({**typed_data, "message": _as_text(typed_data["message"])})
        params = [self._address, told]
        return _signature(self._bridge.ask("eth_signTypedData_v4", params, self._address, self._chain_id))

    def send(self, call: Call) -> str:
        """Have the wallet send a call; the transaction's hash, which is in no block yet. Raises WalletRefused."""
        asked = {
            "from": self._address,
            "to": call.to,
            "data": f"0x{call.data.hex()}",
            "value": hex(call.value),
        }
        found = self._bridge.ask(SEND, [asked], self._address, self._chain_id)
        if not isinstance(found, str) or len(found) != TX_HASH_CHARS or not found.startswith("0x"):
            raise WalletRefused("the wallet sent something, and did not tell its hash")
        return found


def _as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_text(one) for name, one in value.items()}
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return str(value)


def _signature(told: Any) -> bytes:
    """65 bytes with v of 27 or 28: some wallets count from 0. Of a wallet that is a contract, whatever it says."""
    raw = b""
    try:
        raw = bytes.fromhex(told.removeprefix("0x")) if isinstance(told, str) else b""
    except ValueError:
        raw = b""
    if not raw:
        raise WalletRefused("the wallet answered no signature")
    if len(raw) == SIGNATURE_BYTES and raw[64] < 27:
        return raw[:64] + bytes([raw[64] + 27])
    return raw
